"""The codebook of a release: every variable and every code, in every locale of the instrument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.columns import Column, Table
from analysis.export.codebook import HEADER, codebook_markdown, codebook_row
from analysis.export.table_csv import write_csv
from analysis.release.labels import ANSWERED, DRAFT, Labels, english, status_of, translated
from analysis.release.writing import Folder

STATUS = "label_status"  # of the labels that are no English


def add_codebook(folder: Folder, paths: Mapping[str, Table], labels: Labels) -> None:
    """Write the codebook of the tables at these paths: variables and codes in all locales, as CSV and as Markdown."""
    tables = list(paths.values())
    folder.add_text("documentation/codebook.csv", variables_csv(tables, labels))
    folder.add_text("documentation/codebook_levels.csv", levels_csv(tables, labels))
    parts = (codebook_markdown(paths), *variables_markdown(tables, labels), levels_markdown(tables, labels))
    folder.add_text("documentation/codebook.md", "\n".join(parts))


def variables_csv(tables: Sequence[Table], labels: Labels) -> str:
    """Write a row per variable: what it is, and its label in each locale."""
    header = (*HEADER, *(f"label_{locale}" for locale in labels.locales), STATUS)
    rows = [
        (*codebook_row(table, column), *(translated(column.label, locale) for locale in labels.locales), DRAFT)
        for table in tables
        for column in table.columns
    ]
    return write_csv(header, rows)


def variables_markdown(tables: Sequence[Table], labels: Labels) -> Iterator[str]:
    """List the variables' labels per language, each once with the tables that have it."""
    for locale in labels.translated:
        lines = [f"# Variables in {locale}", "", f"Translations of the meanings above: {DRAFT}s.", ""]
        lines += ["| name | meaning | tables |", "|---|---|---|"]
        found: dict[tuple[str, str], list[str]] = {}
        for table in tables:
            for column in table.columns:
                found.setdefault((column.name, translated(column.label, locale)), []).append(table.name)
        lines += [_line((f"`{name}`", label, ", ".join(where))) for (name, label), where in found.items()]
        yield "\n".join([*lines, ""])


def levels_csv(tables: Sequence[Table], labels: Labels) -> str:
    """Write a row per code of each variable: its label in English and in each locale."""
    header = ("table", "name", "code", "label", *(f"label_{locale}" for locale in labels.locales), STATUS)
    rows = [
        (table.name, column.name, level, english(column, level), *_in_locales(column, level, labels), status_of(column))
        for table in tables
        for column in table.columns
        for level in column.levels
    ]
    return write_csv(header, rows)


def levels_markdown(tables: Sequence[Table], labels: Labels) -> str:
    """List the codes of each variable once, where all tables give them the same meaning."""
    lines = ["# Codes", ""]
    lines += [f"Below each name stands where the words of other languages come from; a {DRAFT} awaits its review.", ""]
    for names, column in _distinct(tables):
        lines += [f"## {', '.join(f'`{name}`' for name in names)}", "", _sentence(status_of(column)), ""]
        lines += [f"| code | meaning | {' | '.join(labels.locales)} |", f"|---|---|{'---|' * len(labels.locales)}"]
        lines += [
            _line((f"`{level}`", english(column, level), *_in_locales(column, level, labels)))
            for level in column.levels
        ]
        lines.append("")
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


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
