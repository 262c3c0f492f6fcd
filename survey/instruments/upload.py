"""An instrument that came in as a zip file: unpacked only as far as it is one, and looked at without ever trusting it.

Sizes are counted while reading, not believed; only the files that an instrument consists of are written, under names of
our own making; YAML with aliases, which a few lines can blow up without end, is refused before it is built. Pure.
"""

from __future__ import annotations

import csv
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

import yaml

from survey.instruments.loader import YAML, read_instrument
from survey.instruments.schema import Definition, Problem, validate

MB = 1024 * 1024
LARGEST_ZIP = 10 * MB
LARGEST_FILE = 4 * MB
LARGEST_WHOLE = 20 * MB
MOST_FILES = 200
DEEPEST = 12  # of YAML within YAML; ours go five deep
MOST_NODES = 100_000
LONGEST_SCALAR = 20_000
CHUNK = 64 * 1024
BELONGS = re.compile(
    r"(instrument|analysis_plan)\.yaml|items\.csv"
    r"|texts/[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}\.yaml|provenance/[\w-]{1,40}\.csv"
)
LEFT_ALONE = re.compile(r"(^|/)(__MACOSX/|\.(?!\.?/)|Thumbs\.db$|README(\.\w+)?$|LICEN[CS]E(\.\w+)?$)")
ARCHIVE = "the zip file"
TROUBLE = (
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    RecursionError,
    OverflowError,
    yaml.YAMLError,
    csv.Error,
)
# What the reader of zip files says of damaged ones; a ValueError where a place in them is before their beginning.
UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError, struct.error)
# How to mend what the messages say, by what stands in them; the first that fits.
MENDS: tuple[tuple[str, str], ...] = (
    ("file is missing", "add the file; it lies beside instrument.yaml"),
    ("not UTF-8", "save the file as UTF-8; in Excel: Save as, “CSV UTF-8 (comma delimited)”"),
    ("save it as UTF-8 text", "in Excel: Save as, “CSV UTF-8 (comma delimited)”"),
    ("not as a word", "put it into quotation marks"),
    ("not by commas", "save the file as CSV with commas; in LibreOffice: Save as, “Edit filter settings”"),
    (
        "the first line does not name",
        "name the columns in the first line, with nothing above it, and fill them in every row",
    ),
    ("not valid YAML", "look at the indentation, colons and quotation marks in and above this line"),
    ("not valid CSV", "look at the quotation marks in and above this line"),
    ("stands twice", "keep one of the two"),
    ("stands in line", "keep one of the two"),
    ("unknown column", "take the column out, or correct its name"),
    ("cells where the header has", "put texts with commas into quotation marks"),
    ("record of what is not there", "take the record out, or add the text"),
    ("is not the file's name", "write the locale that the file is named by"),
    ("is a workbook", "save the sheet as CSV UTF-8 (comma delimited), under the name items.csv if it holds the items"),
    (
        "cannot be read as a zip file",
        "zip the folder that holds instrument.yaml, and upload the file that ends in .zip",
    ),
    ("alias", "write the value out in each place"),
    ("instrument.yaml: pack one", "zip the folder that holds instrument.yaml, items.csv and texts, and upload that"),
    ("missing", "add it"),
)
MEND = "correct this line and upload again"


class Refused(ValueError):
    """The zip file is not one that can be taken in; ``problems`` say why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Entry(NamedTuple):
    """A file of the archive and where it belongs in the instrument's folder."""

    info: zipfile.ZipInfo
    name: str


def mend(problem: Problem) -> str:
    """Say how to mend a problem."""
    return next((told for part, told in MENDS if part in problem.message), MEND)


def refuse(name: str, message: str) -> Refused:
    return Refused([Problem(name[:200], 1, name[:200], message)])


def unpack(file: IO[bytes], folder: Path) -> list[str]:
    """Write the files of an instrument into an empty folder; give their names. `Refused` leaves nothing to be used."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = choose(archive.infolist())
            left = LARGEST_WHOLE
            for entry in entries:
                left -= write(archive, entry, folder, most=min(LARGEST_FILE, left))
            return [entry.name for entry in entries]
    except Refused:
        raise
    except (*UNREADABLE, OSError) as error:
        raise refuse(ARCHIVE, f"cannot be read as a zip file: {error}") from error


def choose(infos: list[zipfile.ZipInfo]) -> list[Entry]:
    """Choose what belongs to an instrument; the folder that all of it may lie in is not part of the names."""
    files = [info for info in infos if not info.is_dir() and not LEFT_ALONE.search(info.filename)]
    if len(infos) > 5 * MOST_FILES or len(files) > MOST_FILES:
        raise refuse(ARCHIVE, f"holds {len(infos)} files, more than {MOST_FILES} are not taken")
    problems = [
        Problem(info.filename[:200], 1, info.filename[:200], fault) for info in files if (fault := fault_of(info))
    ]
    if problems:
        raise Refused(problems)
    roots = [info.filename.removesuffix("instrument.yaml") for info in files if is_root(info.filename)]
    if len(roots) != 1:
        wrong = "holds no instrument.yaml" if not roots else "holds more than one instrument.yaml"
        raise refuse(ARCHIVE, f"{wrong}: pack one instrument’s folder")
    entries = [Entry(info, info.filename.removeprefix(roots[0])) for info in files]
    strange = [
        entry for entry in entries if not entry.info.filename.startswith(roots[0]) or not BELONGS.fullmatch(entry.name)
    ]
    names = [entry.name for entry in entries]
    problems = [Problem(one.info.filename, 1, one.name, stranger(one.name)) for one in strange]
    problems += [
        Problem(name, 1, name, "stands twice in the zip file") for name in sorted(set(names)) if names.count(name) > 1
    ]
    if problems:
        raise Refused(problems)
    return entries


def stranger(name: str) -> str:
    if name.lower().endswith((".xlsx", ".xls", ".ods")):
        return "is a workbook, not a file of an instrument"
    return "is no file of an instrument: take it out"


def is_root(name: str) -> bool:
    return PurePosixPath(name).name == "instrument.yaml"


def fault_of(info: zipfile.ZipInfo) -> str:
    """Say why a file of an archive is not taken; empty if it may be looked at."""
    path = PurePosixPath(info.filename)
    mode = info.external_attr >> 16
    if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
        return "its name leads out of the folder"
    if not info.filename.isprintable():
        return "its name holds characters that cannot be shown"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or a device, not a file"
    if info.flag_bits & 0x1:
        return "is encrypted: pack it without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that is not read here: use plain zip"
    if info.file_size > LARGEST_FILE:
        return f"has more than {LARGEST_FILE // MB} MB"
    return ""


def write(archive: zipfile.ZipFile, entry: Entry, folder: Path, *, most: int) -> int:
    """Write one file out, as long as it stays within its bounds whatever the archive says of it; give its size."""
    target = folder / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry.info) as source, target.open("xb") as out:
        while part := source.read(CHUNK):
            size += len(part)
            if size > most:
                raise refuse(entry.name, "unpacks to more than is taken")
            out.write(part)
    return size


def read_safely(folder: Path) -> tuple[Definition | None, list[Problem]]:
    """Read an unpacked instrument; give its definition, or none and what is wrong with it."""
    problems = [problem for path in sorted(folder.rglob("*")) if path.is_file() for problem in look(path, folder)]
    if problems:
        return None, problems
    try:
        definition = read_instrument(folder)
        problems = validate(definition)
    except TROUBLE as error:
        told = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return None, [
            Problem("instrument.yaml", 1, "instrument.yaml", f"does not have the shape of an instrument: {told}")
        ]
    return (None, problems) if problems else (definition, [])


def look(path: Path, folder: Path) -> Iterator[Problem]:
    """Find what must not even be parsed: characters that no text has, YAML that grows while it is read."""
    name = path.relative_to(folder).as_posix()
    content = path.read_bytes()
    if (at := content.find(b"\0")) >= 0:
        yield Problem(name, content.count(b"\n", 0, at) + 1, name, "holds a NUL character: save it as UTF-8 text")
    elif path.suffix == ".yaml":
        yield from look_at_yaml(content, name)


def look_at_yaml(content: bytes, name: str) -> Iterator[Problem]:
    """Walk a YAML file's events, which costs its length and no more, before anything is built of them."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return  # the reader says where
    depth = nodes = 0
    try:
        for event in yaml.parse(text, Loader=YAML):
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            nodes += 1
            if isinstance(event, yaml.AliasEvent):
                yield Problem(name, line, name, "holds an alias (*name), which is not taken")
                return
            if getattr(event, "tag", None):
                yield Problem(name, line, name, "holds a tag (!name), which is not taken")
                return
            if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST_SCALAR:
                yield Problem(name, line, name, f"holds a text of more than {LONGEST_SCALAR} characters")
                return
            if depth > DEEPEST or nodes > MOST_NODES:
                yield Problem(name, line, name, "is nested too deeply, or holds too much")
                return
    except (yaml.YAMLError, RecursionError):
        return  # the reader says where
