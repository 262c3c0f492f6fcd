"""The declarations against themselves, against the codebook and against what must never be exported."""

import csv
import io

import pytest

from analysis.columns import Column, Table
from analysis.export.codebook import HEADER, codebook_csv, codebook_markdown
from analysis.extract import ALL_TABLES, TABLES
from analysis.joins import SHAPES

ALL = pytest.mark.parametrize("table", ALL_TABLES.values(), ids=list(ALL_TABLES))
FORBIDDEN = ("token", "panel_person", "panel_submission", "panel_study", "served_at", "landed_at", "email")


@ALL
def test_table_declares_each_column_once(table: Table) -> None:
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)
    assert all(column.label and column.source for column in table.columns)


@ALL
def test_table_selects_nothing_personal(table: Table) -> None:
    names = {column.source.rpartition(".")[2] for column in table.columns} | set(table.names)
    assert not names & set(FORBIDDEN)


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_own_table_says_what_is_simulated(table: Table) -> None:
    assert "is_simulated" in table.names


def test_every_table_has_a_shape() -> None:
    assert set(SHAPES) == set(ALL_TABLES)


def test_codebook_covers_every_column_and_no_other() -> None:
    rows = list(csv.DictReader(io.StringIO(codebook_csv())))
    declared = [(table.name, column.name) for table in ALL_TABLES.values() for column in table.columns]
    assert tuple(rows[0]) == HEADER
    assert [(row["table"], row["name"]) for row in rows] == declared


def test_codebook_names_the_missing_token_only_where_values_may_be_missing() -> None:
    rows = list(csv.DictReader(io.StringIO(codebook_csv())))
    assert {row["missing_means"] == "" for row in rows if row["missing_as"] == "NA"} == {False}


def test_markdown_codebook_has_a_row_per_column() -> None:
    text = codebook_markdown()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == sum(len(table.columns) for table in ALL_TABLES.values())


def test_column_without_missing_meaning_is_never_empty() -> None:
    assert Column("a", "code", "b", "c").missing == ""
