"""CSV files as rows with their line numbers, a row at a time; what cannot be read is a fault, never an exception."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from analysis.imports.faults import Faults
from survey.csv_reader import csv_reader, other_marks

PACKED = ".gz"
CHUNK = 1 << 20
SAVE_AS_UTF8 = "Save the file as CSV in UTF-8"
OTHER_KINDS = {
    b"PK\x03\x04": (
        "is a zip file or a workbook, not CSV",
        "Hand in the CSV files in it, or save it as CSV",
    ),
    b"\x1f\x8b": ("is packed with gzip", "Give it a name that ends in .csv.gz, or unpack it"),
    b"\xff\xfe": ("is UTF-16", SAVE_AS_UTF8),
    b"\xfe\xff": ("is UTF-16", SAVE_AS_UTF8),
}


class Line(NamedTuple):
    """One row as it stands in a file, by the names of its columns."""

    number: int
    cells: dict[str, str]


def header_of(path: Path, faults: Faults) -> list[str]:
    """Read the names of a file's columns."""
    with ExitStack() as stack:
        try:
            header = next(csv_reader(_open(path, stack), strict=True), [])
        except UnicodeDecodeError:
            _add_bad_bytes(path, faults)
            return []
        except (OSError, EOFError, zlib.error, csv.Error) as error:
            faults.add(path.name, 1, "", None, f"cannot be read: {error}", SAVE_AS_UTF8)
            return []
    if not any(header):
        faults.add(path.name, 1, "", None, "has no header", "Put the names of the columns into the first line")
    if marks := other_marks(header):
        what = f"has its columns separated by {marks}"
        faults.add(path.name, 1, "", None, what, "Save the file with commas between the columns")
        return []
    if "\0" in "".join(header):
        faults.add(path.name, 1, "", None, "holds a NUL, which is no text", SAVE_AS_UTF8)
        return []
    for name, n in Counter(header).items():
        if n > 1:
            faults.add(path.name, 1, name, None, "is named twice", "Give every column a name of its own")
    return header


def lines(path: Path, faults: Faults) -> Iterator[Line]:
    """Give the rows of a file; uneven ones are faults, empty lines are passed over."""
    with ExitStack() as stack:
        number = 1
        try:
            reader = csv_reader(_open(path, stack), strict=True)
            header = next(reader, [])
            number = reader.line_num + 1
            for row in reader:
                if "\0" in "".join(row):
                    column = next(name for name, cell in zip_longest(header, row, fillvalue="") if "\0" in cell)
                    faults.add(path.name, number, column, None, "holds a NUL, which is no text", SAVE_AS_UTF8)
                elif len(row) == len(header):
                    yield Line(number, dict(zip(header, row, strict=True)))
                elif row:
                    faults.add(
                        path.name, number, "", None, f"has {len(row)} cells instead of {len(header)}",
                        "Put cells that hold commas or line breaks into double quotes",
                    )  # fmt: skip
                number = reader.line_num + 1
        except UnicodeDecodeError:
            _add_bad_bytes(path, faults)
        except csv.Error as error:
            faults.add(path.name, number, "", None, f"is not CSV: {error}", "Close every double quote that is opened")
        except (OSError, EOFError, zlib.error) as error:
            faults.add(
                path.name, number, "", None, f"cannot be read: {error}", "Pack the file again, or hand it in unpacked"
            )


def _add_bad_bytes(path: Path, faults: Faults) -> None:
    """Name the first line that is no text; the reader fails before it, as it decodes many lines at once."""
    opener = gzip.open if path.suffix == PACKED else open
    with ExitStack() as stack:
        start = stack.enter_context(opener(path, "rb")).read(4)
        for mark, (what, mend) in OTHER_KINDS.items():
            if start.startswith(mark):
                faults.add(path.name, 0, "", None, what, mend)
                return
        for number, line in enumerate(stack.enter_context(opener(path, "rb")), start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                what = f"is not UTF-8 (byte 0x{line[error.start]:02x})"
                faults.add(path.name, number, "", None, what, SAVE_AS_UTF8)
                return


def _open(path: Path, stack: ExitStack) -> io.TextIOBase:
    opener = gzip.open if path.suffix == PACKED else open
    return stack.enter_context(io.TextIOWrapper(opener(path, "rb"), encoding="utf-8-sig", newline=""))


def hash_of(path: Path) -> str:
    """Hash what a file holds, unpacked, so that a packed copy is known again."""
    digest = hashlib.sha256()
    with ExitStack() as stack:
        opener = gzip.open if path.suffix == PACKED else open
        file = stack.enter_context(opener(path, "rb"))
        try:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        except (OSError, EOFError, zlib.error):
            digest.update(b"broken")  # reading the rows will say so
    return digest.hexdigest()
