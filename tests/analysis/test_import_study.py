"""Data of others as read-only studies: all rows or none, known again, labelled, apart, removed as a whole."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from analysis.extract import stream_csv
from analysis.from_files.methods_folder import analyse_folder
from analysis.group_counts import OF_IMPORT
from analysis.imports.faults import BadImport
from analysis.imports.importing import store
from analysis.imports.mapping import ColumnMap, guess, mapping_faults
from analysis.imports.sources import AnswersSource, open_source
from analysis.models import GroupCount, Import, ImportedRow, ItemCount
from analysis.parameters import choose
from analysis.release.choices import Choices
from analysis.releases import request_release
from analysis.reports import compute
from survey.models import AuditEntry, InstrumentVersion, Item, Participant, Study, SurveySession
from tests.analysis.conftest import Made, fill_models
from tests.analysis.releasing import OPTIONS, add_people, file_of, make_publishable, release
from tests.analysis.test_bad_files import GOOD, HEADER, HUMAN, PREDICTED, PREDICTIONS, judged, predicted, write

ANSWERS = """person,land,scenario,place,I would,Most would,years,sex
p1,GB,s1,United Kingdom,follow,allow,31,f
p1,GB,s2,IE,allow,,31,f
p2,GB,s1,GB,follow,follow,60-69,man
"""
CHOSEN = ColumnMap(
    {
        "respondent": "person", "country": "land", "item": "scenario", "scenario_country": "place",
        "personal": "I would", "norm": "Most would", "age": "years", "gender": "sex",
    },
    culture=("follow",),
    preference=("allow",),
)  # fmt: skip


def answers_file(folder: Path, text: str = ANSWERS) -> Path:
    path = folder / "answers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def bring_in(path: Path, code: str = "others", mapping: ColumnMap | None = None) -> Study:
    source = AnswersSource(path, mapping=mapping) if mapping else open_source(path)
    study, _ = store(source, code=code, title="", by="ada", is_dry=False)
    assert study is not None
    return study


def refused(path: Path, mapping: ColumnMap | None = None) -> list[str]:
    n_before = Item.objects.count()
    with pytest.raises(BadImport) as caught:
        bring_in(path, mapping=mapping)
    n_items = Item.objects.count()
    assert (Study.objects.count(), ImportedRow.objects.count(), n_items) == (0, 0, n_before)
    return [str(fault) for fault in caught.value.faults]


def exported(study: Study, table: str = "long") -> list[dict[str, str]]:
    from analysis.extract import ALL_TABLES

    text = b"".join(stream_csv(ALL_TABLES[table], study)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


# --- Answers collected elsewhere ---------------------------------------------------------------
def test_answers_become_a_study_of_their_own(db: None, tmp_path: Path) -> None:
    study = bring_in(answers_file(tmp_path), mapping=CHOSEN)
    names = (
        "respondent_id",
        "respondent_country",
        "age_bucket",
        "gender",
        "item_code",
        "relation",
        "question",
        "choice",
    )
    assert [tuple(row[name] for name in names) for row in exported(study)] == [
        ("p1", "GB", "younger", "woman", "s1", "same", "personal", "culture"),
        ("p1", "GB", "younger", "woman", "s1", "same", "norm", "preference"),
        ("p1", "GB", "younger", "woman", "s2", "close", "personal", "preference"),
        ("p2", "GB", "older", "man", "s1", "same", "personal", "culture"),
        ("p2", "GB", "older", "man", "s1", "same", "norm", "culture"),
    ]
    assert [row["human_norm"] for row in exported(study, "tidy_human_responses")] == ["B", "", "A"]
    assert (study.is_imported, study.state, str(study.version)) == (True, "closed", "imported-others v1")
    assert sorted(study.version.items.values_list("code", "scenario_country")) == [("s1", "GB"), ("s2", "IE")]
    assert set(ItemCount.objects.values_list("item__code", "question", "n", "n_culture")) == {
        ("s1", "personal", 2, 2), ("s1", "norm", 2, 1), ("s2", "personal", 1, 0),
    }  # fmt: skip
    assert GroupCount.objects.count() == 5
    assert (Participant.objects.count(), SurveySession.objects.count()) == (0, 0)


def test_rows_are_counted_in_one_reading_however_few_the_planner_expects(db: None, tmp_path: Path) -> None:
    plans: list[str] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if OF_IMPORT in sql:
            execute(f"EXPLAIN {OF_IMPORT}", params, many, context)
            plans.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        bring_in(answers_file(tmp_path), mapping=CHOSEN)
    (plan,) = plans
    assert "Hash Join" in plan
    assert "Nested Loop" not in plan


def test_one_answer_a_row_is_taken_too(db: None, tmp_path: Path) -> None:
    text = "participant,item,question,answer\np1,s1,norm,1\np1,s1,personal,0\np2,s1,norm,\n"
    mapping = guess(["participant", "item", "question", "answer"])
    mapping = ColumnMap(mapping.columns, all_country="BR", all_scenario_country="BR", all_locale="pt-BR")
    study = bring_in(answers_file(tmp_path, text), mapping=mapping)
    assert [(row["question"], row["choice"], row["locale"]) for row in exported(study)] == [
        ("norm", "culture", "pt-BR"), ("personal", "preference", "pt-BR"),
    ]  # fmt: skip
    human = exported(study, "tidy_human_responses")
    assert [(row["respondent_id"], row["human_personal"], row["human_norm"]) for row in human] == [
        ("p1", "B", "A"), ("p2", "", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("p2,GB", "p2,Narnia", "answers.csv, line 4, land: is no country of this site ('Narnia'). Write the"),
        ("p2,GB", ",GB", "answers.csv, line 4, person: is empty. Every row needs one"),
        ("follow,follow", "follow,maybe", "answers.csv, line 4, Most would: is no answer ('maybe'). Write one of"),
        ("60-69", "sixty", "answers.csv, line 4, years: is no age ('sixty'). Write years"),
        (",man\n", ",x\n", "answers.csv, line 4, sex: is not among the words known ('x'). Write one of female, male"),
        ("p2,GB,s1,GB", "p2,GB,s1,IE", "answers.csv, line 4, scenario: is another item than on line 2: GB   there"),
        ("p2,GB", "p1,GB", "answers.csv, line 4, person × scenario: answers the norm question of s1 again, as on line"),
        ("p2,GB", "=1,GB", "answers.csv, line 4, person: begins like a formula"),
        (",man\n", ",man,more\n", "answers.csv, line 4: has 9 cells instead of 8"),
        ("p2,GB", '"p2,GB', "answers.csv, line 4: is not CSV"),
        ("years,sex", "years,years", "answers.csv, line 1, years: is named twice"),
        ("person,", "who,", "answers.csv, line 1, person: is no column of the file. Choose one of: who"),
    ],
)  # fmt: skip
def test_faults_are_told_and_nothing_is_stored(db: None, tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = refused(answers_file(tmp_path, ANSWERS.replace(old, new)), CHOSEN)
    assert any(one.startswith(fault) for one in found), found


def test_a_judgment_in_two_rows_becomes_one(db: None, tmp_path: Path) -> None:
    halves = judged("p1", "i1", "A", "") + judged("p1", "i1", "", "B") + judged("p2", "i1", "", "A")
    write(tmp_path, HUMAN, HEADER + halves)
    human = exported(bring_in(tmp_path), "tidy_human_responses")
    assert [(row["respondent_id"], row["human_personal"], row["human_norm"]) for row in human] == [
        ("p1", "A", "B"), ("p2", "", "A"),
    ]  # fmt: skip


def test_an_answer_given_twice_names_the_papers_own_file(db: None, tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD + judged("p2", "i1"))
    assert refused(tmp_path)[0] == (
        f"{HUMAN}, line 5, respondent_id × scenario_item_id: answers the personal question of i1 again, as on line 4 "
        "('p2'). Keep one row of each respondent, item and question"
    )


def test_every_fault_is_told_at_once(db: None, tmp_path: Path) -> None:
    text = ANSWERS.replace("GB,s1", "XX,s1").replace("allow,31", "?,31")
    assert len(refused(answers_file(tmp_path, text), CHOSEN)) == 3


def test_bytes_that_are_no_text_are_told(db: None, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(ANSWERS.replace("p2", "pé").encode("latin-1"))
    assert any(
        "line 4: is not UTF-8 (byte 0xe9)" in one and "Save the file as CSV in UTF-8" in one
        for one in refused(path, CHOSEN)
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (ANSWERS.replace(",", ";").encode(), "line 1: has its columns separated by semicolons"),
        (ANSWERS.replace(",", "\t").encode(), "line 1: has its columns separated by tabs"),
        (b"PK\x03\x04" + bytes(range(256)), "answers.csv: is a zip file or a workbook, not CSV"),
        (ANSWERS.encode("utf-16"), "answers.csv: is UTF-16. Save the file as CSV in UTF-8"),
    ],
)
def test_a_file_of_another_kind_has_one_fault_that_says_so(db: None, tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(content)
    found = refused(path, CHOSEN)
    assert (len(found), what in found[0]) == (1, True), found


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"respondent": "a"}, "no column says: item"),
        ({"respondent": "a", "item": "b", "answer": "c"}, "question and answer go together"),
        ({"respondent": "a", "item": "b"}, "no column holds answers"),
        ({"respondent": "a", "item": "b", "personal": "z"}, "is no column of the file"),
        ({"respondent": "a", "item": "b", "personal": "c", "shoe": "c"}, "shoe is nothing that a column can say"),
    ],
)
def test_choice_of_columns_is_checked(columns: dict[str, str], what: str) -> None:
    faults = mapping_faults(ColumnMap(columns, all_country="BR", all_scenario_country="BR"), ["a", "b", "c"], "f.csv")
    assert what in [fault.what for fault in faults]


# --- The paper's files and releases ------------------------------------------------------------
def test_the_papers_files_give_the_numbers_of_the_files(db: None, tmp_path: Path) -> None:
    write(tmp_path, HUMAN, GOOD + judged("p3", "i1") + judged("p4", "i2", "?", "A"))
    write(tmp_path, PREDICTIONS, PREDICTED + predicted("i1") + predicted("i2", "B", "?"))
    study = bring_in(tmp_path)
    parameters = choose(include_simulated=True, families=("rates", "agreement", "alignment", "paper"))
    expected, found = analyse_folder(tmp_path, parameters), compute(study, parameters, lambda step: None)
    assert found.results["facts"]["n_answers"] == expected.results["facts"]["n_answers"] == 9
    for name in ("rates", "agreement", "alignment", "paper_human_response_summary"):
        assert found.results["tables"][name] == expected.results["tables"][name], name


def test_a_release_comes_back_as_it_was(made: Made, tmp_path: Path) -> None:
    make_publishable(made)
    add_people(made)
    fill_models(made)
    release(made, tmp_path / "out", simulated="label")
    study = bring_in(tmp_path / "out", "again")
    for table in ("long", "wide", "participants", "items", "texts", "completions", "model_probabilities"):
        stored = b"".join(stream_csv_of(study, table, tmp_path / "out" / file_of(made, table)))
        assert stored == (tmp_path / "out" / file_of(made, table)).read_bytes(), table
    assert study.title == "Study tiny (CONTAINS SIMULATED DATA)"
    assert Study.objects.filter(is_imported=False).count() == 1
    parameters = choose(include_simulated=True, families=("rates",))
    mine, theirs = (
        compute(one, parameters, lambda step: None).results["tables"]["rates"] for one in (made.study, study)
    )
    assert mine == theirs
    same, report = store(open_source(tmp_path / "out"), code="third", title="", by="", is_dry=False)
    assert (same, report["is_known"]) == (study, True)


def stream_csv_of(study: Study, table: str, path: Path) -> list[bytes]:
    """Give a stored table with the columns that the file has."""
    from analysis.extract import ALL_TABLES
    from analysis.release.tables import published

    return list(stream_csv(published(ALL_TABLES[table]), study))


def test_a_changed_release_is_refused(made: Made, tmp_path: Path) -> None:
    make_publishable(made)
    add_people(made)
    release(made, tmp_path / "out")
    path = tmp_path / "out" / file_of(made, "long")
    path.write_text(path.read_text().replace(",culture,1,", ",culture,0,", 1))
    with pytest.raises(BadImport) as caught:
        bring_in(tmp_path / "out")
    assert any("checksums: has changed" in str(fault) for fault in caught.value.faults)
    assert not Study.objects.filter(is_imported=True).exists()


# --- Read-only, and gone as a whole ------------------------------------------------------------
def test_an_imported_study_is_closed_for_good(db: None, tmp_path: Path, client: Client) -> None:
    study = bring_in(answers_file(tmp_path), mapping=CHOSEN)
    entry = client.get(reverse("survey:join", args=[study.code, "GB"]), {"PROLIFIC_PID": "x"})
    assert (entry.status_code, SurveySession.objects.count()) == (403, 0)
    with pytest.raises(IntegrityError), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(state="live")
    with pytest.raises(IntegrityError), transaction.atomic():
        Item.objects.filter(version=study.version).update(theme="other")
    with pytest.raises(ValueError, match="released by whoever collected them"):
        request_release(study, "1.0.0", Choices.read({**OPTIONS, "analysis": None}))


def test_removal_leaves_the_log_alone(no_instrument: None, tmp_path: Path) -> None:
    study = bring_in(answers_file(tmp_path), mapping=CHOSEN)
    call_command("import_study", remove=study.code, by="ada", stdout=io.StringIO())
    for model in (Study, InstrumentVersion, Item, ImportedRow, ItemCount, GroupCount, Import):
        assert model.objects.count() == 0, model
    assert list(AuditEntry.objects.order_by("number").values_list("by", "act")) == [
        ("ada", "import"), ("ada", "import removed"),
    ]  # fmt: skip
    bring_in(answers_file(tmp_path), mapping=CHOSEN)


def test_own_studies_are_not_removed(made: Made) -> None:
    with pytest.raises(CommandError, match="was not imported"):
        call_command("import_study", remove=made.study.code)


def test_command_looks_before_it_stores(db: None, tmp_path: Path) -> None:
    path, said, asides = answers_file(tmp_path), io.StringIO(), io.StringIO()
    roles = [f"{role}={column}" for role, column in CHOSEN.columns.items()]
    options = {
        "column": roles,
        "culture": ["follow"],
        "preference": ["allow"],
        "code": "others",
        "stderr": asides,
    }
    call_command("import_study", path, dry_run=True, stdout=said, **options)
    assert ("in order, nothing stored" in said.getvalue(), Study.objects.count()) == (True, 0)
    call_command("import_study", path, stdout=said, **options)
    call_command("import_study", path, stdout=said, **{**options, "code": "second"})
    assert ("known already as study others" in said.getvalue(), Study.objects.count()) == (True, 1)
    path.write_text(ANSWERS.replace("p2,GB", "p2,Narnia"))
    with pytest.raises(CommandError, match="1 fault, nothing was stored"):
        call_command("import_study", path, faults=tmp_path / "faults.csv", stdout=said, **{**options, "code": "second"})
    assert "Columns of the file: person,land," in asides.getvalue().replace(", ", ",")
    assert "roles: respondent, country, item" in asides.getvalue()
    assert "line 4" not in (tmp_path / "faults.csv").read_text()
    assert "answers.csv,4,land,Narnia" in (tmp_path / "faults.csv").read_text()
    with pytest.raises(CommandError, match="is no code"):
        call_command("import_study", path, **{**options, "code": "Not A Code"})
