"""What is wrong in a file that was handed in: where, what stands there, and how to mend it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_KEPT = 500
LONGEST_VALUE = 80


class RowFault(NamedTuple):
    """One fault; line 1 is the header, line 0 the file as a whole."""

    file: str
    line: int
    column: str
    value: str
    what: str
    mend: str

    def __str__(self) -> str:
        place = ", ".join([self.file, *([f"line {self.line}"] if self.line else []), *filter(None, [self.column])])
        return f"{place}: {self.what}{f' ({self.value!r})' if self.value else ''}. {self.mend}"


@dataclass
class Faults:
    """The faults of one import; beyond the first ones they are only counted."""

    kept: list[RowFault] = field(default_factory=list)
    n: int = 0

    def add(self, file: str, line: int, column: str, value: str | None, what: str, mend: str) -> None:
        self.n += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(RowFault(file, line, column, (value or "")[:LONGEST_VALUE], what, mend))

    def __bool__(self) -> bool:
        return self.n > 0

    def __iter__(self) -> Iterator[RowFault]:
        return iter(self.kept)


class BadImport(ValueError):
    """Nothing was stored: the file has faults."""

    def __init__(self, faults: Faults) -> None:
        first = next(iter(faults), None)
        super().__init__(f"{faults.n} faults; the first: {first}" if faults.n > 1 else str(first))
        self.faults = faults
