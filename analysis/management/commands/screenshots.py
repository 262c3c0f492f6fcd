"""``manage.py screenshots RELEASE --browser PATH --out FOLDER``: photograph the page copies of a release."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.release.validation.checksums import hash_file

PAGES = "materials/pages"
WIDTHS = {"phone": (360, 1600), "desktop": (1280, 1200)}
SECONDS = 60
FLAGS = (
    "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-extensions",
)  # fmt: skip
NO_SANDBOX = "--no-sandbox"  # Chromium refuses root otherwise; it opens nothing but the copies


class Command(BaseCommand):
    help = "Photograph the page copies of a release with a Chromium; outside the release, as browsers differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("release", type=Path, help="folder of the release")
        parser.add_argument("--browser", required=True, help="a Chromium, such as /usr/bin/chromium")
        parser.add_argument("--out", type=Path, required=True, help="folder to make, not inside the release")

    def handle(self, *args: Any, release: Path, browser: str, out: Path, **options: Any) -> None:
        copies = sorted((release / PAGES).glob("*/*.html"))
        if not copies:
            raise CommandError(f"{release / PAGES} holds no page copies")
        if out.resolve().is_relative_to(release.resolve()):
            raise CommandError("a release is never added to: choose a folder outside it")
        lines = [f"# Screenshots of {release.resolve().name}", "", f"Made with {version_of(browser)}.", ""]
        for copy in copies:
            if copy.stem != "index":
                for path in photograph(browser, copy, out / copy.parent.name):
                    lines.append(f"- {path.relative_to(out).as_posix()} of {copy.name}, SHA-256 {hash_file(copy)}")
                    self.stdout.write(str(path))
        (out / "SOURCES.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def version_of(browser: str) -> str:
    try:
        done = subprocess.run([browser, "--version"], capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise CommandError(f"{browser} cannot be started: {error}") from error
    return done.stdout.strip()


def photograph(browser: str, copy: Path, folder: Path) -> Iterator[Path]:
    """Photograph a page at a phone's and at a desktop's width."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (width, height) in WIDTHS.items():
        path = folder / f"{copy.stem}_{name}.png"
        with TemporaryDirectory() as profile:
            command = [
                browser, *FLAGS, *([NO_SANDBOX] if os.geteuid() == 0 else []), f"--user-data-dir={profile}",
                f"--window-size={width},{height}", f"--screenshot={path.resolve()}", copy.resolve().as_uri(),
            ]  # fmt: skip
            try:
                subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
            except (OSError, subprocess.SubprocessError) as error:
                raise CommandError(f"{browser} failed at {copy}: {error}") from error
        if not path.is_file():
            raise CommandError(f"{browser} made no picture of {copy}")
        yield path
