"""Texts to translators and back: everything travels along, good rows come in, bad ones are refused with a reason."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from survey.instruments.exchange import Incoming, judge, units
from survey.instruments.loader import read_instrument
from survey.instruments.provenance import write_records
from survey.instruments.rewriting import replace_texts
from survey.instruments.schema import validate
from survey.instruments.translator_files import FORMATS, BadFile, read_xliff_file
from tests.factories import SHIPPED_DEFINITION
from tests.survey.files import edit

KEY = "consent.heading"
SOURCE, HINDI = (SHIPPED_DEFINITION.texts[locale].entries[KEY].body for locale in ("en-US", "hi-IN"))
NEW = "भाग लेने से पहले “यह” पढ़ें: 100% सच & <साफ़>"


def export(folder: Path, format: str, *keys: str) -> Path:
    out = folder.parent / f"hi.{format}"
    call_command(
        "export_texts", *keys, "--instrument", str(folder), "--locale", "hi-IN", "--format", format, "--out", str(out)
    )
    return out


def take_in(folder: Path, file: Path, *options: str) -> None:
    call_command("import_texts", str(file), "--instrument", str(folder), "--translator", "Asha", *options)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("format", [*FORMATS])
def test_round_trip_changes_nothing(folder: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(folder)
    take_in(folder, export(folder, format))
    assert capsys.readouterr().out.splitlines()[-1] == "0 taken, 1162 unchanged, 0 refused"
    assert snapshot(folder) == before


@pytest.mark.parametrize("format", [*FORMATS])
def test_written_rows_are_read_as_they_were(format: str) -> None:
    made = [unit._replace(target=NEW) for unit in units(SHIPPED_DEFINITION, "hi-IN", [KEY, "question.*"])]
    rows = FORMATS[format].read(FORMATS[format].write(made, "pact", "en-US", "hi-IN"))
    assert [(r.key, r.locale, r.source, r.target) for r in rows] == [(u.key, "hi-IN", u.source, NEW) for u in made]


@pytest.mark.parametrize("format", [*FORMATS])
def test_translation_comes_in_as_one_line_and_its_record(
    folder: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(folder, format, KEY, "title")
    edit(file, HINDI, "भाग लेने से पहले")
    path = folder / "texts/hi-IN.yaml"
    before = path.read_text(encoding="utf-8").splitlines()
    take_in(folder, file, "--dry-run")
    assert path.read_text(encoding="utf-8").splitlines() == before
    assert not (folder / "provenance/hi-IN.csv").exists()
    assert capsys.readouterr().out.splitlines()[-1] == "1 taken, 1 unchanged, 0 refused; nothing was written"
    take_in(folder, file)
    after = path.read_text(encoding="utf-8").splitlines()
    differ = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert differ == [(f'  heading: "{HINDI}"', '  heading: "भाग लेने से पहले"')]
    definition = read_instrument(folder)
    assert validate(definition) == []
    entry = definition.texts["hi-IN"].entries[KEY]
    assert (entry.status, entry.provenance.translator, entry.body) == ("machine draft", "Asha", "भाग लेने से पहले")
    assert len((folder / "provenance/hi-IN.csv").read_text(encoding="utf-8").splitlines()) == 2


def row(**values: object) -> Incoming:
    return Incoming("line 1", KEY, "hi-IN", SOURCE, NEW)._replace(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"key": "nothing"}, "unknown key"),
        ({"target": " "}, "empty"),
        ({"target": "{name}"}, "placeholders ['name'] differ from the source's []"),
        ({"target": "{"}, "a lone brace"),
        ({"target": '=HYPERLINK("x")'}, "begins with '=', which a spreadsheet takes for a formula"),
        ({"source": "Another text"}, "conflict: the source has changed since the export"),
        ({"locale": "pt-BR"}, "wrong locale 'pt-BR', not hi-IN"),
        ({"target": "e\u0301"}, "not in Unicode normal form C"),
        ({"fault": "marked fuzzy: not finished"}, "marked fuzzy: not finished"),
    ],
)
def test_bad_row_is_refused_and_costs_no_good_one(values: dict[str, object], reason: str) -> None:
    good = row(key="title", source=SHIPPED_DEFINITION.texts["en-US"].entries["title"].body)
    judged = list(judge(SHIPPED_DEFINITION, "hi-IN", [row(**values), good], "Asha"))
    assert [(one.result, one.reason) for one in judged] == [("refused", reason), ("taken", "")]


def test_second_row_of_a_key_is_refused() -> None:
    first, second = judge(SHIPPED_DEFINITION, "hi-IN", [row(), row(place="line 2", target="x")], "Asha")
    assert (first.result, second.result, second.reason) == ("taken", "refused", "stands in line 1 already")


def test_signed_text_is_not_overwritten(folder: Path) -> None:
    options = ["--instrument", str(folder), "--locale", "hi-IN", "--by", "Ravi", "--status", "reviewed"]
    call_command("mark_texts", KEY, *options)
    (one,) = judge(read_instrument(folder), "hi-IN", [row()], "Asha")
    assert one.reason == "is reviewed, signed by Ravi: mark it back to machine draft first"


def test_stale_text_travels_as_unfinished_and_comes_back_confirmed(folder: Path) -> None:
    edit(folder / "texts/en-US.yaml", SOURCE, f"{SOURCE}!")
    file = export(folder, "po", KEY)
    assert "fuzzy" in file.read_text(encoding="utf-8")
    (one,) = judge(read_instrument(folder), "hi-IN", FORMATS["po"].read(file.read_bytes()), "Asha")
    assert one.reason == "marked fuzzy: not finished"
    edit(file, "#, fuzzy\n", "")
    definition = read_instrument(folder)
    (one,) = judge(definition, "hi-IN", FORMATS["po"].read(file.read_bytes()), "Asha")
    assert (one.result, one.reason) == ("taken", "fits the changed source")
    assert one.entry
    write_records(folder, "hi-IN", {**definition.texts["hi-IN"].entries, KEY: one.entry})
    assert [u.is_stale for u in units(read_instrument(folder), "hi-IN", [KEY])] == [False]


def test_context_notes_and_lengths_travel_along(folder: Path) -> None:
    content = export(folder, "csv", "items.BR01.choice_culture", "question.norm").read_bytes().decode("utf-8-sig")
    page, item = csv.DictReader(io.StringIO(content, newline=""))
    assert page["context"] == "Page texts, question: norm"
    assert item["context"] == "Item BR01, set in Brazil, food and hospitality: answer: follow the expectation"
    assert item["note"] == "Same form, tone and about the same length as the other answer."
    assert int(item["max_length"]) > 20
    for format in ("po", "xliff"):
        assert item["context"] in export(folder, format, "items.BR01.*").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("po", 'msgid "x\n'),
        ("xliff", "<xliff"),
        ("xliff", "<html/>"),
        ("csv", "key,target\n"),
        ("csv", "\udcff"),
    ],
)
def test_unreadable_file_is_refused_as_a_whole(format: str, content: str) -> None:
    with pytest.raises(BadFile):
        FORMATS[format].read(content.encode("utf-8", "surrogateescape"))


def test_xliff_that_declares_entities_is_refused() -> None:
    swelling = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/hostname">]><x>&a;&b;</x>'
    with pytest.raises(BadFile, match="document type"):
        read_xliff_file(swelling.encode())


def test_table_as_a_spreadsheet_saves_it_is_told_how_to_be_saved() -> None:
    header, row = "key,locale,source,target", "title,pt-BR,Trial,Teste"
    with pytest.raises(BadFile, match="separated by semicolons: save it as CSV with commas"):
        FORMATS["csv"].read(f"{header}\n{row}".replace(",", ";").encode())
    with pytest.raises(BadFile, match="CSV UTF-8"):
        FORMATS["csv"].read(f"{header}\n{row}".encode("utf-16"))
    (only,) = FORMATS["csv"].read(f"{header}\n,,,\n{row}\n\n , ,,\n".encode())
    assert (only.place, only.key) == ("line 3", "title")


def test_short_csv_row_is_refused_alone() -> None:
    good = FORMATS["csv"].write(units(SHIPPED_DEFINITION, "hi-IN", [KEY]), "pact", "en-US", "hi-IN")
    rows = FORMATS["csv"].read(good + b"title,hi-IN\r\n")
    assert [r.fault for r in rows] == ["", "2 cells where the header has 8"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--locale", "en-US"], "no locale to translate into"),
        (["--translator", " "], "name the translator"),
        (["--format", "xliff"], "not valid XML"),
    ],
)
def test_import_says_what_it_cannot_do(folder: Path, options: list[str], match: str) -> None:
    file = export(folder, "csv", KEY)
    with pytest.raises(CommandError, match=match):
        take_in(folder, file, *options)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('a: "old"  # why\nb: x\n', 'a: "new"  # why\nb: x\n'),
        ("a: old\nb: x\n", 'a: "new"\nb: x\n'),
        ("a: |\n  old\n  older\n\nb: x\n", 'a: "new"\n\nb: x\n'),
        ("a:\nb: x\n", 'a: "new"\nb: x\n'),
    ],
)
def test_only_the_text_itself_is_replaced(before: str, after: str) -> None:
    assert replace_texts(before, {"a": "new"}) == after


def test_unknown_key_is_not_replaced() -> None:
    with pytest.raises(KeyError):
        replace_texts("a: old\n", {"b": "new"})
