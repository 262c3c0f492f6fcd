"""The Data Package standard, version 2, and every cell of every table against its declaration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from analysis.release.validation.checksums import hash_file
from analysis.release.validation.findings import Finding, Json, Opened, is_file_of, missing_keys, open_csv
from survey.csv_reader import begins_a_formula

CHECK = "Data Package"
FILE = "datapackage.json"
REQUIRED = ("$schema", "name", "title", "description", "version", "licenses", "contributors", "resources")
OF_RESOURCE = ("name", "type", "path", "bytes", "hash", "schema")
INTEGER = re.compile(r"-?\d+")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")
TYPES: dict[str, Callable[[str], object]] = {
    "string": lambda cell: True,
    "integer": INTEGER.fullmatch,
    "number": NUMBER.fullmatch,
    "boolean": {"true", "false"}.__contains__,
}
MOST_OF_A_KIND = 3  # findings per column: a fault is seldom alone
FEW_ROWS = 100_000  # up to here keys are remembered; beyond, rows must stand in the order of their key


@dataclass
class Column:
    """What the schema says of one column, and how often it was found wrong."""

    name: str
    is_valid: Callable[[str], object]
    is_text: bool
    is_required: bool
    levels: frozenset[str]
    is_integer: bool
    n_found: int = field(default=0)


def check_data_package(opened: Opened) -> Iterator[Finding]:
    """Check the description and all tables."""
    yield from missing_keys(CHECK, FILE, opened.package, REQUIRED)
    for one in opened.package.get("licenses") or ():
        if not one.get("name") and not one.get("path"):
            yield Finding(CHECK, FILE, "a licence has neither name nor path")
    for name, resource in opened.resources.items():
        yield from missing_keys(CHECK, name, resource, OF_RESOURCE)
        yield from _check_file(opened, name, resource)


def _check_file(opened: Opened, name: str, resource: Json) -> Iterator[Finding]:
    path = opened.path(name)
    if not is_file_of(path, opened.root):
        yield Finding(CHECK, name, f"{resource.get('path')} is no file of the folder")
        return
    if path.stat().st_size != resource.get("bytes"):
        yield Finding(CHECK, name, f"{path.stat().st_size} bytes instead of {resource.get('bytes')}")
    if f"sha256:{hash_file(path)}" != resource.get("hash"):
        yield Finding(CHECK, name, "hash is not that of the file")
    yield from _check_rows(opened, name, resource)


def _check_rows(opened: Opened, name: str, resource: Json) -> Iterator[Finding]:
    columns = [_column(one) for one in opened.fields(name)]
    place = str(resource["path"])
    keys = Keys([columns.index(c) for key in _key(resource) for c in columns if c.name == key], columns)
    missing, n = opened.missing(name), 0
    with open_csv(opened.path(name)) as reader:
        if next(reader, []) != [column.name for column in columns]:
            yield Finding(CHECK, place, "the header is not that of the schema")
            return
        for n, row in enumerate(reader, start=1):
            if len(row) != len(columns):
                yield Finding(CHECK, f"{place}, row {n}", f"{len(row)} cells instead of {len(columns)}")
                continue
            for column, cell in zip(columns, row, strict=True):
                if what := _fault(column, cell, missing):
                    column.n_found += 1
                    if column.n_found <= MOST_OF_A_KIND:
                        yield Finding(CHECK, f"{place}, row {n}, {column.name}", what)
            if keys.is_repeated(row, int(resource.get("rows") or 0)):
                yield Finding(CHECK, f"{place}, row {n}", "the key stands twice, or rows are not in its order")
    if n != resource.get("rows"):
        yield Finding(CHECK, place, f"{n} rows instead of {resource.get('rows')}")


def _key(resource: Json) -> list[str]:
    found: list[str] = resource.get("schema", {}).get("primaryKey", [])
    return found


def _column(described: Json) -> Column:
    constraints: dict[str, Any] = described.get("constraints", {})
    kind = described.get("type", "string")
    return Column(
        str(described.get("name")),
        TYPES.get(kind, TYPES["string"]),
        kind == "string",
        bool(constraints.get("required")),
        frozenset(constraints.get("enum", ())),
        kind == "integer",
    )


def _fault(column: Column, cell: str, missing: str) -> str:
    """Say what is wrong with a cell; empty if nothing is."""
    if cell == missing:
        return "is missing" if column.is_required else ""
    if column.levels and cell not in column.levels:
        return f"{cell!r} is not among its codes"
    if not column.is_valid(cell):
        return f"{cell!r} is not of its type"
    if column.is_text and begins_a_formula(cell):
        return "begins like a formula"
    return ""


class Keys:
    """Whether a key stands twice. Long tables must be in the order of their key, so that none is remembered."""

    def __init__(self, places: list[int], columns: list[Column]) -> None:
        self.places = places
        self.columns = columns
        self.seen: set[tuple[str, ...]] = set()
        self.last: tuple[str | int, ...] = ()

    def is_repeated(self, row: list[str], n_rows: int) -> bool:
        if not self.places:
            return False
        if n_rows <= FEW_ROWS:
            key = tuple(row[place] for place in self.places)
            was_seen = key in self.seen
            self.seen.add(key)
            return was_seen
        ordered = tuple(
            int(row[p]) if self.columns[p].is_integer and INTEGER.fullmatch(row[p]) else row[p] for p in self.places
        )
        is_out_of_order = bool(self.last) and ordered <= self.last
        self.last = ordered
        return is_out_of_order
