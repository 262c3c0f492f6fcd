"""Prolific's events: whether a request is theirs, and what it says.

The signature is over the timestamp and the raw bytes of the body. Every environment variable whose name begins with
``PROLIFIC_WEBHOOK_SECRET`` holds a secret: a new one stands beside the old one until the panel uses it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from survey.panels.prolific.adapter import read_time

PREFIX = "PROLIFIC_WEBHOOK_SECRET"
STALE_S = 300
LONGEST = {"event_id": 100, "kind": 60, "subject": 64, "person": 64, "status": 40}


class NotTheirs(ValueError):
    """The request does not come from Prolific, or came too late to be believed."""


class Unreadable(ValueError):
    """The request comes from Prolific and says nothing that can be stored."""


class Event(NamedTuple):
    event_id: str
    kind: str
    subject: str
    person: str
    status: str
    happened_at: datetime


def secrets() -> list[bytes]:
    """Read the secrets that hold now."""
    return [value.encode() for name, value in os.environ.items() if name.startswith(PREFIX) and value]


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret, timestamp.encode() + body, hashlib.sha256).digest()).decode()


def verify(headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> None:
    """Raise `NotTheirs` unless one of the secrets signed this body a short while ago."""
    timestamp = headers.get("X-Prolific-Request-Timestamp", "")
    given = headers.get("X-Prolific-Request-Signature", "").encode("utf-8", "replace")
    try:
        age = abs((time.time() if now is None else now) - float(timestamp))
    except ValueError:
        raise NotTheirs("no timestamp") from None
    if not age <= STALE_S:
        raise NotTheirs("stale")
    matches = [hmac.compare_digest(sign(secret, timestamp, body).encode(), given) for secret in secrets()]
    if not any(matches):
        raise NotTheirs("signature" if matches else "no secret is set")


def parse(headers: Mapping[str, str], body: bytes) -> Event:
    """Read an event; `Unreadable` where a part is missing or too long to be what it should be."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(data, dict):
        raise Unreadable("not a mapping")
    parts = {
        "event_id": headers.get("X-Event-ID", ""),
        "kind": data.get("event_type", ""),
        "subject": data.get("resource_id", ""),
        "person": data.get("participant_id", ""),
        "status": data.get("status", ""),
    }
    for name, value in parts.items():
        if not isinstance(value, str) or len(value) > LONGEST[name] or "\x00" in value:
            raise Unreadable(name)
    if not parts["event_id"] or not parts["kind"] or not parts["subject"]:
        raise Unreadable("a part is missing")
    stamp = headers.get("X-Timestamp", "") or headers.get("X-Prolific-Request-Timestamp", "")
    return Event(**parts, happened_at=read_stamp(stamp))


def read_stamp(value: str) -> datetime:
    """Read a moment as seconds since 1970 or in ISO 8601."""
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    if (found := read_time(value)) is None:
        raise Unreadable("no time")
    return found
