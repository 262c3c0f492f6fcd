"""Whether the registrations in a release are the ones whose hashes it tells, and the deviations refer to them."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.release.validation.checksums import hash_file
from analysis.release.validation.findings import Finding, Opened, is_file_of

CHECK = "registration"


def check_registration(opened: Opened) -> Iterator[Finding]:
    """Hold registrations against their hashes; a release of before they were part of it has none."""
    listed = opened.facts.get("registrations")
    if not isinstance(listed, list):
        return
    numbers = set()
    for one in listed:
        place = str(one.get("path", ""))
        numbers.add(str(one.get("number")))
        if not is_file_of(opened.root / place, opened.root):
            yield Finding(CHECK, place, "is missing")
        elif hash_file(opened.root / place) != one.get("sha256"):
            yield Finding(CHECK, place, "is not what was registered: its hash differs")
    if not listed:
        return
    if not opened.has("deviations"):
        yield Finding(CHECK, "documentation/deviations.csv", "is missing")
        return
    for n, row in enumerate(opened.rows("deviations"), start=1):
        if row.get("registration") not in numbers:
            yield Finding(CHECK, f"deviations, row {n}", "refers to a registration that is not here")
