"""What a check finds, and the release as the checks read it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NamedTuple

from survey.csv_reader import csv_reader

DESCRIPTORS = ("dataset_description.json", "datapackage.json", "croissant.json")
Json = Mapping[str, Any]
FILES = "files"
# What is raised by descriptions in which a list stands for an object, a name for a number, or a column is missing.
MISSHAPEN = (TypeError, AttributeError, LookupError, ValueError, RecursionError)


class Finding(NamedTuple):
    """One thing that is wrong."""

    check: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.place}: {self.what}"


class Unreadable(ValueError):
    """A file of a release that is not what its name says: no text, or no table."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path.name}: {what}")
        self.path, self.what = path, what


@dataclass(frozen=True)
class Opened:
    """A release with its three descriptors."""

    root: Path
    psych_ds: Json
    package: Json
    croissant: Json

    @cached_property
    def resources(self) -> dict[str, Json]:
        """The described tables by name."""
        listed = self.package.get("resources")
        return {one["name"]: one for one in listed if isinstance(one, dict) and "name" in one} if listed else {}

    @property
    def facts(self) -> Json:
        """What the release says of itself."""
        found = self.package.get("release", {})
        return found if isinstance(found, dict) else {}

    def has(self, *names: str) -> bool:
        return all(name in self.resources and is_file_of(self.path(name), self.root) for name in names)

    def path(self, name: str) -> Path:
        return self.root / str(self.resources[name].get("path", ""))

    def fields(self, name: str) -> list[Json]:
        found: list[Json] = self.resources[name].get("schema", {}).get("fields", [])
        return found

    def missing(self, name: str) -> str:
        return str(self.resources[name].get("schema", {}).get("missingValues", [""])[0])

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """Read a table row by row, as text; rows of another length are left to the check of the tables."""
        with open_csv(self.path(name)) as reader:
            header = next(reader, [])
            yield from (dict(zip(header, row, strict=False)) for row in reader)


def is_file_of(path: Path, root: Path) -> bool:
    """Say whether a path names a file that lies within a folder, not one that it leads to elsewhere."""
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """Open a file as text; `Unreadable` from wherever in it something else stands."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise Unreadable(path, f"is not UTF-8: byte 0x{error.object[error.start]:02x}") from error


@contextmanager
def open_csv(path: Path) -> Iterator[Iterator[list[str]]]:
    try:
        with open_text(path) as file:
            yield csv_reader(file, strict=True)
    except csv.Error as error:
        raise Unreadable(path, f"is not CSV: {error}") from error


def open_release(folder: Path) -> Opened | Finding:
    """Read the descriptors; a finding if one cannot be read."""
    read = []
    for name in DESCRIPTORS:
        try:
            content = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            return Finding(FILES, name, f"cannot be read: {error}")
        if not isinstance(content, dict):
            return Finding(FILES, name, "is not an object")
        read.append(content)
    return Opened(folder, *read)


def missing_keys(check: str, place: str, found: Json, wanted: Sequence[str]) -> Iterator[Finding]:
    """Name the keys that are not there or are empty."""
    yield from (Finding(check, place, f"{key} is missing") for key in wanted if found.get(key) in (None, "", [], {}))
