"""The pages of a session. The token in the address is the whole key: no cookie, no login, no web session."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import NamedTuple

from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from survey.domain.answering import lock_session
from survey.domain.enrolment import identity_of
from survey.domain.lifecycle import outcome_for_panel
from survey.enums import Outcome, Page, Status
from survey.flow.status import FINAL
from survey.models import SurveySession
from survey.pages import PAGES, AskAgain, Reading, Turn, read_answers, reminder
from survey.panels import PANELS
from survey.queries import text_catalogue
from survey.views.endings import ENDINGS
from survey.views.faults import enduring
from survey.views.framing import SeeOther, frame, unknown_session

log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """What a page's form brings back signed: which page it was, when it was first served, how often it was tried."""

    position: int
    served_at: datetime
    tries: int = 0
    n_stored_tries: int = 0

    def sign(self, token: str) -> str:
        payload = f"{self.position}.{int(self.served_at.timestamp() * 1000)}.{self.tries}.{self.n_stored_tries}"
        return Signer(salt=f"page of {token}").sign(payload)

    @classmethod
    def unsign(cls, value: str, token: str) -> Stamp:
        """Read a stamp; `BadSignature` for one that this page of this session did not carry."""
        position, served_ms, *tries = map(int, Signer(salt=f"page of {token}").unsign(value).split("."))
        return cls(position, datetime.fromtimestamp(served_ms / 1000, UTC), *tries)


@csrf_exempt  # the unguessable address and the signed stamp do its work, without a cookie
@never_cache
@enduring
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page a session stands at, or take what it posts. The session decides which page, never the address."""
    if request.method == "POST":
        return submit(request, token)
    session = SurveySession.objects.select_related("arm__study").filter(token=token).first()
    if session is None:
        return unknown_session(request)
    with translation.override(session.locale.lower()):
        return show(request, session)


@transaction.atomic
def submit(request: HttpRequest, token: str) -> HttpResponse:
    """Take a posted page once: anything but the page that is due leads to where the session stands."""
    try:
        session = lock_session(token)
    except SurveySession.DoesNotExist:
        return unknown_session(request)
    here = SeeOther(reverse("survey:page", args=[token]))
    try:
        stamp = Stamp.unsign(request.POST.get("stamp", ""), token)
    except BadSignature:
        log.warning("session %s: a form without a valid stamp", session.pk, extra={"session": session.pk})
        return here
    if stamp.position != session.position or session.status in FINAL:
        log.info(
            "session %s: page %s again, stands at %s",
            session.pk,
            stamp.position,
            session.position,
            extra={"session": session.pk},
        )
        return here
    with translation.override(session.locale.lower()):
        turn = Turn(session)
        kind = PAGES[Page(turn.page["kind"])]
        if stamp.n_stored_tries != kind.n_stored_tries(turn):
            return here
        reading = read_answers(kind.groups(turn), request.POST.dict(), is_second_try=stamp.tries > 0)
        if not reading.errors:
            try:
                kind.store(turn, reading.answers, served_at=stamp.served_at)
            except AskAgain as again:
                reading = reading._replace(errors=again.errors)
        if reading.errors:
            return show(request, session, reading=reading, stamp=stamp, status=422)
    return here


def show(
    request: HttpRequest,
    session: SurveySession,
    *,
    reading: Reading | None = None,
    stamp: Stamp | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the page a session stands at; with a reading, what was wrong with it and what was chosen."""
    if session.status in FINAL:
        return show_end(request, session)
    turn = Turn(session)
    kind = PAGES[Page(turn.page["kind"])]
    reading = reading or Reading({}, {})
    stamp = stamp._replace(tries=stamp.tries + 1) if stamp else Stamp(session.position, timezone.now())
    stamp = stamp._replace(n_stored_tries=kind.n_stored_tries(turn))
    groups = kind.groups(turn)
    has_consented = session.status == Status.ACTIVE
    context = {
        **frame(session.arm, session.locale, turn.texts["title"]),
        **kind.context(turn),
        "reminder": reminder(turn),
        "groups": groups,
        "answers": reading.answers,
        "errors": reading.errors,
        "faulty": [group for group in groups if group.name in reading.errors],
        "stamp": stamp.sign(session.token),
        "is_second_try": stamp.tries > 0,
        "action": request.path,
        "withdraw_url": reverse("survey:withdraw", args=[session.token]) if has_consented else "",
        "events_url": reverse("survey:events", args=[session.token]) if has_consented else "",
    }
    return render(request, kind.template, context, status=status)


def show_end(request: HttpRequest, session: SurveySession) -> HttpResponse:
    """Render how a finished session ended, with the way back to the panel, as often as it is asked for."""
    arm = session.arm
    outcome = outcome_for_panel(session)
    assert outcome is not None  # noqa: S101 - a finished session has one
    ending = ENDINGS[Outcome.WITHDREW if session.status == Status.WITHDREW else outcome]
    identity = identity_of(session)
    context = {
        **frame(arm, session.locale, text_catalogue(session.version_id, session.locale)["title"]),
        "heading": ending.heading,
        "body": ending.body,
        "is_complete": session.status == Status.COMPLETE,
        "receipt": session.receipt,
        "exit": PANELS[identity.panel].exit(arm, outcome, identity),
    }
    return render(request, "survey/end.html", context)
