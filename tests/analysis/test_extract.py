"""What is exported: every answer once, pseudonyms, nothing personal, the same bytes each time."""

import csv
import hashlib
import hmac
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from django.db import connection, transaction
from psycopg.errors import DivisionByZero

from analysis import frames, reshape
from analysis.columns import ANSWER, COMPLETIONS, LONG, WIDE, Table
from analysis.export.folder import write_folder
from analysis.extract import (
    ALL_TABLES,
    EVERYTHING,
    TABLES,
    Selection,
    copy_statement,
    pseudonym_key,
    read_snapshot_hash,
    reading_in_order,
    stream_csv,
)
from analysis.participant_columns import PARTICIPANTS
from survey.enums import AgeBand, Gender, Question, Status
from survey.models import PanelIdentity, Participant, Response, SurveySession
from tests.analysis.conftest import Made, fill_models, make_completion, make_run, make_session, make_spec, make_study


def read(table: Table, made: Made, selection: Selection = EVERYTHING) -> list[dict[str, str]]:
    data = b"".join(stream_csv(table, made.study, selection)).decode()
    return list(csv.DictReader(io.StringIO(data, newline="")))


def test_long_has_every_answer_once(full: Made) -> None:
    rows = read(LONG, full)
    keys = {(row["respondent_id"], row["item_code"], row["question"]) for row in rows}
    assert len(keys) == len(rows) == Response.objects.count() == 72


def test_long_writes_codes_durations_and_days(made: Made) -> None:
    make_session(made)
    make_session(made, "US", answers={"BR00": ("preference", None)}, status=Status.ACTIVE, day=3)
    first, *_, last = read(LONG, made)
    assert (first["item_code"], first["question"], first["choice"], first["follows_culture"]) == (
        "BR00",
        "norm",
        "culture",
        "1",
    )
    assert (first["duration_ms"], first["study_day"], first["relation"], first["chose_first"]) == (
        "12346",
        "1",
        "same",
        "true",
    )
    assert (last["study_day"], last["chose_first"], last["age_band"], last["demographic_cell"]) == (
        "3",
        "false",
        "NA",
        "NA",
    )


def test_demographics_keep_codes_and_leave_cells_empty_that_do_not_exist(made: Made) -> None:
    make_session(made, age_band=AgeBand.A65, gender=Gender.MAN)
    make_session(made, age_band=AgeBand.UNDISCLOSED, gender=Gender.WOMAN)
    make_session(made, gender=Gender.ANOTHER)
    cells = [(r["age_band"], r["age_bucket"], r["gender"], r["demographic_cell"]) for r in read(PARTICIPANTS, made)]
    assert cells == [
        ("65+", "older", "man", "older_male"),
        ("undisclosed", "NA", "woman", "NA"),
        ("25-34", "younger", "another", "NA"),
    ]


def test_respondent_id_is_a_keyed_pseudonym(made: Made) -> None:
    session = make_session(made)
    expected = hmac.new(pseudonym_key(), str(session.participant_id).encode(), hashlib.sha256).hexdigest()[:12]
    assert {row["respondent_id"] for row in read(LONG, made)} == {f"R{expected}"}
    assert read(PARTICIPANTS, made)[0]["respondent_id"] == f"R{expected}"


@pytest.mark.parametrize("table", ALL_TABLES.values(), ids=list(ALL_TABLES))
def test_no_table_carries_identifiers_or_times_of_day(full: Made, table: Table) -> None:
    data = b"".join(stream_csv(table, full.study)).decode()
    secrets = [*SurveySession.objects.values_list("token", flat=True)]
    secrets += [*PanelIdentity.objects.values_list("panel_person", flat=True)]
    assert not [secret for secret in secrets if secret in data]
    assert "2026-03" not in data
    assert "09:0" not in data


@pytest.mark.parametrize("table", ALL_TABLES.values(), ids=list(ALL_TABLES))
def test_table_is_the_same_bytes_each_time_and_parses_as_declared(full: Made, table: Table) -> None:
    first, second = (b"".join(stream_csv(table, full.study)) for _ in range(2))
    frame = frames.parse(table, first)
    assert first == second
    assert b"\r" not in first
    assert tuple(frame.columns) == table.names
    assert not frame.duplicated(list(table.key)).any()


@pytest.mark.parametrize("table", ALL_TABLES.values(), ids=list(ALL_TABLES))
def test_table_of_an_empty_study_is_its_header(made: Made, table: Table) -> None:
    rows = read(table, made)
    assert len(rows) == {"items": 3, "texts": 6}.get(table.name, 0)


def test_other_studies_stay_out(full: Made) -> None:
    other = make_study("other")
    make_session(other)
    assert len(read(PARTICIPANTS, other)) == 1
    assert len(read(PARTICIPANTS, full)) == 12


def test_wide_is_long_pivoted_and_back(full: Made) -> None:
    make_session(full, answers={"BR00": ("culture", None), "US01": (None, "preference")}, status=Status.ACTIVE)
    long = frames.responses_long(full.study)
    wide = frames.extract(WIDE, full.study, EVERYTHING).frame
    pd.testing.assert_frame_equal(_plain(reshape.to_wide(long), WIDE), _plain(wide, WIDE))
    pd.testing.assert_frame_equal(_plain(_stacked(wide), LONG), _plain(long, LONG))


def _stacked(wide: pd.DataFrame) -> pd.DataFrame:
    """Stack the two answers again; a question without an answer has no row."""
    values = [column.name for column in ANSWER]
    parts = []
    for question in Question.values:
        own = {f"{question}_{name}": name for name in values}
        answered = wide[wide[f"{question}_text_hash"].notna()]
        parts.append(answered.rename(columns=own).assign(question=question))
    return pd.concat(parts, ignore_index=True)[list(LONG.names)]


def _plain(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Write all values as text, in the order of the key: what must agree is the content."""
    texts = frame.astype(object).map(lambda value: "" if pd.isna(value) else str(value).removesuffix(".0"))
    return texts.sort_values(list(table.key)).reset_index(drop=True)


def test_selection_leaves_out_simulated_and_unfinished(made: Made) -> None:
    make_session(made)
    make_session(made, is_simulated=True)
    make_session(made, status=Status.ACTIVE, answers={"BR00": ("culture", "culture")})
    counts = {
        (simulated, complete): len(read(LONG, made, Selection(simulated, complete)))
        for simulated in (True, False)
        for complete in (True, False)
    }
    assert counts == {(True, False): 14, (False, False): 8, (True, True): 12, (False, True): 6}


def test_completions_mark_the_newest_answer(made: Made) -> None:
    spec = make_spec()
    for choice in ("culture", "preference"):
        make_completion(make_run(made, spec), spec, made.items[0], choice=choice)
    assert [(row["choice"], row["is_latest"]) for row in read(COMPLETIONS, made)] == [
        ("culture", "false"),
        ("preference", "true"),
    ]


def test_returned_model_name_cannot_start_a_formula(made: Made) -> None:
    spec = make_spec()
    completion = make_completion(make_run(made, spec), spec, made.items[0])
    completion.model_returned = '=HYPERLINK("x")'
    completion.save()
    assert read(COMPLETIONS, made)[0]["model_returned"] == 'HYPERLINK("x")'


def test_frames_refuse_an_answer_without_assignment(full: Made) -> None:
    SurveySession.objects.get(participant=Participant.objects.first()).assignments.all().delete()
    with pytest.raises(ValueError, match=r"long\.item_number: 6 empty values where none may be"):
        frames.responses_long(full.study)


def test_frames_refuse_an_unknown_level(full: Made) -> None:
    data = b"".join(stream_csv(LONG, full.study)).replace(b",culture_first,", b",sideways,")
    with pytest.raises(ValueError, match=r"long\.option_order: \['sideways'\] are not among its levels"):
        frames.parse(LONG, data)


def test_frames_are_typed(full: Made) -> None:
    long = frames.responses_long(full.study)
    assert str(long["choice"].dtype) == "category"
    assert list(long["choice"].cat.categories) == ["culture", "preference"]
    assert str(long["follows_culture"].dtype) == "Int64"
    assert str(long["is_simulated"].dtype) == "bool"


def test_snapshot_hash_is_that_of_the_exported_files(full: Made, tmp_path: Path) -> None:
    write_folder(full.study, tmp_path, "long")
    names = ("completions", "items", "long", "participants")
    lines = [f"{hashlib.sha256((tmp_path / f'{n}.csv').read_bytes()).hexdigest()}  {n}.csv\n" for n in names]
    before = read_snapshot_hash(full.study)
    make_session(full)
    assert before == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert read_snapshot_hash(full.study) != before


def test_probabilities_keep_their_shortest_form(full: Made) -> None:
    assert {row["p_culture"] for row in read(COMPLETIONS, full)} == {"0.9"}


def test_all_declared_tables_are_exported(full: Made, tmp_path: Path) -> None:
    names = {path.name for path in write_folder(full.study, tmp_path, "all")}
    expected = {f"{name}.csv" for name in ALL_TABLES} | {"codebook.csv", "codebook.md", "SHA256SUMS"}
    assert names == expected
    assert set(TABLES) < set(ALL_TABLES)


def test_models_may_answer_a_study_without_people(made: Made) -> None:
    fill_models(made)
    assert len(read(COMPLETIONS, made)) == 2 * 3 * 2 * 2 * 3
    assert read(LONG, made) == []


def test_answers_leave_before_all_sessions_are_read(full: Made) -> None:
    query = copy_statement(LONG, full.study, EVERYTHING).removeprefix("COPY (").rpartition(") TO STDOUT")[0]
    with transaction.atomic(), connection.cursor() as cursor:
        with reading_in_order(LONG, full.study, EVERYTHING):
            cursor.execute("SHOW enable_sort")
            assert cursor.fetchone() == ("off",)
            cursor.execute(f"EXPLAIN {query}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("SHOW enable_sort")
        assert cursor.fetchone() == ("on",)
    assert plan.startswith("Incremental Sort")
    assert "Presorted Key: response.session_id" in plan
    assert "CTE respondent" not in plan


def test_fault_before_the_first_row_is_an_error_and_no_half_file(full: Made) -> None:
    broken = replace(LONG, columns=(replace(LONG.columns[0], source="1 / (study.id - study.id)"),))
    with pytest.raises(DivisionByZero), transaction.atomic():
        next(stream_csv(broken, full.study))


def test_a_version_is_read_once_not_for_every_answer(full: Made) -> None:
    # A whole structure lies outside its row, compressed: unpacked for each answer it took most of an export.
    def blocks() -> int:
        with connection.cursor() as cursor, reading_in_order(LONG, full.study, EVERYTHING):
            query = copy_statement(LONG, full.study, EVERYTHING).removeprefix("COPY (").rpartition(") TO STDOUT")[0]
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}")
            (plan,) = cursor.fetchone()[0]
            return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])

    version = full.study.version
    before = blocks()
    noise = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(1000))
    version.structure = {**version.structure, "noise": noise}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger that keeps versions as they are
        version.save(update_fields=["structure"])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert blocks() - before < Response.objects.count()
