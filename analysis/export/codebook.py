"""The codebook, from the declarations of the columns."""

from collections.abc import Iterable, Mapping

from analysis.columns import Column, Table
from analysis.export.table_csv import write_csv
from analysis.extract import ALL_TABLES

EXPORTED = tuple(ALL_TABLES.values())
HEADER = ("table", "name", "type", "levels", "label", "missing_as", "missing_means", "source")


def codebook_csv(tables: Iterable[Table] = EXPORTED) -> str:
    """Describe every column of every table, one a row."""
    rows = [codebook_row(table, column) for table in tables for column in table.columns]
    return write_csv(HEADER, rows)


def codebook_row(table: Table, column: Column) -> list[str]:
    """Describe one column."""
    missing_as = table.missing_as if column.missing else ""
    levels = " | ".join(column.levels)
    return [table.name, column.name, column.type, levels, column.label, missing_as, column.missing, column.source]


def codebook_markdown(paths: Mapping[str, Table] | None = None) -> str:
    """Describe the tables for people, under the names of their files."""
    lines = ["# Codebook", ""]
    for path, table in (paths or {f"{table.name}.csv": table for table in EXPORTED}).items():
        lines += [f"## {path}", "", f"{table.title}. One row per {', '.join(table.key)}.", ""]
        lines += [_missing_line(table), "", "| name | type | meaning | levels | empty when |", "|---|---|---|---|---|"]
        lines += [_markdown_row(column) for column in table.columns]
        lines.append("")
    return "\n".join(lines)


def _missing_line(table: Table) -> str:
    return (
        f"Missing values are written `{table.missing_as}`." if table.missing_as else "Missing values are empty cells."
    )


def _markdown_row(column: Column) -> str:
    levels = ", ".join(f"`{level}`" for level in column.levels)
    cells = (f"`{column.name}`", column.type, column.label, levels, column.missing or "never")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
