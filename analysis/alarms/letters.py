"""What is said of alarms to those whom they are told to: subject, text and JSON. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from survey.flow.counted import counted


class Told(NamedTuple):
    """One alarm as it is told."""

    number: int
    event: str
    kind: str
    label: str
    subject: str
    text: str
    what_to_do: str
    opened_at: datetime
    closed_at: datetime | None
    url: str

    @property
    def headline(self) -> str:
        return f"{'Over: ' if self.event == 'closed' else ''}{self.label}"


class Letter(NamedTuple):
    """A message about one study."""

    number: int
    event: str
    site: str  # its address: whoever runs several must see which one it is of
    study_code: str
    study_title: str
    url: str
    alarms: Sequence[Told]


def subject_line(letter: Letter) -> str:
    if letter.event == "test":
        what = "this is a test"
    elif len(letter.alarms) == 1:
        what = letter.alarms[0].headline
    else:
        n_open = sum(told.event == "opened" for told in letter.alarms)
        n_over = len(letter.alarms) - n_open
        parts = [counted(n_open, "alarm")] if n_open else []
        parts += [f"{n_over} over" if n_open else f"{counted(n_over, 'alarm')} over"] if n_over else []
        what = ", ".join(parts)
    return " ".join(f"[{letter.study_code}] {what} ({host_of(letter.site)})".split())


def host_of(site: str) -> str:
    """Name a site as a subject line does: the server of its address, with the port where it has one."""
    return site.partition("://")[2].partition("/")[0]


def body_text(letter: Letter) -> str:
    """Write the whole message as plain text."""
    if letter.event == "test":
        about = f"A test of the notices of {letter.study_title} at {letter.site}."
        return f"{about} Alarms will come to this address.\n\n{letter.url}\n"
    parts = [f"{letter.study_title}, at {letter.site}"]
    for told in letter.alarms:
        lines = [told.headline, told.text]
        if told.event == "opened":
            lines += [f"What to do: {told.what_to_do}", f"Since {told.opened_at:%Y-%m-%d %H:%M} UTC. {told.url}"]
        elif told.closed_at:
            lines.append(f"From {told.opened_at:%Y-%m-%d %H:%M} to {told.closed_at:%Y-%m-%d %H:%M} UTC.")
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, f"All alarms: {letter.url}"]) + "\n"


def payload(letter: Letter) -> bytes:
    """Write the message as JSON for a program."""
    content: dict[str, Any] = {
        "delivery": letter.number,
        "event": letter.event,
        "site": letter.site,
        "study": {"code": letter.study_code, "title": letter.study_title, "url": letter.url},
        "alarms": [
            {
                "alarm": told.number,
                "event": told.event,
                "kind": told.kind,
                "label": told.label,
                "subject": told.subject,
                "text": told.text,
                "what_to_do": told.what_to_do,
                "opened_at": told.opened_at.isoformat(),
                "closed_at": told.closed_at.isoformat() if told.closed_at else None,
                "url": told.url,
            }
            for told in letter.alarms
        ],
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True).encode()


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Sign a message: HMAC-SHA-256 over the time, a point and the body, in hex."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
