"""CSV read with one limit on a cell, and what a spreadsheet takes for a formula.

The csv module keeps its limit for the whole process, and libraries change it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader

LONGEST_CELL = 1 << 22  # characters; more than the longest reply of a model that is kept
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
OTHER_MARKS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def csv_reader(lines: Iterable[str], *, delimiter: str = ",", strict: bool = False) -> Reader:
    """Give the rows of CSV; a cell above `LONGEST_CELL` is a `csv.Error`, whatever was read or loaded before."""
    csv.field_size_limit(LONGEST_CELL)
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def other_marks(header: Sequence[str]) -> str:
    """Name the marks that stand between the columns where those are no commas; empty where they seem to be."""
    alone = header[0] if len(header) == 1 else ""
    return next((name for mark, name in OTHER_MARKS.items() if mark in alone), "")


def is_blank(row: Sequence[str]) -> bool:
    """Tell whether a row says nothing, as spreadsheets leave them below a table."""
    return not any(cell.strip() for cell in row)


def begins_a_formula(cell: str) -> bool:
    """Say whether a spreadsheet takes a cell of text for a formula; it may carry other cells elsewhere."""
    return cell.startswith(FORMULA_STARTS)
