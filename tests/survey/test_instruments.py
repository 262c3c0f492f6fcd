"""Instrument files: what is wrong is named with file, line and key; what is stored is stored once and for good."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from survey.domain.instruments import load_instrument
from survey.domain.studies import launch_study
from survey.enums import Locale, Theme
from survey.instruments.loader import read_instrument
from survey.instruments.schema import validate
from survey.models import Instrument, InstrumentVersion, Item, Text
from tests.factories import SHIPPED_DEFINITION, make_study, make_version
from tests.survey.files import problems


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


def line_of(path: Path, start: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if line.strip().startswith(start))


def test_shipped_instrument_is_in_order() -> None:
    assert validate(SHIPPED_DEFINITION) == []


def test_shipped_items_are_enough_and_balanced() -> None:
    rows = [row.values for row in SHIPPED_DEFINITION.items]
    assert len(rows) >= 180
    assert {row["theme"] for row in rows} == set(Theme.values)
    assert sum(row["core"] == "1" for row in rows) >= 40
    by_country = Counter(row["scenario_country"] for row in rows)
    cells = Counter((row["scenario_country"], row["receiver_age"], row["receiver_gender"]) for row in rows)
    assert all(n == by_country[country] / 4 for (country, _, _), n in cells.items())
    assert len(cells) == 4 * len(by_country)
    assert all(by_country[country] >= 16 for country in ("BR", "IN", "ZA", "GB", "US"))
    assert min(by_country.values()) >= 5


def test_shipped_choices_are_of_like_length() -> None:
    for locale in Locale:
        entries = SHIPPED_DEFINITION.texts[locale].entries
        for row in SHIPPED_DEFINITION.items:
            lengths = [len(entries[f"items.{row.values['code']}.choice_{c}"].body) for c in ("culture", "preference")]
            assert max(lengths) <= 1.6 * min(lengths), (locale, row.values["code"])


def test_shipped_translations_are_marked_as_drafts() -> None:
    statuses = {entry.status for file in SHIPPED_DEFINITION.texts.values() for entry in file.entries.values()}
    assert statuses == {"machine draft"}


def test_missing_text_is_named_with_file_line_and_key(folder: Path) -> None:
    path = folder / "texts/pt-BR.yaml"
    line = line_of(path, "choice_preference:")
    edit(path, lambda text: text.replace("    choice_preference:", "    choice_other:", 1))
    assert problems(folder) == [
        f"texts/pt-BR.yaml:{line}: items.BR01.choice_preference: missing",
        f"texts/pt-BR.yaml:{line}: items.BR01.choice_other: extra: no page or item uses it",
    ]


def test_empty_text_is_named(folder: Path) -> None:
    path = folder / "texts/hi-IN.yaml"
    line = line_of(path, "title:")
    edit(path, lambda text: "\n".join('title: ""' if row.startswith("title:") else row for row in text.splitlines()))
    assert problems(folder) == [f"texts/hi-IN.yaml:{line}: title: empty"]


def test_other_placeholder_is_named(folder: Path) -> None:
    path = folder / "texts/en-ZA.yaml"
    edit(path, lambda text: text.replace("{actor}", "{person}"))
    (problem,) = problems(folder)
    assert problem.startswith(
        f"texts/en-ZA.yaml:{line_of(path, 'personal:')}: question.personal: placeholders ['person']"
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("texts/en-GB.yaml", "title:", "title: x\ntitle:", "title: stands twice"),
        ("texts/en-GB.yaml", "title:", "title: [", "not valid YAML"),
        ("texts/en-GB.yaml", "locale: en-GB", "locale: en-XX", "'en-XX' is not the file's name"),
        ("texts/en-GB.yaml", "status: machine draft", "status: perfect", "status 'perfect' is none of"),
        ("texts/en-GB.yaml", "{actor}", "{actor", "a lone brace"),
        ("items.csv", "food_hospitality", "cooking", "'cooking' is none of food_hospitality"),
        ("items.csv", "\nBR02,BR", "\nBR01,BR", "BR01 stands in line 2 already"),
        ("items.csv", "\nBR02,BR", "\nBR02,XX", "'XX' is none of"),
        ("items.csv", "\nBR02,", "\nBR02", "10 cells where the header has 11"),
        ("items.csv", "code,", "codes,", "the first line does not name code; unknown there: codes"),
        ("items.csv", "written for this instrument", "x" * 301, "longer than 300 characters (item BR01)"),
        (
            "items.csv",
            "written for this instrument",
            '=HYPERLINK("x")',
            "source_note: begins like a formula",
        ),
        ("texts/en-GB.yaml", "title: ", 'title: "=1+1" #', "title: begins with '=', which a spreadsheet takes for a"),
        ("instrument.yaml", "same: 4", "same: 9", "asks for 9 items, items.csv has 8"),
        ("instrument.yaml", "consent_version:", "version:", "consent_version: missing"),
        ("instrument.yaml", 'consent_version: "1"', "consent_version: 1", "must be a text"),
        ("instrument.yaml", "[pt-BR]", "[pt-PT]", "unknown locale 'pt-PT'"),
        ("instrument.yaml", "[MM, SG]", "[MM, BR]", "BR stands under two relations"),
        ("instrument.yaml", "consent, screening,", "screening,", "page 'consent' is missing"),
        ("instrument.yaml", "[rarely, often]", "[sometimes]", "name the option to select"),
        ("instrument.yaml", "too_fast: 4", "too_slow: 4", "unknown flag 'too_slow'"),
        ("instrument.yaml", "too_fast: 4", "too_fast: quick", "too_fast needs a limit that is a number"),
        ("instrument.yaml", "exclusions: [attention_failed,", "exclusions: [bad,", "'bad' is no flag"),
        ("instrument.yaml", "[first, fluent]", "[first, native]", "are among first, fluent"),
        ("instrument.yaml", "far: 0}", "distant: 0}", "items must give a number for core, same, close, far"),
        ("instrument.yaml", "arms:", "arms: none\nother:", "arms: must be a mapping"),
    ],
)
def test_fault_is_named(folder: Path, file: str, old: str, new: str, expected: str) -> None:
    edit(folder / file, lambda text: text.replace(old, new, 1))
    found = problems(folder)
    assert any(expected in problem and problem.startswith(f"{file}:") for problem in found), found


def test_missing_files_and_wrong_encodings_are_named(folder: Path) -> None:
    (folder / "texts/en-GB.yaml").unlink()
    (folder / "texts/en-ZA.yaml").write_bytes("título: à".encode("latin-1"))
    found = problems(folder)
    assert "texts/en-GB.yaml:1: en-GB: file is missing" in found
    assert any(problem.startswith("texts/en-ZA.yaml:1:") and "not UTF-8" in problem for problem in found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace(",", ";"), "separated by semicolons, not by commas"),
        (lambda text: text.replace(",", "\t"), "separated by tabs, not by commas"),
        (lambda text: "Our items" + "," * 10 + "\n" + text, "does not name code, scenario_country"),
        (lambda text: text.replace(",theme,", ",topic,", 1), "does not name theme; unknown there: topic"),
    ],
)
def test_table_as_a_spreadsheet_spoils_it_is_one_fault(
    folder: Path, change: Callable[[str], str], expected: str
) -> None:
    edit(folder / "items.csv", change)
    (problem,) = problems(folder)
    assert problem.startswith("items.csv:1: items.csv: ")
    assert expected in problem


@pytest.mark.parametrize("name", ["items.csv", "texts/hi-IN.yaml", "texts/en-US.yaml", "instrument.yaml"])
def test_what_follows_from_an_unread_file_is_not_told(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_text(encoding="utf-8").encode("utf-16"))
    assert problems(folder) == [f"{name}:1: {name}: not UTF-8 (byte 0)"]


def test_empty_lines_of_a_spreadsheet_are_passed_over(folder: Path) -> None:
    before = read_instrument(folder).content_hash
    edit(folder / "items.csv", lambda text: text + "," * 10 + "\n\n" + " ," * 10 + "\n")
    assert (problems(folder), read_instrument(folder).content_hash) == ([], before)


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("instrument.yaml", "  BR:\n", "  NO:\n", "NO is read as yes or no, not as a word"),
        ("instrument.yaml", "[MM, SG]", "[MM, NO]", "NO is read as yes or no, not as a word"),
        ("analysis_plan.yaml", "  own_country_norm:\n", "  2:\n", "2 is read as a number, not as a word"),
    ],
)
def test_word_that_yaml_takes_for_something_else_is_named(
    folder: Path, name: str, old: str, new: str, expected: str
) -> None:
    edit(folder / name, lambda text: text.replace(old, new, 1))
    line = next(n for n, row in enumerate((folder / name).read_text().splitlines(), start=1) if new.strip() in row)
    assert problems(folder) == [f"{name}:{line}: {name}: {expected}"]


def test_layout_does_not_change_the_hash_but_content_does(folder: Path) -> None:
    before = read_instrument(folder).content_hash
    edit(folder / "texts/en-GB.yaml", lambda text: "# a comment\n" + text.replace("\n\n", "\n"))
    assert read_instrument(folder).content_hash == before
    edit(folder / "texts/en-GB.yaml", lambda text: text.replace("Everyday", "Daily", 1))
    assert read_instrument(folder).content_hash != before


@pytest.mark.django_db
def test_loading_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_instrument")
    counts = [model.objects.count() for model in (InstrumentVersion, Item, Text)]
    call_command("load_instrument")
    assert [model.objects.count() for model in (InstrumentVersion, Item, Text)] == counts
    assert "nothing changed" in capsys.readouterr().out


@pytest.mark.django_db
def test_changed_content_is_the_next_version(folder: Path) -> None:
    first = make_version()
    edit(folder / "texts/en-GB.yaml", lambda text: text.replace("Everyday", "Daily", 1))
    second = load_instrument(read_instrument(folder))
    assert second.is_new
    assert (first.number, second.version.number) == (1, 2)
    assert Instrument.objects.count() == 1


@pytest.mark.django_db
def test_faulty_instrument_stores_nothing(
    no_instrument: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder / "items.csv", lambda text: text.replace("younger", "young", 1))
    with pytest.raises(CommandError, match="nothing was stored"):
        call_command("load_instrument", str(folder))
    assert "items.csv:2: " in capsys.readouterr().err
    assert not Instrument.objects.exists()


def test_check_instrument_says_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_instrument")
    assert "184 items, 6 locales" in capsys.readouterr().out


def test_check_instrument_names_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("check_instrument", str(tmp_path / "nowhere"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attempt", ["edit text", "delete text", "add text", "edit item", "delete item", "edit version"]
)
def test_launched_version_cannot_be_edited(no_instrument: None, attempt: str) -> None:
    study = make_study(live=False)
    version = study.version
    Text.objects.filter(version=version, locale="en-GB", key="title").update(body="before the launch")
    launch_study(study)
    acts: dict[str, Callable[[], object]] = {
        "edit text": lambda: Text.objects.filter(version=version, key="title").update(body="x"),
        "delete text": lambda: Text.objects.filter(version=version, key="title").delete(),
        "add text": lambda: Text.objects.create(
            version=version, locale="en-GB", key="new", body="x", status="reviewed"
        ),
        "edit item": lambda: Item.objects.filter(version=version).update(theme=Theme.OTHER),
        "delete item": lambda: Item.objects.filter(version=version).delete(),
        "edit version": lambda: InstrumentVersion.objects.filter(pk=version.pk).update(structure={}),
    }
    with pytest.raises(DatabaseError, match="load a new version instead"), transaction.atomic():
        acts[attempt]()


def test_line_separators_of_unicode_do_not_cut_a_row(folder: Path) -> None:
    edit(folder / "items.csv", lambda text: text.replace("written for", "written\u2028for", 1))
    assert problems(folder) == []
    assert "\u2028" in read_instrument(folder).items[0].values["source_note"]


@pytest.mark.parametrize("locale", Locale.values)
def test_no_page_says_that_something_stands_beside_another(locale: str) -> None:
    """What stands beside on a wide screen stands below on a phone."""
    entries = SHIPPED_DEFINITION.texts[locale].entries
    pages = {key: entry.body for key, entry in entries.items() if not key.startswith("items.")}
    assert len(pages) > 50
    assert [key for key, body in pages.items() if re.search(r"\bbeside\b|\bao lado\b|पास वाले", body)] == []
