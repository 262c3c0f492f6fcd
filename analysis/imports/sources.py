"""The three kinds of data that can be imported, each as tables of checked rows.

A release is checked as a whole first and taken as it is; the paper's files and answers collected elsewhere are checked
cell by cell while they stream by.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from analysis.columns import COMPLETIONS, LONG, Table
from analysis.extract import ALL_TABLES
from analysis.imports.faults import Faults, RowFault
from analysis.imports.judgments import Cells, Checker, Judgment, Seen, check_item, human_row, long_rows, paper_judgment
from analysis.imports.mapping import ColumnMap, Reader, mapping_faults
from analysis.imports.predictions import KEY, SETTINGS, completion_rows, prediction, prediction_row
from analysis.imports.reading import PACKED, hash_of, header_of, lines
from analysis.models import Import
from analysis.paper_columns import HUMAN, PREDICTIONS
from analysis.release.registered import DEVIATIONS
from analysis.release.validation import Opened, open_release, validate
from analysis.release.validation.findings import Finding, open_csv
from analysis.release.writing import CHECKSUMS
from survey.views.csv_lines import harmless

Kind = Import.Kind
HUMAN_FILE, PREDICTION_FILE = f"{HUMAN.name}.csv", f"{PREDICTIONS.name}.csv"
GET_AGAIN = "Get the release again from where it was published: files were changed after it was made"


class Row(NamedTuple):
    """One row of one of our tables, and the line it comes from."""

    table: Table
    line: int
    cells: Cells


@dataclass
class Source(ABC):
    """Data that were handed in; `rows` checks them as it gives them."""

    path: Path
    faults: Faults = field(default_factory=Faults)
    seen: Seen = field(default_factory=Seen)

    kind = Kind.ANSWERS

    @property
    @abstractmethod
    def identity(self) -> str:
        """Give the SHA-256 by which the same data are known again."""

    @abstractmethod
    def rows(self, study: str, instrument: str) -> Iterator[Row]:
        """Give all rows, table by table."""

    def about(self) -> dict[str, Any]:
        """Say what the data say of themselves."""
        return {}

    @property
    def answers_of(self) -> tuple[str, str]:
        """Name the file that holds people's answers and the columns by which each of its answers is told apart."""
        return self.path.name, " × ".join(LONG.key)


class ReleaseSource(Source):
    """A release folder, of this site or of another one."""

    kind = Kind.RELEASE

    @property
    def identity(self) -> str:
        sums = self.path / CHECKSUMS
        return hashlib.sha256(sums.read_bytes()).hexdigest() if sums.is_file() else hashlib.sha256().hexdigest()

    def about(self) -> dict[str, Any]:
        opened = open_release(self.path)
        if isinstance(opened, Finding):
            return {}
        licences = opened.package.get("licenses")
        first = licences[0] if isinstance(licences, list) and licences else None
        return {
            "title": str(opened.package.get("title", "")),
            "citation": str(opened.psych_ds.get("citation", "")),
            "licence": str(first.get("name", "")) if isinstance(first, dict) else "",
            "release": str(opened.facts.get("id", "")),
        }

    def rows(self, study: str, instrument: str) -> Iterator[Row]:
        """Check the folder, then give its tables as they are, under the ids and the study's code that they carry."""
        for finding in validate(self.path):
            self.faults.add(finding.place, 0, "", None, f"{finding.check}: {finding.what}", GET_AGAIN)
        opened = open_release(self.path)
        if self.faults or isinstance(opened, Finding):
            return
        for name in opened.resources:
            if name == DEVIATIONS.name:
                continue  # a log of the study, no data of it
            if name not in ALL_TABLES:
                self.faults.add(
                    name, 0, "", None, "is no table of this version of the site", "Import it with its version"
                )
            elif unknown := sorted(set(self._header(opened, name)) - set(ALL_TABLES[name].names)):
                mend = "Import it with the version of the site that made it"
                self.faults.add(name, 1, unknown[0], None, "is no column of this version of the site", mend)
            else:
                yield from self._table(opened, name)

    def _header(self, opened: Opened, name: str) -> list[str]:
        return [str(one["name"]) for one in opened.fields(name)]

    def _table(self, opened: Opened, name: str) -> Iterator[Row]:
        table, missing = ALL_TABLES[name], opened.missing(name)
        header = self._header(opened, name)
        places = [header.index(column) if column in header else None for column in table.names]
        with open_csv(opened.path(name)) as reader:
            next(reader, None)
            for number, row in enumerate(reader, start=2):
                cells: Cells = [None if p is None or row[p] == missing else row[p] for p in places]
                yield Row(table, number, cells)


class PaperSource(Source):
    """The paper's published files: human answers, and model answers where they lie beside them."""

    kind = Kind.PAPER

    @property
    def human(self) -> Path:
        return find_file(self.path, HUMAN_FILE) or self.path / HUMAN_FILE

    @property
    def answers_of(self) -> tuple[str, str]:
        return self.human.name, " × ".join(HUMAN.key)

    @property
    def predictions(self) -> Path | None:
        return find_file(self.path, PREDICTION_FILE)

    @property
    def identity(self) -> str:
        found = [path for path in (self.human, self.predictions) if path is not None and path.is_file()]
        return hashlib.sha256("".join(map(hash_of, found)).encode()).hexdigest()

    def rows(self, study: str, instrument: str) -> Iterator[Row]:
        if not self._has_columns(self.human, HUMAN.names):
            return
        checker = Checker(self.human.name, {}, self.faults)
        for line in lines(self.human, self.faults):
            before = self.faults.n
            judgment = paper_judgment(checker, self.seen, line.number, line.cells)
            if self.faults.n == before:
                check_item(checker, self.seen, line.number, judgment)
                yield from _judged(self.seen, judgment, line.number, study, instrument)
        if self.predictions is not None and self._has_columns(self.predictions, (*KEY, "llm_personal", "llm_norm")):
            yield from self._predicted(self.predictions, study, instrument)

    def _predicted(self, path: Path, study: str, instrument: str) -> Iterator[Row]:
        checker = Checker(path.name, {}, self.faults)
        last: dict[tuple[str, ...], int] = {}
        for line in lines(path, self.faults):
            before = self.faults.n
            found = prediction(checker, self.seen, line.number, line.cells)
            if self.faults.n == before:
                last[found.key] = line.number
                yield Row(PREDICTIONS, line.number, prediction_row(found))
        if self.faults:
            return
        for setting in SETTINGS:  # in the order in which the paper's scripts stack them
            for line in lines(path, self.faults):
                if line.cells["persona_setting"].strip() != setting:
                    continue
                found = prediction(checker, Seen(), line.number, line.cells)
                if last[found.key] == line.number:
                    for cells in completion_rows(found, study, instrument):
                        yield Row(COMPLETIONS, line.number, cells)

    def _has_columns(self, path: Path, names: Sequence[str]) -> bool:
        header = header_of(path, self.faults)
        for name in names:
            if header and name not in header:
                mend = "Hand the file in as the paper published it, or import it as answers collected elsewhere"
                self.faults.add(path.name, 1, name, None, "is missing", mend)
        return not self.faults


@dataclass
class AnswersSource(Source):
    """Answers collected elsewhere, in one CSV file, with a choice of columns."""

    mapping: ColumnMap = field(default_factory=lambda: ColumnMap({}))

    kind = Kind.ANSWERS

    @property
    def identity(self) -> str:
        chosen = json.dumps(self.mapping.as_json(), sort_keys=True)
        return hashlib.sha256(f"{hash_of(self.path)}{chosen}".encode()).hexdigest()

    @property
    def answers_of(self) -> tuple[str, str]:
        columns = [self.mapping.columns.get(role) for role in ("respondent", "item", "question")]
        return self.path.name, " × ".join(filter(None, columns))

    def rows(self, study: str, instrument: str) -> Iterator[Row]:
        header = header_of(self.path, self.faults)
        if not self.faults:
            self.faults = mapping_faults(self.mapping, header, self.path.name)
        if self.faults:
            return
        checker = Checker(self.path.name, self.mapping.columns, self.faults)
        reader = Reader(self.mapping, checker)
        for line in lines(self.path, self.faults):
            before = self.faults.n
            judgment = reader.judgment(line.number, line.cells)
            if self.faults.n == before:
                check_item(checker, self.seen, line.number, judgment)
                yield from _judged(self.seen, judgment, line.number, study, instrument)


def _judged(seen: Seen, judgment: Judgment, line: int, study: str, instrument: str) -> Iterator[Row]:
    seen.n_partial += not (judgment.personal and judgment.norm)
    seen.n_silent += not (judgment.personal or judgment.norm)
    yield Row(HUMAN, line, human_row(judgment))
    for cells in long_rows(judgment, study, instrument):
        yield Row(LONG, line, cells)


def find_file(folder: Path, name: str) -> Path | None:
    """Find a file of the paper, or its packed form, in a folder, or beside the one that was named."""
    place = folder if folder.is_dir() else folder.parent
    return next((path for path in (place / name, place / f"{name}{PACKED}") if path.is_file()), None)


def open_source(path: Path, mapping: ColumnMap | None = None) -> Source:
    """Tell by what is there which kind it is: a release, the paper's files, else answers collected elsewhere."""
    if path.is_dir():
        return ReleaseSource(path) if (path / CHECKSUMS).is_file() else PaperSource(path)
    if mapping is None and path.name.removesuffix(PACKED) in (HUMAN_FILE, PREDICTION_FILE):
        return PaperSource(path)
    return AnswersSource(path, mapping=mapping or ColumnMap({}))


def sample(path: Path, n: int = 5) -> tuple[list[str], list[list[str]]]:
    """Give the header and the first rows of a file, for whoever chooses the columns."""
    faults = Faults()
    header = header_of(path, faults)
    rows: list[list[str]] = []
    for line in lines(path, faults):
        if len(rows) == n:
            break
        rows.append(list(line.cells.values()))
    return header, rows


def faults_csv(faults: Sequence[Sequence[object]]) -> str:
    """Write faults as a table; what a spreadsheet would take for a formula is marked as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(RowFault._fields)
    writer.writerows([harmless(cell) for cell in row] for row in faults)
    return text.getvalue()
