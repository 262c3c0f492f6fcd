"""How far a text has come from a draft, who answers for it, and when that no longer holds. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from survey.enums import Staleness, TextStatus

DRAFT = TextStatus.MACHINE_DRAFT
STEPS = tuple(TextStatus)
PEOPLE = ("translator", "reviewer", "adjudicator")
MAX_NAME, MAX_NOTE = 80, 300  # characters
LIMITS = {**dict.fromkeys(PEOPLE, MAX_NAME), "note": MAX_NOTE}
HASH = re.compile(r"[0-9a-f]{16}")


class Provenance(NamedTuple):
    """Where a text comes from. ``text_hash`` is that of the text as it stood at the last act."""

    source_hash: str = ""
    text_hash: str = ""
    translator: str = ""
    reviewer: str = ""
    adjudicator: str = ""
    note: str = ""


def hash_text(body: str) -> str:
    """Hash a text (the first 16 hex digits of its SHA-256): enough to see that it changed."""
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def statuses_from(required: str) -> list[TextStatus]:
    """List the statuses that are as good as the one required."""
    return list(STEPS[STEPS.index(TextStatus(required)) :])


def find_staleness(body: str, status: str, provenance: Provenance, source: str | None) -> Staleness | None:
    """Say why a text's status no longer holds: the source has changed since, or the text that was signed has."""
    if source is not None and provenance.source_hash not in {"", hash_text(source)}:
        return Staleness.SOURCE
    if status != DRAFT and provenance.text_hash not in {"", hash_text(body)}:
        return Staleness.TEXT
    return None


def record_faults(status: str, provenance: Provenance, *, is_source: bool) -> Iterator[str]:
    """Say what a text's record lacks for its status; a status that nobody answers for does not count."""
    for name in ("source_hash", "text_hash"):
        value = getattr(provenance, name)
        if value and not HASH.fullmatch(value):
            yield f"{name} {value!r} is not 16 hexadecimal digits"
    for name, limit in LIMITS.items():
        if len(getattr(provenance, name)) > limit:
            yield f"{name} is longer than {limit} characters"
    if status not in STEPS:
        yield f"status {status!r} is none of {', '.join(STEPS)}"
    if status not in STEPS or status == DRAFT:
        return
    if not provenance.reviewer:
        yield f"{status}, but no reviewer is named"
    elif provenance.reviewer == provenance.translator:
        yield f"{provenance.reviewer} translated it and cannot be its reviewer"
    if status != TextStatus.REVIEWED and not provenance.adjudicator:
        yield f"{status}, but no adjudicator is named"
    if not provenance.text_hash or not (provenance.source_hash or is_source):
        yield f"{status}, but without the hashes of what was signed: record it with mark_texts"
