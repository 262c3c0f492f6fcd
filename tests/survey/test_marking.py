"""Review acts: one step at a time, by a named person; the files change by the lines of the act."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from survey.enums import TextStatus
from survey.flow.provenance import Provenance, hash_text
from survey.instruments.loader import read_instrument
from survey.instruments.marking import Act, Outcome, mark
from survey.instruments.provenance import warnings, write_records
from survey.instruments.schema import validate
from tests.factories import SHIPPED_DEFINITION

KEY = "consent.heading"
SOURCE, HINDI = (SHIPPED_DEFINITION.texts[locale].entries[KEY].body for locale in ("en-US", "hi-IN"))
HASHES = (hash_text(SOURCE), hash_text(HINDI))


def do(folder: Path, status: str, person: str, *keys: str, note: str = "", back: bool = False) -> list[Outcome]:
    definition = read_instrument(folder)
    outcomes = mark(definition, Act("hi-IN", keys or (KEY,), TextStatus(status), person, note, back))
    marked = {outcome.key: outcome.entry for outcome in outcomes if outcome.entry}
    write_records(folder, "hi-IN", {**definition.texts["hi-IN"].entries, **marked})
    assert validate(read_instrument(folder)) == []
    return outcomes


def stand(folder: Path) -> tuple[str, Provenance]:
    entry = read_instrument(folder).texts["hi-IN"].entries[KEY]
    return entry.status, entry.provenance


def reasons(outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    return [(outcome.key, outcome.result, outcome.reason) for outcome in outcomes]


def change_source(folder: Path) -> None:
    path = folder / "texts/en-US.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(SOURCE, f"{SOURCE}!"), encoding="utf-8")


def test_text_goes_the_whole_way_step_by_step(folder: Path) -> None:
    do(folder, "machine draft", "Asha")
    do(folder, "reviewed", "Ravi", note="“survey” kept")
    assert stand(folder) == ("reviewed", Provenance(*HASHES, "Asha", "Ravi", "", "“survey” kept"))
    do(folder, "adjudicated", "Meera")
    do(folder, "pretested", "Ravi", note="8 people")
    do(folder, "frozen", "Meera")
    assert stand(folder) == ("frozen", Provenance(*HASHES, "Asha", "Ravi", "Meera", "frozen by Meera"))


@pytest.mark.parametrize("status", ["adjudicated", "pretested", "frozen"])
def test_step_is_not_skipped(folder: Path, status: str) -> None:
    assert reasons(do(folder, status, "Ravi")) == [(KEY, "refused", "is machine draft: reviewed comes next")]


def test_going_back_must_be_said_with_a_note(folder: Path) -> None:
    do(folder, "reviewed", "Ravi")
    do(folder, "adjudicated", "Meera")
    said = "is adjudicated: going back to reviewed must be said"
    assert reasons(do(folder, "reviewed", "Ravi")) == [(KEY, "refused", said)]
    assert do(folder, "reviewed", "Ravi", back=True)[0].reason == "is adjudicated: going back needs a note"
    do(folder, "reviewed", "Lata", note="too formal", back=True)
    assert stand(folder) == ("reviewed", Provenance(*HASHES, "", "Lata", "", "too formal"))
    do(folder, "machine draft", "Asha", note="anew", back=True)
    assert stand(folder) == ("machine draft", Provenance(*HASHES, "Asha", "", "", "anew"))


def test_same_act_twice_changes_nothing_and_another_person_is_refused(folder: Path) -> None:
    do(folder, "reviewed", "Ravi")
    before = (folder / "provenance/hi-IN.csv").read_bytes()
    assert reasons(do(folder, "reviewed", "Ravi")) == [(KEY, "unchanged", "")]
    assert reasons(do(folder, "reviewed", "Lata")) == [(KEY, "refused", "is reviewed already, by Ravi")]
    assert (folder / "provenance/hi-IN.csv").read_bytes() == before


def test_translator_does_not_review_their_own_text(folder: Path) -> None:
    do(folder, "machine draft", "Asha")
    assert do(folder, "reviewed", "Asha")[0].reason == "Asha translated it: somebody else reviews"


def test_stale_text_begins_again_at_the_review(folder: Path) -> None:
    do(folder, "reviewed", "Ravi")
    do(folder, "adjudicated", "Meera")
    change_source(folder)
    said = "is machine draft (stale, was adjudicated): reviewed comes next"
    assert do(folder, "pretested", "Ravi")[0].reason == said
    do(folder, "reviewed", "Lata")
    assert stand(folder) == ("reviewed", Provenance(hash_text(f"{SOURCE}!"), HASHES[1], "", "Lata", ""))
    assert not [w for w in warnings(read_instrument(folder)) if w.file == "texts/hi-IN.yaml"]


def test_globs_name_many_texts_and_a_wrong_key_costs_none(folder: Path) -> None:
    outcomes = do(folder, "reviewed", "Ravi", "nothing.*", "items.BR01.*", "title")
    assert [outcome.result for outcome in outcomes] == ["refused", *["marked"] * 7]
    rows = (folder / "provenance/hi-IN.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows[:3]] == ["key", "title", "items.BR01.actor"]


def test_another_act_adds_lines_and_leaves_the_others(folder: Path) -> None:
    do(folder, "reviewed", "Ravi", "items.BR01.*", "title")
    before = (folder / "provenance/hi-IN.csv").read_text(encoding="utf-8").splitlines()
    do(folder, "reviewed", "Ravi", "age.*")
    after = (folder / "provenance/hi-IN.csv").read_text(encoding="utf-8").splitlines()
    assert [row for row in after if not row.startswith("age.")] == before
    assert len(after) == len(before) + 8


def test_command_records_and_reports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--instrument", str(folder), "--locale", "hi-IN", "--by", "Ravi"]
    call_command("mark_texts", KEY, "nothing", *options, "--status", "reviewed")
    said = capsys.readouterr()
    assert said.out == "1 marked, 0 unchanged, 1 refused\n"
    assert said.err == "refused nothing: no such text\n"
    assert stand(folder)[0] == "reviewed"
    with pytest.raises(CommandError, match="nothing was marked"):
        call_command("mark_texts", KEY, *options, "--status", "frozen")
    with pytest.raises(CommandError, match="say which keys"):
        call_command("mark_texts", KEY, "--instrument", str(folder))
    with pytest.raises(CommandError, match="fr-FR is none of en-GB"):
        call_command("mark_texts", KEY, *options, "--locale", "fr-FR", "--status", "reviewed")


def test_command_notes_the_source_of_new_and_of_renewed_drafts(folder: Path) -> None:
    path = folder / "provenance/drafts.csv"
    before = path.read_text(encoding="utf-8")
    rows = before.splitlines(keepends=True)
    path.write_text("".join(row for row in rows if not row.startswith("title,")), encoding="utf-8")
    call_command("mark_texts", "--drafts", "--instrument", str(folder))
    assert path.read_text(encoding="utf-8") == before
    change_source(folder)
    call_command("mark_texts", "--drafts", "--instrument", str(folder))
    assert len(list(warnings(read_instrument(folder)))) == 5
    call_command("mark_texts", "--drafts", KEY, "--instrument", str(folder))
    assert list(warnings(read_instrument(folder))) == []
