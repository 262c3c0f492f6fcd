"""Whether anything in the files looks like what points to a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from analysis.release.validation.findings import Finding, Opened, open_text

CHECK = "identifiers"


class Sign(NamedTuple):
    """What gives something away, and a part of every such text in small letters, which is found or not in no time."""

    part: str
    pattern: re.Pattern[str]


SIGNS = {
    "an e-mail address": Sign("@", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")),
    "an internet address": Sign(
        ".", re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])")
    ),
    "an internet address (6)": Sign(":", re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){5,7}[0-9A-Fa-f]{1,4}(?![\w:])")),
    "a panel's identifier": Sign("", re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{24}(?![0-9A-Za-z])")),
    "a panel's identifier (UUID)": Sign(
        "-",
        re.compile(r"(?<![\w-])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![\w-])"),
    ),
    "the ticket of a session": Sign(
        "",
        re.compile(r"(?<![\w/.-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*\d)[\w-]{32}(?![\w/.-])", re.ASCII),
    ),
    "a panel's parameter": Sign("id", re.compile(r"PROLIFIC_PID|SESSION_ID|participantId=", re.IGNORECASE)),
    "a browser's name": Sign("/", re.compile(r"Mozilla/\d|AppleWebKit/")),
}
TIME = {"a time of day": Sign(":", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"))}
TEXT_FILES = frozenset({".csv", ".md", ".json", ".cff", ".svg", ".html", ".sps", ".R", ".do", ""})
N_NAMED = 5  # places of one kind that are named


def check_identifiers(opened: Opened) -> Iterator[Finding]:
    """Search all files, line by line; times of day in the data."""
    for path in sorted(opened.root.rglob("*")):
        if path.is_file() and path.suffix in TEXT_FILES:
            yield from search(path, path.relative_to(opened.root).as_posix())


def search(path: Path, place: str) -> Iterator[Finding]:
    """Search one file; where a pattern is found is said, never what."""
    signs = SIGNS | TIME if place.startswith(("data/", "paper/")) else SIGNS
    n_found = dict.fromkeys(signs, 0)
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            small = line.lower()
            for what, (part, pattern) in signs.items():
                if part in small and pattern.search(line):
                    n_found[what] += 1
                    if n_found[what] <= N_NAMED:
                        yield Finding(CHECK, f"{place}, line {number}", f"holds {what}")
