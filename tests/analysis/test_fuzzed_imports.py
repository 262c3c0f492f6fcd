"""Whatever is handed in as data of others: imported whole, or refused with place and reason, and nothing is stored."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.imports.faults import BadImport, Faults
from analysis.imports.importing import store
from analysis.imports.mapping import guess
from analysis.imports.reading import header_of
from analysis.imports.sources import HUMAN_FILE, open_source
from analysis.imports.storing import Encoded
from analysis.models import Import
from analysis.paper_columns import HUMAN
from survey.models import Instrument, Study

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_instrument")]
FUZZ = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
HEADER = ("respondent_id", "respondent_country", "scenario_item_id", "scenario", "scenario_country", "human_personal",
          "human_norm", "age", "gender")  # fmt: skip
GOOD = ("p1", "GB", "i1", "A guest is served.", "BR", "A", "B", "25", "woman")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ODD = st.sampled_from(["", "\0", "=1+1", "\\", '"', "\t", "\r\n", "{}", "NULL", "￾", "٣", "1e999", "x" * 300, "GB"])
CELLS = st.one_of(TEXTS, ODD)
ROWS = st.lists(
    st.tuples(*(st.one_of(st.just(good), st.just(good), CELLS) for good in GOOD)).map(list), min_size=1, max_size=4
)


def hand_in(content: bytes, name: str = "answers.csv") -> int | None:
    """Import a file; give how many rows are stored, None when it was refused with its reasons."""
    with TemporaryDirectory() as home, transaction.atomic():
        path = Path(home) / name
        path.write_bytes(content)
        header = header_of(path, Faults())
        try:
            study, report = store(
                open_source(path, None if name == HUMAN_FILE else guess(header)),
                code="fuzzed", title="", by="fuzz", is_dry=False,
            )  # fmt: skip
        except BadImport as refused:
            for fault in refused.faults:
                assert (fault.file, bool(fault.what), bool(fault.mend)) == (name, True, True)
            assert not any(model.objects.exists() for model in (Study, Instrument, Import))
            assert n_stored() == 0
            return None
        n = n_stored()
        assert study is not None
        assert sum(report["n_rows"].values()) == n > 0
        transaction.set_rollback(True)
        return n


def n_stored() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analysis_importedrow")
        return int(cursor.fetchone()[0])


def as_csv(header: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


@FUZZ
@given(rows=ROWS)
def test_answers_are_imported_whole_or_refused(rows: list[list[str]]) -> None:
    hand_in(as_csv(list(HEADER), rows))


@FUZZ
@given(rows=ROWS)
def test_papers_file_is_imported_whole_or_refused(rows: list[list[str]]) -> None:
    cells = [dict(zip(HEADER, row, strict=True)) for row in rows]
    hand_in(as_csv(list(HUMAN.names), [[row.get(name, "") for name in HUMAN.names] for row in cells]), HUMAN_FILE)


@FUZZ
@given(at=st.integers(0, 400), flipped=st.binary(min_size=1, max_size=4), cut=st.integers(0, 60))
def test_damaged_file_is_imported_whole_or_refused(at: int, flipped: bytes, cut: int) -> None:
    content = bytearray(as_csv(list(HEADER), [list(GOOD), ["p2", *GOOD[1:]]]))
    at %= len(content)
    content[at : at + len(flipped)] = flipped
    hand_in(bytes(content[: len(content) - cut if cut > 30 else None]))


def test_good_answers_are_stored() -> None:
    assert hand_in(as_csv(list(HEADER), [list(GOOD), ["p2", *GOOD[1:]]])) == 6  # each of two rows, and its two answers


@FUZZ
@given(cells=st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0"))), max_size=6))
def test_cells_come_out_of_copy_as_they_went_in(cells: list[str | None]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE taken (cells text[]) ON COMMIT DROP")
        with cursor.copy("COPY taken FROM STDIN") as copy:
            copy.write(f"{{{','.join(map(Encoded().__getitem__, cells))}}}\n")
        cursor.execute("SELECT cells FROM taken")
        assert cursor.fetchall() == [(cells,)]
        transaction.set_rollback(True)
