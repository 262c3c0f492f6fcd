"""The codebook of a release: every variable, and every code in every locale of the instrument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.columns import Column, Table
from analysis.export.codebook import codebook_csv, codebook_markdown
from analysis.export.table_csv import write_csv
from analysis.release.labels import ANSWERED, Labels, english
from analysis.release.writing import Folder


def add_codebook(folder: Folder, tables: Sequence[Table], labels: Labels) -> None:
    """Write the codebook: variables as CSV and Markdown, codes in all locales as CSV and in the Markdown."""
    folder.add_text("documentation/codebook.csv", codebook_csv(tables))
    folder.add_text("documentation/codebook_levels.csv", levels_csv(tables, labels))
    folder.add_text("documentation/codebook.md", f"{codebook_markdown(tables)}\n{levels_markdown(tables, labels)}")


def levels_csv(tables: Sequence[Table], labels: Labels) -> str:
    """Write a row per code of each variable: its label in English and in each locale."""
    header = ("table", "name", "code", "label", *(f"label_{locale}" for locale in labels.locales))
    rows = [
        (table.name, column.name, level, english(column, level), *_in_locales(column, level, labels))
        for table in tables
        for column in table.columns
        for level in column.levels
    ]
    return write_csv(header, rows)


def levels_markdown(tables: Sequence[Table], labels: Labels) -> str:
    """List the codes of each variable once, where all tables give them the same meaning."""
    lines = ["# Codes", "", "Labels of answers are the words that respondents read.", ""]
    for names, column in _distinct(tables):
        lines += [f"## {', '.join(f'`{name}`' for name in names)}", ""]
        lines += [f"| code | meaning | {' | '.join(labels.locales)} |", f"|---|---|{'---|' * len(labels.locales)}"]
        for level in column.levels:
            cells = (f"`{level}`", english(column, level), *_in_locales(column, level, labels))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def _in_locales(column: Column, level: str, labels: Labels) -> list[str]:
    return [labels.of(column, level, locale) for locale in labels.locales]


def _distinct(tables: Sequence[Table]) -> Iterator[tuple[list[str], Column]]:
    """Give each vocabulary once, with the variables that use it."""
    found: dict[tuple[tuple[str, ...], str], tuple[list[str], Column]] = {}
    for table in tables:
        for column in table.columns:
            if column.levels:
                answered = column.name if column.name in ANSWERED else ""
                names, _ = found.setdefault((column.levels, answered), ([], column))
                if column.name not in names:
                    names.append(column.name)
    yield from found.values()
