"""The tables as PostgreSQL writes them: one COPY each, streamed as CSV, in memory a buffer at a time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from psycopg.sql import SQL, Composable, Composed, Literal

from analysis.columns import COMPLETIONS, ITEMS, LONG, WIDE, Column, Table
from analysis.disclosure import Disguise
from analysis.joins import (
    BY_CODE,
    IN_RELEASE,
    PARTS,
    RELEASED,
    SHAPES,
    TOLD,
    TOLD_OF_RELEASE,
    YOKED_IN_RELEASE,
    Shape,
)
from analysis.model_columns import MODEL_TABLES
from analysis.page_columns import PAGES
from analysis.paper_columns import PAPER_TABLES
from analysis.participant_columns import PARTICIPANTS
from analysis.text_columns import TEXTS
from survey.models import Study

BUFFER = 64 * 1024
BLOCK = 64  # bytes in a block of SHA-256
NO_RULES = (("", "", "", "", False, False),)  # a list of VALUES has at least one row

TABLES = {table.name: table for table in (LONG, WIDE, PARTICIPANTS, ITEMS, COMPLETIONS)}
ALL_TABLES = {**TABLES, TEXTS.name: TEXTS, PAGES.name: PAGES, **MODEL_TABLES, **PAPER_TABLES}
SNAPSHOT_TABLES = (LONG, PARTICIPANTS, ITEMS, COMPLETIONS)  # wide and the paper's files follow from these
SIMULATED_SOURCES = {"participant": "participant.is_simulated", "completion": "completion.is_simulated"}


@dataclass(frozen=True)
class Selection:
    """Which rows to take; model answers know no sessions, so `complete_only` leaves them alone.

    A disguise is for what is published: it decides on the sessions by itself.
    """

    include_simulated: bool = True
    complete_only: bool = False
    disguise: Disguise | None = None


EVERYTHING = Selection()


@contextmanager
def snapshot() -> Iterator[None]:
    """Read several tables as of one moment; inside a transaction that is under way, its own rules hold."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def stream_csv(table: Table, study: Study, selection: Selection = EVERYTHING) -> Generator[bytes, None, int]:
    """Yield a table as CSV with its header: RFC 4180 with ``\\n``, UTF-8, always the same rows in the same order.

    Each part holds whole rows; the generator returns how many rows there were.
    """
    parts: list[bytes] = []
    size = 0
    with transaction.atomic(), connection.cursor() as cursor, reading_in_order(table, study, selection):
        with cursor.copy(copy_statement(table, study, selection)) as copy:
            for part in copy:
                parts.append(bytes(part))
                size += len(part)
                if size >= BUFFER:
                    yield b"".join(parts)
                    parts, size = [], 0
        yield b"".join(parts)
        return int(cursor.rowcount)


@contextmanager
def reading_in_order(table: Table, study: Study, selection: Selection) -> Iterator[None]:
    """Have PostgreSQL follow the indexes, as long as the table's order is theirs: then rows leave at once.

    Left to itself it sorts all sessions first, for a few percent of the whole and half a second before the first byte.
    """
    shape = SHAPES[table.name]
    if study.is_imported or selection.disguise or shape.group or not shape.people:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort TO DEFAULT")


def copy_statement(table: Table, study: Study, selection: Selection) -> str:
    """Give the COPY that writes a table."""
    options = SQL("COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER true, NULL {missing}, ENCODING 'UTF8')")
    statement = options.format(query=_query(table, study, selection), missing=Literal(table.missing_as))
    return statement.as_string(None)


def snapshot_hash(digests: dict[str, str]) -> str:
    """Give the SHA-256 of the lines that ``sha256sum`` prints for the exported files, sorted by name."""
    lines = (f"{digests[name]}  {name}.csv\n" for name in sorted(digests))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_snapshot_hash(study: Study) -> str:
    """Hash a study's data as they are now."""
    digests = {}
    with snapshot():
        for table in SNAPSHOT_TABLES:
            digest = hashlib.sha256()
            for part in stream_csv(table, study):
                digest.update(part)
            digests[table.name] = digest.hexdigest()
    return snapshot_hash(digests)


def _query(table: Table, study: Study, selection: Selection) -> Composed:
    if study.is_imported:
        return _imported_query(table, study, selection)
    shape = SHAPES[table.name]
    disguise = selection.disguise
    parts = [PARTS, RELEASED, TOLD_OF_RELEASE] if disguise else [PARTS, TOLD]
    lines = [
        f"SELECT {', '.join(f'{_value(column)} AS {column.name}' for column in table.columns)}",
        shape.rows,
        f"WHERE {' AND '.join(_conditions(shape, selection))}",
        f"GROUP BY {', '.join([*_group_numbers(table), shape.group])}" if shape.group else "",
        f"ORDER BY {', '.join(filter(None, [BY_CODE if disguise and shape.people else shape.people, shape.order]))}",
    ]
    return SQL("\n".join([*parts, *lines])).format(study=Literal(study.pk), **_values(disguise))


def _imported_query(table: Table, study: Study, selection: Selection) -> Composed:
    """Give the stored rows of imported data as they are; what a table does not have is missing."""
    stored = ALL_TABLES[table.name]
    cells = {name: stored.cell(name) for name in stored.names}
    conditions = ["row.study_id = {study}", "row.table_name = {table}"]
    if not selection.include_simulated and "is_simulated" in cells:
        conditions.append(f"{cells['is_simulated']} IS DISTINCT FROM 'true'")
    if selection.complete_only and "session_status" in cells:
        conditions.append(f"{cells['session_status']} = 'complete'")
    columns = ", ".join(f"{cells[name]} AS {name}" for name in table.names)
    lines = f"SELECT {columns} FROM analysis_importedrow row WHERE {' AND '.join(conditions)} ORDER BY row.number"  # noqa: S608
    return SQL(lines).format(study=Literal(study.pk), table=Literal(table.name))


def _conditions(shape: Shape, selection: Selection) -> list[str]:
    conditions = ["study.id = {study}"]
    if shape.source and not selection.include_simulated:
        conditions.append(f"NOT {SIMULATED_SOURCES[shape.source]}")
    if shape.source == "participant":
        conditions.append("session.status <> 'withdrew'")  # whoever withdrew is in no file from then on
    if shape.source == "completion":
        conditions.append("yoked.status IS DISTINCT FROM 'withdrew'")
    if shape.source == "participant" and selection.complete_only:
        conditions.append("session.status = 'complete'")
    if shape.source and selection.disguise:
        conditions.append(IN_RELEASE if shape.source == "participant" else YOKED_IN_RELEASE)
    if shape.where:
        conditions.append(shape.where)
    return conditions


def _value(column: Column) -> str:
    return f"({column.source})::text" if column.type == "boolean" else column.source


def _group_numbers(table: Table) -> list[str]:
    plain = (number for number, column in enumerate(table.columns, 1) if "FILTER (" not in column.source)
    return [str(number) for number in plain]


def _values(disguise: Disguise | None) -> dict[str, Composable]:
    if disguise is None:
        return _pads(pseudonym_key())
    return {
        **_pads(disguise.key),
        "statuses": Literal(list(disguise.statuses)),
        "left_out": SQL("{}::text[]").format(Literal([" ".join(place) for place in disguise.left_out])),
        "rules": SQL(", ").join(
            SQL("({})").format(SQL(", ").join(map(Literal, rule))) for rule in disguise.rules or NO_RULES
        ),
    }


def _pads(key: bytes) -> dict[str, Composable]:
    """Give the two keys of HMAC-SHA-256, so that PostgreSQL can make the pseudonyms; they never show the secret."""
    block = key.ljust(BLOCK, b"\0")
    return {name: Literal(bytes(byte ^ pad for byte in block)) for name, pad in (("inner", 0x36), ("outer", 0x5C))}


def pseudonym_of(participant_id: int) -> str:
    """Give the `respondent_id` of somebody in exports, as PostgreSQL makes it."""
    return "R" + hmac.new(pseudonym_key(), str(participant_id).encode(), hashlib.sha256).hexdigest()[:12]


def pseudonym_key() -> bytes:
    """Derive the key of respondents' pseudonyms from the site's secret."""
    return salted_hmac("analysis.extract.respondent", "", algorithm="sha256").digest()
