"""Where pages report how they were used. Nothing waits for it: whatever is wrong is logged and forgotten."""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple

from django.core.signing import BadSignature
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from survey.domain.paradata import Event, append_events
from survey.enums import AskedQuestion, PageEventKind, Status, Viewport
from survey.models import SurveySession
from survey.views.stamps import Stamp

log = logging.getLogger(__name__)

MOST_BYTES = 8 * 1024
MOST_EVENTS = 50
DAY_MS = 24 * 60 * 60 * 1000
WITHOUT_CONSENT = frozenset({Status.LANDED, Status.NO_CONSENT, Status.WITHDREW})
DETAILS: dict[PageEventKind, frozenset[str]] = {
    PageEventKind.PAGE_SHOWN: frozenset(Viewport.values),
    PageEventKind.ANSWER_CHANGE: frozenset(AskedQuestion.values),
}
NO_DETAIL = frozenset({""})


class Report(NamedTuple):
    stamp: Stamp
    events: list[Event]


@csrf_exempt  # as for the page itself: the address and the signed stamp do its work
@never_cache
@require_POST
def events(request: HttpRequest, token: str) -> HttpResponse:
    """Take what a page reports of itself."""
    try:
        return take_events(request, token)
    except (OperationalError, InterfaceError) as error:  # a report is not worth waiting for
        log.warning("page events lost, the database is away: %s", error)
        return HttpResponse(status=503)


def take_events(request: HttpRequest, token: str) -> HttpResponse:
    session = SurveySession.objects.only("status").filter(token=token).first()
    if session is None:
        return HttpResponse(status=404)
    try:
        if session.status in WITHOUT_CONSENT:
            raise ValueError("nobody consented to it")
        report = read_report(read_body(request), token)
    except (ValueError, RecursionError, UnreadablePostError) as error:
        log.warning("session %s: page events refused: %s", session.pk, error, extra={"session": session.pk})
        return HttpResponse(status=400)
    append_events(session, position=report.stamp.position, events=report.events)
    return HttpResponse(status=204)


def read_body(request: HttpRequest) -> bytes:
    """Read no more than a report may have, whatever length was announced."""
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise ValueError("more bytes than a page sends")
    return body


def read_report(body: bytes, token: str) -> Report:
    """Read ``{"stamp": …, "events": [[kind, milliseconds, detail], …]}``; `ValueError` for anything else."""
    data = json.loads(body)
    if not isinstance(data, dict) or data.keys() != {"stamp", "events"}:
        raise ValueError("not a report")
    stamp, listed = data["stamp"], data["events"]
    if not isinstance(stamp, str) or not isinstance(listed, list):
        raise ValueError("not a report")
    if not 1 <= len(listed) <= MOST_EVENTS:
        raise ValueError(f"{len(listed)} events")
    try:
        return Report(Stamp.unsign(stamp, token), [read_event(entry) for entry in listed])
    except BadSignature as error:
        raise ValueError("no valid stamp") from error


def read_event(entry: Any) -> Event:
    """Read one event, of which every part is from a fixed vocabulary or a number in range."""
    if not isinstance(entry, list) or len(entry) != 3:
        raise ValueError("not an event")
    kind, at_ms, detail = entry
    if kind not in PageEventKind.values:
        raise ValueError("unknown kind of event")
    if type(at_ms) is not int or not 0 <= at_ms <= DAY_MS:  # True is an int, but no time
        raise ValueError("no time within a day")
    kind = PageEventKind(kind)
    if not isinstance(detail, str) or detail not in DETAILS.get(kind, NO_DETAIL):
        raise ValueError(f"unknown detail of {kind}")
    return Event(kind, at_ms, detail)
