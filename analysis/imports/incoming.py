"""Where files lie while they come in or are unpacked: on the volume of the releases.

A container's /tmp is memory, and half a gigabyte of it is half a gigabyte less for the web server.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler

FOLDER = "incoming"
STALE = 24 * 3600  # seconds; whoever left it is dead


class IncomingFile(TemporaryUploadedFile):
    """A file that is coming in."""

    def __init__(self, name: str | None, *about: Any) -> None:
        file = tempfile.NamedTemporaryFile(suffix=".upload", dir=scratch())  # noqa: SIM115  # as Django's own
        UploadedFile.__init__(self, file, name, *about)


class IncomingHandler(TemporaryFileUploadHandler):
    """Takes what is too large to be kept in memory."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = IncomingFile(self.file_name, self.content_type, 0, self.charset, self.content_type_extra)


def scratch() -> Path:
    """Give the folder for what will not stay, without what killed processes left in it."""
    folder = Path(settings.RELEASES_DIR) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        with suppress(OSError):  # another process is faster
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return folder
