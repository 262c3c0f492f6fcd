"""The files of a folder, each with what its descriptors say of it. Memory holds one buffer at a time."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from analysis.columns import Table
from survey.csv_reader import begins_a_formula, csv_reader

CHECKSUMS = "SHA256SUMS"
# What may be such a cell, or a negative number. Few parts have any, and only these are read cell by cell.
SUSPICIOUS = re.compile(rb'(?:^|,)"?[=+@\t\r-]', re.MULTILINE)


class FormulaCell(ValueError):
    """A cell of text begins like a formula; the message names its place."""


@dataclass(frozen=True)
class Written:
    """One file as it was written, by its path in the folder; a table with its declaration and number of rows."""

    path: str
    sha256: str
    n_bytes: int
    table: Table | None = None
    n_rows: int = 0


class Counted(NamedTuple):
    part: bytes
    first_line: int


class Folder:
    """A folder under construction."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, Written] = {}

    @property
    def tables(self) -> list[Written]:
        return [file for file in self.files.values() if file.table]

    def add_table(self, path: str, table: Table, parts: Generator[bytes, None, int]) -> Written:
        """Write a table as it streams in; `FormulaCell` if a text in it begins like a formula."""
        target = self._open(path)
        digest, size, line = hashlib.sha256(), 0, 1
        with target.open("wb") as file:
            while True:
                try:
                    part = next(parts)
                except StopIteration as ended:
                    return self._keep(Written(path, digest.hexdigest(), size, table, ended.value))
                if SUSPICIOUS.search(part):
                    refuse_formulas(path, table, Counted(part, line))
                digest.update(part)
                file.write(part)
                size += len(part)
                line += part.count(b"\n")

    def drop(self, file: Written) -> None:
        """Take a file away again."""
        (self.root / file.path).unlink()
        del self.files[file.path]

    def add_text(self, path: str, text: str) -> Written:
        data = text.encode()
        self._open(path).write_bytes(data)
        return self._keep(Written(path, hashlib.sha256(data).hexdigest(), len(data)))

    def add_json(self, path: str, content: Any) -> Written:
        return self.add_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def seal(self) -> str:
        """Write the checksums of all files; give the checksum of these."""
        lines = "".join(f"{self.files[path].sha256}  {path}\n" for path in sorted(self.files))
        (self.root / CHECKSUMS).write_bytes(lines.encode())
        return hashlib.sha256(lines.encode()).hexdigest()

    def _open(self, path: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _keep(self, written: Written) -> Written:
        self.files[written.path] = written
        return written


def refuse_formulas(path: str, table: Table, counted: Counted) -> None:
    """Read whole rows cell by cell and refuse text that begins like a formula; nothing is ever altered."""
    is_text = [column.type in ("code", "text") for column in table.columns]
    reader = csv_reader(io.StringIO(counted.part.decode(), newline=""))
    for row in reader:
        place = first_formula(row, is_text)
        if place is not None:
            line = counted.first_line + reader.line_num - 1
            raise FormulaCell(
                f"{path}, line {line}, column {table.names[place]}: begins with {row[place][0]!r}, which a spreadsheet"
                " takes for a formula; change it where it comes from"
            )


def first_formula(row: Sequence[str], is_text: Sequence[bool]) -> int | None:
    """Give the place of the first text in a row that begins like a formula."""
    cells = zip(row, is_text, strict=True)
    return next((place for place, (cell, text) in enumerate(cells) if text and begins_a_formula(cell)), None)
