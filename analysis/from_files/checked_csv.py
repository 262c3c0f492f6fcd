"""CSV files that somebody else wrote: read as pandas does by itself, refused with the place of what is wrong."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analysis.columns import Table
from analysis.release.tables import data_path
from analysis.stats.paper.faults import N_SHOWN, where
from survey.csv_reader import csv_reader, other_marks

PACKED = ".gz"
IN_RELEASE = "paper"  # the folder of the paper's files inside a release
OTHER_KINDS = {
    b"\x1f\x8b": "is packed with gzip: its name must end in .csv.gz",
    b"PK\x03\x04": "is a ZIP archive or a workbook, not CSV",
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
}


class BadFile(ValueError):
    """A file that cannot be used; the message names it, the row (the header is row 1) and the column."""


class Layout(NamedTuple):
    """The header of a file, and the numbers of its rows as a spreadsheet counts them."""

    header: list[str]
    rows: list[int]


def find(folder: Path, name: str) -> Path | None:
    """Find a file, or its packed form, in a folder or where a release has it."""
    pattern = data_path("*", name.removesuffix(".csv"))
    places = (folder / f"{name}{PACKED}", folder / name, folder / IN_RELEASE / name, *sorted(folder.glob(pattern)))
    return next((path for path in places if path.is_file()), None)


def plain_name(path: Path) -> str:
    return path.name.removesuffix(PACKED)


def read_csv(path: Path, as_text: Sequence[str] = ()) -> pd.DataFrame:
    """Read a file with the types that pandas finds, but these columns as text, so that 007 stays 007.

    The index holds the number of each row, the header being row 1.
    """
    text = _decode(path, read_bytes(path))
    layout = _lay_out(path, text)
    try:
        frame = pd.read_csv(io.StringIO(text), index_col=False, dtype=dict.fromkeys(as_text, str))
    except pd.errors.ParserError as error:
        raise BadFile(f"{path.name}: cannot be read as CSV: {error}") from error
    if len(frame) != len(layout.rows):
        raise BadFile(f"{path.name}: a quoted field is not closed, or a line break stands outside quotes")
    frame.index = pd.Index(layout.rows)
    return frame


def require(frame: pd.DataFrame, columns: Iterable[str], path: Path) -> None:
    """Refuse a file without some columns, or without rows."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise BadFile(f"{path.name}: row 1: missing columns {', '.join(missing)}")
    if frame.empty:
        raise BadFile(f"{path.name}: has a header but no rows")


def check_levels(path: Path, table: Table) -> None:
    """Refuse a file of ours with other columns, with levels that its table does not declare, or with gaps."""
    text = _decode(path, read_bytes(path))
    layout = _lay_out(path, text)
    if tuple(layout.header) != table.names:
        missing = [name for name in table.names if name not in layout.header]
        others = [name for name in layout.header if name not in table.names]
        wrong = f"missing columns {', '.join(missing)}" if missing else f"columns not known: {', '.join(others)}"
        raise BadFile(f"{path.name}: row 1: {wrong if missing or others else 'columns in another order'}")
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    frame.index = pd.Index(layout.rows)
    for column in table.columns:
        values = frame[column.name]
        is_empty = values == table.missing_as
        rows = frame.index[is_empty & (not column.missing)].tolist()
        if rows:
            raise BadFile(f"{path.name}: {where(rows)}, column {column.name}: is empty where nothing may be missing")
        rows = frame.index[~is_empty & ~values.isin(column.levels)].tolist() if column.levels else []
        if rows:
            words = ", ".join(sorted(set(values[rows]))[:N_SHOWN])
            raise BadFile(f"{path.name}: {where(rows)}, column {column.name}: not among its levels: {words}")
    repeated = frame.index[frame.duplicated(list(table.key))].tolist()
    if repeated:
        raise BadFile(f"{path.name}: {where(repeated)}, column {' × '.join(table.key)}: was there before")


def read_bytes(path: Path) -> bytes:
    """Give what a file holds, unpacked."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == PACKED else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadFile(f"{path.name}: cannot be unpacked: {error}") from error


def _decode(path: Path, data: bytes) -> str:
    if kind := next((what for start, what in OTHER_KINDS.items() if data.startswith(start)), None):
        raise BadFile(f"{path.name}: {kind}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"0x{data[error.start]:02x}"
        raise BadFile(f"{path.name}: {_place(data, error.start)}: byte {byte} is not UTF-8") from error
    if not text.strip():
        raise BadFile(f"{path.name}: is empty")
    if "\0" in text:  # some readers end the field here
        raise BadFile(f"{path.name}: {_place(data, data.index(0))}: byte 0x00 is no text")
    return text


def _place(data: bytes, offset: int) -> str:
    """Name the row and the column of a byte."""
    before, whole = (part.decode("utf-8-sig", errors="replace") for part in (data[:offset] + b"x", data))
    try:
        rows = list(csv_reader(io.StringIO(before)))
        header = next(row for row in csv_reader(io.StringIO(whole)) if row)
    except csv.Error:  # no table at all
        return f"byte {offset + 1}"
    place = len(rows[-1]) - 1
    name = header[place] if place < len(header) and header[place].isprintable() else place + 1
    return f"row {len(rows)}, column {name}"


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Give the rows that hold something with their numbers."""
    reader, number = csv_reader(io.StringIO(text, newline="")), 0
    try:
        for number, row in enumerate(reader, 1):
            if row:
                yield number, row
    except csv.Error as error:
        raise BadFile(f"{path.name}: row {number + 1}: cannot be read as CSV: {error}") from error


def _lay_out(path: Path, text: str) -> Layout:
    """Find the rows that hold something, and refuse those with too many or too few fields."""
    records = list(_records(path, text))
    header = records[0][1]
    if marks := other_marks(header):
        raise BadFile(f"{path.name}: row 1: the columns are separated by {marks}: save it with commas")
    repeated = [name for name, n in Counter(header).items() if n > 1]
    if repeated:
        raise BadFile(f"{path.name}: row 1: columns named twice: {', '.join(repeated)}")
    uneven = [number for number, row in records[1:] if len(row) != len(header)]
    if uneven:
        first = next(len(row) for number, row in records if number == uneven[0])
        raise BadFile(
            f"{path.name}: {where(uneven)}: as many fields as the header's {len(header)} columns are needed, "
            f"row {uneven[0]} has {first}"
        )
    return Layout(header, [number for number, _ in records[1:]])
