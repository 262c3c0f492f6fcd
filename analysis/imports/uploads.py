"""Files that were handed in on the site, where web and workers find them, until they are imported."""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile

from analysis.imports.archives import BadUpload
from analysis.models import Import

FOLDER = "imports"
LARGEST = 512 * 1024 * 1024  # bytes of an upload
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def keep(files: Sequence[UploadedFile[Any]]) -> str:
    """Keep uploaded files in a folder of their own; give its name."""
    if sum(file.size or 0 for file in files) > LARGEST:
        raise BadUpload(f"larger than {LARGEST >> 20} MB: use manage.py import_study on the server")
    names = [plain(file.name or "") for file in files]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise BadUpload(f"two files are named {twice[0]}: give each a name of its own")
    token = secrets.token_hex(16)
    folder = place_of(token)
    folder.mkdir(parents=True)
    try:
        for name, file in zip(names, files, strict=True):
            put(file, folder / name)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return token


def put(file: UploadedFile[Any], target: Path) -> None:
    """Give a file that lies on this disk already its name here, or copy it."""
    if isinstance(file, TemporaryUploadedFile):
        with suppress(OSError):  # it lies on another disk
            os.link(file.temporary_file_path(), target)
            return
    with target.open("xb") as sink:
        for chunk in file.chunks():
            sink.write(chunk)


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
