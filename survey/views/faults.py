"""What participants meet when something fails: patience first, then a page that says what to do.

None of these pages needs the database or a session, and none loses what a form brought.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import psycopg
from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views import defaults

from survey.enums import Locale
from survey.trouble import Trouble, note
from survey.views.framing import BROKEN_LINK, NOT_FOUND, plain_frame

log = logging.getLogger(__name__)

View = Callable[..., HttpResponse]
UNREACHABLE = (OperationalError, InterfaceError)
UNREADABLE = (SuspiciousOperation, BadRequest, MultiPartParserError, UnreadablePostError)
PATIENCE = 6.0  # seconds after which no further try begins; the last may wait five more for a server, two for a pool
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
RETRY_AFTER = "10"  # seconds
MOST_BYTES = 64 * 1024  # of a form; the largest page sends less than one kB
MOST_FIELDS = 20  # that a page which could not be stored keeps for another try
PARTICIPANTS = re.compile(r"/(?:s|join|withdraw)(?:/|$)")
OF_SESSION = re.compile(r"/s/[-\w]+/", re.ASCII)

IN_VAIN = _("We cannot show this page at the moment")
WAIT = _("All answers that you have sent are stored. Wait a moment, then press the button or reload this page.")
NOT_STORED = _("We could not store this page at the moment")
SEND_AGAIN = _(
    "Your answers to the pages before are stored. Wait a moment, then press the button: "
    "it sends the answers of this page once more."
)
DAMAGED = _("We could not read what your browser sent")
ANSWER_AGAIN = _("All answers that you have sent before are stored. Go back to the survey and answer this page again.")
OUR_FAULT = _("Something went wrong on our side")
BUSY = _("Very many visits at once")
COME_AGAIN = _("Wait a minute, then press the button. Answers that you have sent are stored.")


def enduring(view: View) -> View:
    """Serve a participant's address through a lost database and whatever a form brings.

    Every try begins anew, so the view must be harmless to repeat.
    """

    @wraps(view)
    def serve(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            read_form(request)
        except UNREADABLE as error:
            log.warning("a form was refused: %s: %s", type(error).__name__, error)
            return refuse(request, status=413 if isinstance(error, RequestDataTooBig) else 400)
        reply = with_patience(request, lambda: view(request, *args, **kwargs))
        if reply.status_code == 405:
            log.warning("a participant's address was asked for with %s", request.method)
            refusal = refuse(request, status=405)
            refusal["Allow"] = reply["Allow"]
            return refusal
        return reply

    return serve


def read_form(request: HttpRequest) -> None:
    """Read the whole form before anything is locked for it. Our pages send UTF-8, whatever else is claimed."""
    if "charset" in (request.content_params or {}):
        request.encoding = "utf-8"
    if request.method != "POST":
        return
    if is_too_large(request):
        raise RequestDataTooBig("more bytes than a page sends")
    len(request.POST)  # read at its first use


def is_too_large(request: HttpRequest) -> bool:
    announced = request.META.get("CONTENT_LENGTH") or ""
    return announced.isdecimal() and int(announced) > MOST_BYTES


def with_patience(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Try again while the database is away, for as long as a participant may be kept waiting."""
    begun, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return answer()
        except (*UNREACHABLE, InternalError) as error:
            if isinstance(error, InternalError):
                leave_confused_connection(error)
            spent = time.monotonic() - begun
            if isinstance(error.__cause__, psycopg.errors.DiskFull):
                log.error("the database's disk is full, answers cannot be stored: %s", first_line(error))
                note(Trouble.DISK_FULL)
                return unavailable(request)
            if spent >= PATIENCE:
                log.error("the database was away for %.1f s, gave up: %s", spent, first_line(error))
                note(Trouble.AWAY)
                return unavailable(request)
            log.warning("the database was away for %.1f s: %s", spent, first_line(error))
        connection.close_if_unusable_or_obsolete()
        time.sleep(min(pause, max(PATIENCE - spent, 0)))  # the last try comes when patience ends, not a pause before
        pause = min(2 * pause, LONGEST_PAUSE)


def leave_confused_connection(error: InternalError) -> None:
    """Close a connection whose replies do not fit what was asked, as a pooler leaves one when the database goes away.

    Whatever the server itself says carries a code; that is no connection's fault and is raised again.
    """
    if getattr(error.__cause__, "sqlstate", None):
        raise error
    connection.close()


def first_line(error: Exception) -> str:
    """Give what a log has room for: PostgreSQL explains itself over several lines."""
    return str(error).partition("\n")[0]


def unavailable(request: HttpRequest) -> HttpResponse:
    """Say that it does not work now; a form's answers wait in the page for another try."""
    fields = list(request.POST.items())[:MOST_FIELDS]
    heading, body = (NOT_STORED, SEND_AGAIN) if request.method == "POST" else (IN_VAIN, WAIT)
    reply = say(request, heading, body, status=503, fields=fields, again=request.get_full_path())
    reply["Retry-After"] = RETRY_AFTER
    return reply


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """Ask to come again later; nothing was read of what was sent."""
    again = request.get_full_path() if request.method in ("GET", "HEAD") else request.path
    reply = say(request, BUSY, COME_AGAIN, status=429, again=again)
    reply["Retry-After"] = str(seconds)
    return reply


def refuse(request: HttpRequest, *, status: int) -> HttpResponse:
    return say(request, DAMAGED, ANSWER_AGAIN, status=status, back=request.path)


def say(request: HttpRequest, heading: Promise, body: Promise, *, status: int, **more: Any) -> HttpResponse:
    locale = guess_locale(request)
    with translation.override(locale.lower()):
        context = {**plain_frame(locale), "heading": heading, "body": body, "trouble": way_out(request, status), **more}
        return HttpResponse(render_to_string("survey/fault.html", context), status=status)


def way_out(request: HttpRequest, status: int) -> str:
    """Give where somebody can leave for the panel for whom the survey goes on not working; empty without a session."""
    session = OF_SESSION.match(request.path) if status != 404 else None
    return f"{session[0]}trouble/" if session else ""


def guess_locale(request: HttpRequest) -> Locale:
    """Guess a reader's language from the page that they sent, else the address's country and their browser."""
    asked = translation.get_language_from_request(request)
    sent = language_sent(request)
    if sent in Locale.values:
        return Locale(sent)
    offered = [one for one in Locale if request.path.startswith("/join/") and f"/{one[-2:]}/" in request.path]
    known = {one.lower(): one for one in Locale}
    browsers = known.get(asked, known[settings.LANGUAGE_CODE])
    return browsers if browsers in offered or not offered else offered[0]


def language_sent(request: HttpRequest) -> str:
    """Read the language in the form of one of our pages; what comes in parts would be read however large it is."""
    if is_too_large(request):
        return ""
    try:
        return request.POST.get("lang", "")
    except UNREADABLE:
        return ""


# --- In the place of Django's own error pages, for participants' addresses ---------------------


def is_participants(request: HttpRequest) -> bool:
    return bool(PARTICIPANTS.match(request.path))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refuse(request, status=400) if is_participants(request) else defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not is_participants(request):
        return defaults.page_not_found(request, exception)
    return say(request, NOT_FOUND, BROKEN_LINK, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    if not is_participants(request):
        return defaults.server_error(request)
    return say(request, OUR_FAULT, WAIT, status=500, again=request.get_full_path())
