"""How the rows of an import come into the database: one COPY, and what is counted of them once for all."""

# ruff: noqa: S608  # the statements are put together from declared columns alone

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import connection

from analysis.columns import COMPLETIONS, ITEMS, LONG, Table
from analysis.imports.faults import Faults
from analysis.imports.sources import Row
from analysis.paper_columns import HUMAN
from analysis.text_columns import TEXTS
from survey.models import Study

COPY = "COPY analysis_importedrow (study_id, table_name, number, line, cells) FROM STDIN"
N_REPEATED = 100
LONGEST_CODE = 64  # characters
MOST_CODES = 10_000
BUFFERED = 200  # rows sent at once
ESCAPES = str.maketrans({"\\": r"\\\\", '"': r"\\" + '"', "\t": r"\t", "\n": r"\n", "\r": r"\r"})
PARTS = ("actor", "scenario", "expectation", "preference", "choice_culture", "choice_preference")


def copy_rows(study: Study, rows: Iterable[Row]) -> dict[str, int]:
    """Send rows to the database as they come; give how many each table has. Memory holds a buffer of them."""
    counts: Counter[str] = Counter()
    lines: list[str] = []
    encoded = Encoded()
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in rows:
            name = row.table.name
            counts[name] += 1
            cells = ",".join([encoded[one] for one in row.cells])
            lines.append(f"{study.pk}\t{name}\t{counts[name]}\t{row.line}\t{{{cells}}}\n")
            if len(lines) == BUFFERED:
                copy.write("".join(lines))
                lines.clear()
        copy.write("".join(lines))
    with connection.cursor() as cursor:  # else the planner takes the table for empty
        cursor.execute("ANALYZE analysis_importedrow (study_id, table_name)")
    return dict(counts)


class Encoded(dict[str | None, str]):
    """Cells as they stand in an array in COPY's text format: quoted for the array, escaped for the line.

    Most cells are codes that come again and again: short ones are kept, and looking them up calls nothing.
    """

    def __missing__(self, value: str | None) -> str:
        if value is None:
            return self.setdefault(None, "NULL")
        quoted = f'"{value.translate(ESCAPES)}"'
        if len(value) <= LONGEST_CODE and len(self) < MOST_CODES:
            self[value] = quoted
        return quoted


def find_repeated(study: Study, file: str, columns: str, faults: Faults) -> None:
    """Name rows in which a respondent answers the same question of an item again."""
    key = ", ".join(LONG.cell(name) for name in LONG.key)
    statement = f"""
        SELECT {key}, (array_agg(row.line ORDER BY row.number))[1:2], count(*)
        FROM analysis_importedrow row WHERE row.study_id = %s AND row.table_name = 'long'
        GROUP BY 1, 2, 3 HAVING count(*) > 1 ORDER BY min(row.number) LIMIT {N_REPEATED}"""
    with connection.cursor() as cursor:
        cursor.execute(statement, [study.pk])
        for respondent, item, question, (first, second), _n in cursor.fetchall():
            what = f"answers the {question} question of {item} again, as on line {first}"
            faults.add(file, second, columns, respondent, what, "Keep one row of each respondent, item and question")


def gather_halves(study: Study) -> None:
    """Put the two answers of a respondent to an item into one row of the paper's table, where they came in two."""
    values = ", ".join(f"max({HUMAN.cell(name)})" for name in HUMAN.names)
    keys = f"{HUMAN.cell('respondent_id')}, {HUMAN.cell('scenario_item_id')}"
    statement = f"""
        WITH halves AS (
            DELETE FROM analysis_importedrow WHERE study_id = %s AND table_name = '{HUMAN.name}'
            RETURNING number, line, cells
        )
        INSERT INTO analysis_importedrow (study_id, table_name, number, line, cells)
        SELECT %s, '{HUMAN.name}', min(row.number), min(row.line), ARRAY[{values}]
        FROM halves row GROUP BY {keys}"""
    with connection.cursor() as cursor:
        cursor.execute(statement, [study.pk, study.pk])


def items_of(study: Study) -> list[dict[str, Any]]:
    """Give what the stored rows say of each item: of the items' own table, else of the answers to it."""
    facts = (
        "item_code",
        "scenario_country",
        "theme",
        "is_core",
        "actor_age",
        "actor_gender",
        "receiver_age",
        "receiver_gender",
    )
    places = ("actor_country", "receiver_country")
    with connection.cursor() as cursor:
        columns = ", ".join(ITEMS.cell(name) for name in (*facts, *places))
        cursor.execute(f"SELECT {columns} FROM analysis_importedrow row WHERE {_of(ITEMS)}", [study.pk])
        found = cursor.fetchall()
        if not found:
            columns = ", ".join(LONG.cell(name) for name in facts)
            statement = (
                f"SELECT DISTINCT ON (1) {columns}, '', '' FROM analysis_importedrow row WHERE {_of(LONG)} ORDER BY 1"
            )
            cursor.execute(statement, [study.pk])
            found = cursor.fetchall()
        known = {row[0] for row in found}
        code, place = COMPLETIONS.cell("item_code"), COMPLETIONS.cell("scenario_country")
        statement = (
            f"SELECT DISTINCT ON (1) {code}, {place} FROM analysis_importedrow row WHERE {_of(COMPLETIONS)} ORDER BY 1"
        )
        cursor.execute(statement, [study.pk])
        found += [(item, country, *[""] * 8) for item, country in cursor.fetchall() if item not in known]
    return [
        {**{name: value or "" for name, value in zip((*facts, *places), row, strict=True)}, "is_core": row[3] == "true"}
        for row in found
    ]


def texts_of(study: Study) -> list[tuple[str, str, str, str, str]]:
    """Give the texts of the items: item, locale, status, part and body."""
    columns = ", ".join(TEXTS.cell(name) for name in ("item_code", "locale", "text_status", *PARTS))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM analysis_importedrow row WHERE {_of(TEXTS)} ORDER BY row.number",
            [study.pk],
        )
        return [
            (item, locale, status, part, body)
            for item, locale, status, *bodies in cursor.fetchall()
            for part, body in zip(PARTS, bodies, strict=True)
            if body
        ]


def count_respondents(study: Study) -> int:
    """Count the people of an import; its models are none."""
    respondent = LONG.cell(LONG.key[0])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(DISTINCT {respondent}) FROM analysis_importedrow row WHERE {_of(LONG)}", [study.pk]
        )
        return int(cursor.fetchone()[0])


def arms_of(study: Study) -> dict[str, list[str]]:
    """Give the languages in which each country's respondents answered."""
    country, locale = LONG.cell("respondent_country"), LONG.cell("locale")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {country}, array_agg(DISTINCT {locale} ORDER BY {locale}) FROM analysis_importedrow row"
            f" WHERE {_of(LONG)} GROUP BY 1 ORDER BY 1",
            [study.pk],
        )
        return dict(cursor.fetchall())


def delete_rows(study: Study) -> int:
    """Take all stored rows away; give how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analysis_importedrow WHERE study_id = %s", [study.pk])
        return int(cursor.rowcount)


def _of(table: Table) -> str:
    return f"row.study_id = %s AND row.table_name = '{table.name}'"
