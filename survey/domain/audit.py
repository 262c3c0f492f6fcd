"""The log of what staff did: append-only, each entry's hash over its content and the hash before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from survey.models import AuditEntry

CHAIN_LOCK = 7201  # one writer at a time, so that the chain has no fork
FIRST = "0" * 64


@transaction.atomic
def record(by: str, act: str, subject: Mapping[str, Any], details: Mapping[str, Any]) -> AuditEntry:
    """Write an act down before it is done; where that fails, so does the act."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
    last = AuditEntry.objects.order_by("-number").values("number", "hash").first()
    entry = AuditEntry(
        number=last["number"] + 1 if last else 1,
        at=timezone.now(),
        by=by,
        act=act,
        subject={key: storable(str(value)) for key, value in subject.items()},
        details={storable(key): storable(value) for key, value in details.items()},
        previous=last["hash"] if last else FIRST,
    )
    entry.hash = entry_hash(entry)
    entry.save(force_insert=True)
    return entry


def storable(value: Any) -> Any:
    """Mark what the database takes for no text, such as a NUL that somebody sent: the act is logged all the same."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(inner) for key, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list | tuple) else value


def entry_hash(entry: AuditEntry) -> str:
    """Hash (SHA-256, hex) an entry's content and the hash of the one before."""
    content = [
        entry.number, entry.at.isoformat(), entry.by, entry.act, entry.subject, entry.details, entry.previous,
    ]  # fmt: skip
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def first_fault(entries: Iterable[AuditEntry]) -> str:
    """Say where the chain breaks, of entries in their order from the first on; empty where it holds."""
    previous = FIRST
    for number, entry in enumerate(entries, start=1):
        if entry.number != number:
            return f"entry {number} is missing"
        if entry.previous != previous or entry.hash != entry_hash(entry):
            return f"entry {number} is not what was written"
        previous = entry.hash
    return ""


def verify_log() -> tuple[int, str]:
    """Read the whole log; give its length and where it breaks, if it does."""
    entries = AuditEntry.objects.order_by("number")
    return entries.count(), first_fault(entries.iterator())
