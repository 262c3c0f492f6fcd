"""Store how pages were used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from survey.enums import PageEventKind
from survey.models import PageEvent, SurveySession

MOST_PER_SESSION = 500


class Event(NamedTuple):
    """What the browser noted on a page; ``detail`` as `PageEvent` describes it."""

    kind: PageEventKind
    at_ms: int
    detail: str = ""


def append_events(session: SurveySession, *, position: int, events: Sequence[Event]) -> None:
    """Add events of one page, each once however often it is sent, until the session has as many as it may.

    The session's row is neither locked nor changed, so that this never waits for an answer, nor an answer for this:
    reports that come at the very same time may together exceed the limit by their own length.
    """
    room = max(0, MOST_PER_SESSION - PageEvent.objects.filter(session=session).count())
    rows = [PageEvent(session=session, position=position, **event._asdict()) for event in events[:room]]
    PageEvent.objects.bulk_create(rows, ignore_conflicts=True)
