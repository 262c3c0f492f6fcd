"""Zip files of data, unpacked into a folder that is gone afterwards: names and sizes are checked, never believed."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from analysis.release.writing import CHECKSUMS
from survey.instruments.upload import UNREADABLE

LARGEST_UNPACKED = 4 * 1024 * 1024 * 1024  # bytes
MOST_ENTRIES = 5_000
CHUNK = 1 << 20


class BadUpload(ValueError):
    """The file cannot be taken; the message says why."""


@contextmanager
def unpacked(path: Path, *, within: Path | None = None) -> Iterator[Path]:
    """Give the folder that a zip file holds for as long as it is looked at; anything else as it is.

    It is unpacked in the given folder, or where this machine has such things.
    """
    if path.suffix.lower() != ".zip" or not path.is_file():
        yield path
        return
    with TemporaryDirectory(prefix="import-", dir=within) as name:
        folder = Path(name) / path.stem  # unless it says more of itself, the study is called so
        folder.mkdir()
        _unpack(path, folder)
        roots = [found.parent for found in sorted(folder.rglob(CHECKSUMS))]
        inside = sorted(folder.iterdir())
        if not inside:
            raise BadUpload(f"{path.name}: holds no file")
        yield roots[0] if roots else inside[0] if len(inside) == 1 else folder


def _unpack(path: Path, folder: Path) -> None:
    left = min(LARGEST_UNPACKED, shutil.disk_usage(folder).free // 2)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(path, archive.infolist(), left)
            for entry in entries:
                left -= _write(archive, entry, folder, most=left)
    except (BadUpload, FileExistsError, NotADirectoryError) as error:
        what = error if isinstance(error, BadUpload) else f"{path.name}: a name is a file and a folder at once"
        raise BadUpload(str(what)) from error
    except UNREADABLE as error:
        raise BadUpload(f"{path.name}: cannot be read as a zip file: {error}") from error


def _entries(path: Path, infos: Sequence[zipfile.ZipInfo], most: int) -> list[zipfile.ZipInfo]:
    """Give the files of an archive, all of which may be written out, or refuse it by the first that may not."""
    if len(infos) > MOST_ENTRIES:
        raise BadUpload(f"{path.name}: holds {len(infos)} files, at most {MOST_ENTRIES} are taken")
    if sum(info.file_size for info in infos) > most:
        raise _too_large(path.name, most)
    files = [info for info in infos if not info.is_dir()]
    seen: set[str] = set()
    for info in files:
        fault = _fault(info) or ("stands twice in it" if info.filename in seen else "")
        if fault:
            raise BadUpload(f"{path.name}: {info.filename[:200]!r} {fault}")
        seen.add(info.filename)
    return files


def _fault(info: zipfile.ZipInfo) -> str:
    """Say why a file of an archive is not taken; empty if it may be written out."""
    name, kind = PurePosixPath(info.filename), stat.S_IFMT(info.external_attr >> 16)
    if name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in info.filename:
        return "leads out of the folder"
    if not info.filename.isprintable() or any(len(part.encode()) > 255 for part in name.parts):
        return "is no name for a file"
    if kind not in (0, stat.S_IFREG):
        return "is a link or a device, not a file: pack the file itself"
    if info.flag_bits & 0x1:
        return "is encrypted: pack it without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that is not read here: use plain zip"
    return ""


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, *, most: int) -> int:
    """Write one file out, as long as it stays within its bound whatever the archive says of it; give its size."""
    target = folder / info.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(info) as source, target.open("xb") as out:
        while part := source.read(CHUNK):
            size += len(part)
            if size > most:
                raise _too_large(info.filename, most)
            out.write(part)
    return size


def _too_large(name: str, most: int) -> BadUpload:
    return BadUpload(f"{name}: larger than {most / (1 << 30):.1f} GB when unpacked")
