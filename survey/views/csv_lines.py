"""Lines of CSV as they are needed, for staff who open them in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from survey.csv_reader import begins_a_formula

PART = 32_768  # characters of a download's part, at least


class Echo:
    """Hand every line that is written straight on."""

    def write(self, value: str) -> str:
        return value


def write_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Write rows one by one, so that a file of any length needs no memory."""
    writer = csv.writer(Echo(), lineterminator="\n")
    return (writer.writerow([harmless(value) for value in row]) for row in rows)


def write_parts(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Write rows as the parts of a download, each of whole lines: with one a line it would rest at every line."""
    lines: list[str] = []
    size = 0
    for line in write_lines(rows):
        lines.append(line)
        size += len(line)
        if size >= PART:
            yield "".join(lines).encode()
            lines, size = [], 0
    yield "".join(lines).encode()


def harmless(value: object) -> str:
    """Keep a spreadsheet from taking what came in from outside for a formula."""
    written = "" if value is None else str(value)
    return f"'{written}" if begins_a_formula(written) else written
