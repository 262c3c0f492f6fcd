"""Files that were handed in on the site, where web and workers find them, until they are imported."""

from __future__ import annotations

import secrets
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from analysis.models import Import
from analysis.release.writing import CHECKSUMS

FOLDER = "imports"
LARGEST = 512 * 1024 * 1024  # bytes of an upload
LARGEST_UNPACKED = 4 * 1024 * 1024 * 1024
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class BadUpload(ValueError):
    """The file cannot be taken; the message says why."""


def keep(files: Sequence[UploadedFile[Any]]) -> str:
    """Keep uploaded files in a folder of their own; give its name."""
    if sum(file.size or 0 for file in files) > LARGEST:
        raise BadUpload(f"larger than {LARGEST >> 20} MB: use manage.py import_study on the server")
    token = secrets.token_hex(16)
    folder = place_of(token)
    folder.mkdir(parents=True)
    for file in files:
        with (folder / plain(file.name or "")).open("wb") as sink:
            for chunk in file.chunks():
                sink.write(chunk)
    return token


def plain(name: str) -> str:
    """Reduce a file's name to letters, digits, dots and hyphens, without a path."""
    kept = "".join(letter if letter in SAFE else "_" for letter in Path(name).name).lstrip(".")
    return kept[-100:] or "file.csv"


def place_of(token: str) -> Path:
    return Path(settings.RELEASES_DIR) / FOLDER / token


def forget(handed: Import) -> None:
    """Throw uploaded files away."""
    if handed.stored_as:
        shutil.rmtree(place_of(handed.stored_as), ignore_errors=True)


def handed_in(handed: Import) -> Path:
    """Give what was uploaded: the one file, or the folder of several."""
    folder = place_of(handed.stored_as)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return files[0] if len(files) == 1 else folder


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give the folder that a zip file holds for as long as it is looked at; anything else as it is."""
    if path.suffix != ".zip":
        yield path
        return
    with TemporaryDirectory(prefix="import-") as folder, zipfile.ZipFile(path) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > LARGEST_UNPACKED:
            raise BadUpload(f"{path.name}: larger than {LARGEST_UNPACKED >> 30} GB when unpacked")
        packed.extractall(folder)  # refuses to leave the folder
        roots = [found.parent for found in sorted(Path(folder).rglob(CHECKSUMS))]
        inside = [one for one in sorted(Path(folder).iterdir()) if one.is_dir()]
        yield roots[0] if roots else inside[0] if len(inside) == 1 else Path(folder)
