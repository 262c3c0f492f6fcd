"""Whether all files are there, unchanged, and none beside them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from analysis.release.validation.findings import DESCRIPTORS, FILES, Finding, open_text
from analysis.release.writing import CHECKSUMS

REQUIRED = (
    *DESCRIPTORS, "README.md", "CHANGES.md", "LICENSE", "CITATION.cff", CHECKSUMS,
    "documentation/codebook.csv", "documentation/codebook.md", "documentation/codebook_levels.csv",
    "documentation/disclosure.md", "materials/methods.md", "materials/checklist.md",
    "paper/tidy_human_responses.csv",
    "syntax/labels.sps", "syntax/labels.R", "syntax/labels.do",
)  # fmt: skip
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
CHUNK = 1 << 20


def check_files(folder: Path) -> Iterator[Finding]:
    """Compare the folder with its list of checksums."""
    yield from (Finding(FILES, name, "is missing") for name in REQUIRED if not (folder / name).is_file())
    links = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink())
    yield from (Finding(FILES, name, "is a link, not a file: put the file itself there") for name in links)
    if links or not (folder / CHECKSUMS).is_file():
        return
    listed: dict[str, str] = {}
    with open_text(folder / CHECKSUMS) as lines:
        for number, line in enumerate(lines, start=1):
            found = LINE.fullmatch(line.removesuffix("\n"))
            if found is None:
                yield Finding("checksums", f"{CHECKSUMS}, line {number}", "is no checksum with a name")
            elif found[2] in listed:
                yield Finding("checksums", f"{CHECKSUMS}, line {number}", f"{found[2]} is listed twice")
            else:
                listed[found[2]] = found[1]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {CHECKSUMS}
    yield from (Finding("checksums", name, "is not listed") for name in sorted(there - set(listed)))
    yield from (Finding("checksums", name, "is listed, but not there") for name in sorted(set(listed) - there))
    for name in sorted(there & set(listed)):
        if hash_file(folder / name) != listed[name]:
            yield Finding("checksums", name, "has changed")


def hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
