"""The importer: every row of a published file is taken or refused with its reason, and what is missing stays to do."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from survey.enums import Country
from survey.instruments.importer import (
    Outcome,
    code_of,
    country_of,
    default_arms,
    import_rows,
    read_source,
    report_path,
)
from survey.instruments.loader import read_instrument
from survey.instruments.schema import validate

BASE = {
    "pact_item_id": "base-1",
    "dataset": "normad",
    "source_row": "7",
    "base_country": "south_africa",
    "scenario_type": "same",
    "scenario": 'Two friends share a bench: "mind the paint".',
    "culture_following": "Stay on the bench",
    "preference_allowing": "Leave the bench",
    "source_gold_label": "yes",
}
RELEASE = {
    "scenario_id": "S01",
    "actor_country": "United States of America",
    "receiver_country": "Mexico",
    "actor_age": "Younger",
    "actor_gender": "female",
    "receiver_age": "older",
    "receiver_gender": "male",
    "cultural_expectation": "Guests bring bread.",
    "personal_preference": "She would rather bring soup.",
    "choice_a": "Bring bread",
    "choice_b": "Bring soup",
    "metadata_source": "invented",
    "scenario": "A guest packs a basket.",
}


def write(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    header = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def outcomes(tmp_path: Path, *rows: Mapping[str, str]) -> list[Outcome]:
    return import_rows(read_source(write(tmp_path / "source.csv", rows)).rows)


def refusals(tmp_path: Path, *rows: Mapping[str, str]) -> list[str]:
    return [outcome.note for outcome in outcomes(tmp_path, *rows) if outcome.item is None]


# --- what is taken -----------------------------------------------------------------------------
def test_base_instance_becomes_an_item_with_its_gaps_open(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, BASE)
    assert outcome.item is not None
    assert outcome.item.texts == {
        "actor": "",
        "scenario": 'Two friends share a bench: "mind the paint".',
        "expectation": "",
        "preference": "",
        "choice_culture": "Stay on the bench",
        "choice_preference": "Leave the bench",
    }
    assert outcome.item.columns == {
        "code": code_of("base-1"),
        "scenario_country": "ZA",
        "actor_country": "ZA",
        "actor_age": "",
        "actor_gender": "",
        "receiver_country": "ZA",
        "receiver_age": "",
        "receiver_gender": "",
        "theme": "",
        "core": "0",
        "source_note": "imported, id base-1; dataset normad; source_row 7; scenario_type same; source_gold_label yes",
    }
    assert outcome.note == (
        "to do: actor_age, actor_gender, receiver_age, receiver_gender, theme, actor, expectation, preference"
    )


def test_release_fills_people_expectation_and_preference(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, RELEASE)
    assert outcome.item is not None
    columns = outcome.item.columns
    assert (columns["actor_country"], columns["receiver_country"]) == ("US", "MX")
    assert (columns["actor_age"], columns["receiver_gender"]) == ("younger", "male")
    assert outcome.item.texts["expectation"] == "Guests bring bread."
    assert outcome.item.texts["choice_preference"] == "Bring soup"
    assert outcome.note == "to do: scenario_country, theme, actor"


def test_scenario_country_follows_actor_and_receiver_where_they_agree(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, {**RELEASE, "receiver_country": "usa"})
    assert outcome.item is not None
    assert outcome.item.columns["scenario_country"] == "US"


def test_base_country_is_not_stretched_over_a_crossed_type(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, {**BASE, "scenario_type": "cross"})
    assert outcome.item is not None
    columns = outcome.item.columns
    assert (columns["scenario_country"], columns["actor_country"], columns["receiver_country"]) == ("ZA", "", "")


def test_mixture_of_both_kinds_in_one_file_is_taken(tmp_path: Path) -> None:
    assert [outcome.item is not None for outcome in outcomes(tmp_path, BASE, RELEASE)] == [True, True]


def test_columns_that_disagree_are_noted(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, {**RELEASE, "pact_item_id": "base-1", "culture_following": "Bring rolls"})
    assert outcome.source_id == "S01"
    assert outcome.note.endswith(
        "; scenario_id taken, pact_item_id says something else; choice_a taken, culture_following says something else"
    )


def test_long_source_note_is_cut_and_said_to_be(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, {**BASE, "metadata_source": "x" * 400})
    assert outcome.item is not None
    assert len(outcome.item.columns["source_note"]) == 300
    assert outcome.note.endswith("; source_note cut to 300 characters")


def test_texts_are_brought_to_single_spaces_and_normal_form_c(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, {**BASE, "scenario": " Cafe\u0301\n on\u00a0 the corner "})
    assert outcome.item is not None
    assert outcome.item.texts["scenario"] == "Café on the corner"


# --- codes -------------------------------------------------------------------------------------
def test_short_plain_id_is_the_code() -> None:
    assert code_of("NORMAD0001") == "NORMAD0001"
    assert code_of("12") == "12"


def test_any_other_id_keeps_its_start_and_a_digest() -> None:
    assert code_of("normad-12") == "normad12c561d40d"
    codes = {code_of(i) for i in ("normad-12", "normad_12", "normad-1-2", "नॉर्मड-12", "n" * 21, "n" * 22)}
    assert len(codes) == 6
    assert all(code.isascii() and code.isalnum() and len(code) <= 20 for code in codes)


def test_code_does_not_depend_on_the_other_rows(tmp_path: Path) -> None:
    alone = outcomes(tmp_path, BASE)[0].item
    after_others = outcomes(tmp_path, RELEASE, {**BASE, "pact_item_id": "base-0"}, BASE)[2].item
    assert alone is not None
    assert after_others is not None
    assert alone.code == after_others.code


def test_code_that_two_ids_would_share_is_refused(tmp_path: Path) -> None:
    first, second = {**BASE, "pact_item_id": "base-1"}, {**BASE, "pact_item_id": code_of("base-1")}
    assert refusals(tmp_path, first, second) == [f"its code {code_of('base-1')} is that of base-1: change the id"]


# --- countries ---------------------------------------------------------------------------------
@pytest.mark.parametrize("country", Country)
def test_country_is_known_by_its_label_and_its_code(country: Country) -> None:
    assert country_of("base_country", country.label) == country.value
    assert country_of("base_country", country.label.replace(" ", "_").lower()) == country.value
    assert country_of("base_country", country.value) == country.value


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("United States", "US"), ("the_united_states", "US"), ("UK", "GB"), ("Great Britain", "GB")),
        *(("Burma", "MM"), ("Iran, Islamic Republic of", "IR"), ("U.S.", "US"), ("", "")),
    ],
)
def test_country_is_known_by_its_other_names(name: str, code: str) -> None:
    assert country_of("base_country", name) == code


# --- what is refused ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base_country": "Atlantis"}, "unknown country 'Atlantis' in base_country: add it to survey.enums.Country"),
        ({"base_country": ""}, "no country: "),
        ({"scenario": "  "}, "empty scenario"),
        ({"pact_item_id": ""}, "no id: "),
        ({"preference_allowing": ""}, "choices missing: no choice_b or preference_allowing"),
        ({"culture_following": "", "preference_allowing": ""}, "choices missing: no choice_a or culture_following and"),
        ({"receiver_age": "middle"}, "receiver_age 'middle' is none of younger, older"),
        ({"actor_gender": "x"}, "actor_gender 'x' is none of female, male"),
    ],
)
def test_row_is_refused_with_its_reason(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    (found,) = refusals(tmp_path, {**BASE, **change})
    assert found.startswith(reason)


def test_second_row_with_an_id_is_refused_and_names_the_first(tmp_path: Path) -> None:
    found = outcomes(tmp_path, BASE, {**BASE, "scenario": "Another."})
    assert [outcome.item is not None for outcome in found] == [True, False]
    assert found[1].note == "duplicate id: source.csv line 2 has it already"


def test_refused_row_does_not_use_up_its_id(tmp_path: Path) -> None:
    found = outcomes(tmp_path, {**BASE, "scenario": ""}, BASE)
    assert [outcome.item is not None for outcome in found] == [False, True]


def test_rows_that_cannot_be_read_are_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "source.csv"
    lines = [
        b"pact_item_id,base_country,scenario,choice_a,choice_b",
        b'a1,UK,"Two',
        b'lines",Go,Stay',
        b"a2,UK,Short",
        b"",
        b'a3,UK,"Quote"x,Go,Stay',
        b"a4,UK,Caf\xe9,Go,Stay",
        b"a5,UK,Tea,Go,Stay",
        b'a6,UK,"Never closed,Go,Stay',
    ]
    path.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    found = import_rows(read_source(path).rows)
    assert [(outcome.row.line, outcome.note) for outcome in found if outcome.item is None] == [
        (4, "3 cells where the header has 5"),
        (5, "blank line"),
        (6, "not valid CSV: ',' expected after '\"'"),
        (7, "not UTF-8: save the file in UTF-8"),
        (9, "not valid CSV: unexpected end of data"),
    ]
    assert [outcome.item.code for outcome in found if outcome.item] == ["a1", "a5"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("scenario,base_country\n".encode("utf-16"), "not UTF-8 text"),
        (b"scenario,base_country,choice_a,choice_b\n", "no column scenario_id or pact_item_id"),
        (b"scenario_id,base_country,choice_a,choice_b\n", "no column scenario"),
        (b"scenario_id,scenario,choice_a,choice_b\n", "no column base_country or"),
        (b"scenario_id,scenario,base_country,choice_a\n", "no column choice_b or preference_allowing"),
        (b"scenario_id,scenario_id\n", "doubled column scenario_id"),
        (b'"scenario_id"x\n', "the header is not valid CSV"),
        (b"", "no column scenario_id or pact_item_id"),
    ],
)
def test_file_of_no_use_is_refused_as_a_whole(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "source.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"source.csv: .*{message}"):
        read_source(path)


# --- the folder --------------------------------------------------------------------------------
def run(tmp_path: Path, *rows: Mapping[str, str], **options: object) -> Path:
    folder = tmp_path / "new" / "imported"
    call_command("import_items", str(write(tmp_path / "source.csv", rows)), out=folder, **options)
    return folder


def test_folder_is_honest_about_everything_that_is_missing(tmp_path: Path) -> None:
    definition = read_instrument(run(tmp_path, BASE))
    code = code_of("base-1")
    found = {f"{problem.file} {problem.key} {problem.message}" for problem in validate(definition)}
    wanted = {
        *(f"items.csv {c} empty (item {code})" for c in ("actor_age", "receiver_gender", "theme")),
        *(f"texts/en-US.yaml items.{code}.{name} empty" for name in ("actor", "expectation", "preference")),
        "texts/en-US.yaml consent.purpose empty",
        "texts/en-US.yaml title empty",
    }
    assert wanted <= found
    assert all("empty" in problem for problem in found)
    assert definition.texts["en-US"].entries["country.ZA"].body == "South Africa"
    assert list(definition.texts) == ["en-US"]
    assert (definition.code, definition.structure["source_locale"]) == ("imported", "en-US")


def test_folder_is_in_order_once_it_is_filled_in(tmp_path: Path) -> None:
    folder = run(tmp_path, {**BASE, "receiver_age": "older", "receiver_gender": "male", "actor_age": "older"})
    texts = folder / "texts/en-US.yaml"
    texts.write_text(texts.read_text(encoding="utf-8").replace('""  # to do', '"Written since"'), encoding="utf-8")
    items = folder / "items.csv"
    with items.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    write(items, [{**row, "theme": "other", "actor_gender": "male"} for row in rows])
    assert validate(read_instrument(folder)) == []


def test_texts_come_through_yaml_as_they_were(tmp_path: Path) -> None:
    awkward = "Say: \"no\" # not a comment, 'yes' \\ é अ 😀 – " + "and on " * 40
    definition = read_instrument(run(tmp_path, {**BASE, "pact_item_id": "null", "scenario": awkward}))
    assert definition.texts["en-US"].entries["items.null.scenario"].body == awkward.strip()
    assert definition.problems == ()


def test_arms_are_those_asked_for_or_the_countries_of_the_items(tmp_path: Path) -> None:
    other = {**BASE, "pact_item_id": "b2", "base_country": "India"}
    structure = read_instrument(run(tmp_path, BASE, other)).structure
    assert list(structure["arms"]) == ["IN", "ZA"]
    assert structure["arms"]["ZA"] == {
        "locales": ["en-US"],
        "close": [],
        "far": [],
        "items": {"core": 0, "same": 1, "close": 0, "far": 0},
    }
    (tmp_path / "b").mkdir()
    assert list(read_instrument(run(tmp_path / "b", BASE, other, arms=["GB"])).structure["arms"]) == ["GB"]


def test_default_arms_leave_out_items_without_a_country(tmp_path: Path) -> None:
    items = [outcome.item for outcome in outcomes(tmp_path, BASE, RELEASE) if outcome.item]
    assert default_arms(items) == ["ZA"]


def test_report_has_every_row_and_the_screen_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**BASE, "notes": "n"}, {**BASE, "scenario": "Again."}, {**BASE, "base_country": "Atlantis"}]
    folder = run(tmp_path, *rows)
    with report_path(folder).open(encoding="utf-8", newline="") as stream:
        report = [(line["line"], line["source_id"], line["result"], line["code"]) for line in csv.DictReader(stream)]
    code = code_of("base-1")
    assert report == [
        ("2", "base-1", "taken", code),
        ("3", "base-1", "refused", ""),
        ("4", "base-1", "refused", ""),
    ]
    shown = capsys.readouterr().out
    assert "source.csv: columns not used: notes" in shown
    assert "3 row(s): 1 taken, 2 refused" in shown
    assert "refused 1: unknown country 'Atlantis' in base_country: add it to survey.enums.Country" in shown
    assert "actor (1)" in shown


def test_several_files_share_one_list_of_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write(tmp_path / "a.csv", [BASE]), write(tmp_path / "b.csv", [BASE, RELEASE])
    call_command("import_items", str(first), str(second), out=tmp_path / "imported")
    assert "refused 1: duplicate id: a.csv line 2 has it already" in capsys.readouterr().out


def test_nothing_taken_leaves_the_report_but_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no row could be taken"):
        run(tmp_path, {**BASE, "scenario": ""})
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["imported-import.csv"]


def test_folder_or_report_that_is_there_is_not_touched(tmp_path: Path) -> None:
    folder = run(tmp_path, BASE)
    before = (folder / "items.csv").read_bytes()
    with pytest.raises(CommandError, match="is there already"):
        run(tmp_path, RELEASE)
    assert (folder / "items.csv").read_bytes() == before


def test_folder_name_must_do_as_a_code(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be an instrument's code"):
        call_command("import_items", str(write(tmp_path / "a.csv", [BASE])), out=tmp_path / "my items")


def test_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        call_command("import_items", str(tmp_path / "nowhere.csv"), out=tmp_path / "imported")
