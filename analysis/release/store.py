"""Where releases that were asked for on the site lie until somebody fetches them: one zip file each."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from analysis import releases
from analysis.models import Release
from analysis.release.build import Built

BEGINNING = (1980, 1, 1, 0, 0, 0)  # of time as zip files know it: the same files make the same bytes
READABLE = 0o644 << 16


def zip_of(release: Release) -> Path:
    """Give the place of a release's zip file, whether it is there or not."""
    return Path(settings.RELEASES_DIR) / f"{release.study.code}-{release.number}.zip"


def make_zip(release: Release, on_step: Callable[[str], None]) -> Built:
    """Make a release as a zip file; what a dead worker left of it is thrown away."""
    target = zip_of(release)
    folder = target.with_suffix("")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        built = releases.make(release, folder, on_step)
        on_step("Packing")
        pack(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return built


def pack(folder: Path, target: Path) -> None:
    """Pack a folder; the file appears when it is whole."""
    partial = target.with_name(f"{target.name}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", BEGINNING)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = READABLE
            with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink)
    os.replace(partial, target)
