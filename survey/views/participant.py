"""The pages of a session. The token in the address is the whole key: no cookie, no login, no web session."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from html import escape
from typing import Any

from django.core.signing import BadSignature
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from survey.domain.answering import lock_session, record_answers_at_once
from survey.domain.enrolment import identity_of
from survey.domain.lifecycle import outcome_for_panel
from survey.enums import Choice, Outcome, Page, Question, Status
from survey.flow.status import FINAL
from survey.flow.wording import Shown
from survey.models import SurveySession
from survey.pages import PAGES, AskAgain, PageKind, Reading, Turn, read_answers, reminder
from survey.pages.scenario import heading_numbers
from survey.panels import PANELS, Action
from survey.queries import Standing, find_session, find_standing, text_catalogue
from survey.views.endings import ENDINGS
from survey.views.faults import enduring
from survey.views.framing import SeeOther, frame, unknown_session, unstored
from survey.views.skeletons import Skeleton, SkeletonPage, skeleton, slot, words
from survey.views.stamps import Stamp

log = logging.getLogger(__name__)


@csrf_exempt  # the unguessable address and the signed stamp do its work, without a cookie
@unstored
@enduring
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the page a session stands at, or take what it posts. The session decides which page, never the address."""
    try:
        if request.method == "POST":
            return submit_at_once(request, token) or submit(request, token)
        stands = find_standing(token)
        html = show_at_once(stands, token) if stands else None
        if html is not None:
            return HttpResponse(html)
        session = find_session(token)
    except SurveySession.DoesNotExist:
        return unknown_session(request)
    with translation.override(session.locale.lower()):
        return show(request, session)


def show_at_once(stands: Standing, token: str) -> str | None:
    """Give a page as it is first shown, filled in on its skeleton; None where it must be rendered."""
    if stands.status in FINAL or stands.is_away_long:
        return None
    here = stands.plan[stands.position]
    form = PAGES[Page(here["kind"])].form(stands.plan, stands.position)
    if form is None:
        return None
    about = (stands.version_id, stands.locale, stands.status, stands.contact_email, stands.test_of_id is not None)
    drawn = skeleton((here["kind"], form, about), lambda: draw(stands, token))
    own: Mapping[str, str] = {}
    shown = None
    if here["kind"] == Page.SCENARIO:
        shown = Shown(stands.version_id, stands.locale, here["option_order"], here["item"])
        own = {**words(shown), "heading": drawn.heading % heading_numbers(stands.plan, stands.position)}
    stamp = Stamp(stands.position, timezone.now(), shown=shown).sign(token)
    return drawn.fill({**own, "token": token, "stamp": stamp})


def draw(stands: Standing, token: str) -> Skeleton:
    """Render the page that a session stands at, with slots for what is the session's or the item's own."""
    session = find_session(token)
    session.position, session.status, session.locale = (
        stands.position,
        stands.status,
        stands.locale,
    )  # may have moved on
    with translation.override(session.locale.lower()):
        turn = Turn(session)
        is_scenario = turn.page["kind"] == Page.SCENARIO
        kind = SkeletonPage() if is_scenario else PAGES[Page(turn.page["kind"])]
        context = page_context(turn, kind, Reading({}, {}), is_second_try=False)
        context |= {"stamp": slot("stamp"), **addresses(slot("token"), session.status)}
        return Skeleton.cut(render_to_string(kind.template, context))


def submit_at_once(request: HttpRequest, token: str) -> HttpResponse | None:
    """Take an item's answers in one statement; None for whatever is not just that, which `submit` looks at closely."""
    try:
        stamp = Stamp.unsign(request.POST.get("stamp", ""), token)
        personal, norm = (Choice(request.POST.get(question, "")) for question in (Question.PERSONAL, Question.NORM))
    except (BadSignature, ValueError):
        return None
    if stamp.shown is None:
        return None
    is_stored = record_answers_at_once(
        token, position=stamp.position, shown=stamp.shown, personal=personal, norm=norm, served_at=stamp.served_at
    )
    return SeeOther(request.path) if is_stored else None


@transaction.atomic
def submit(request: HttpRequest, token: str) -> HttpResponse:
    """Take a posted page once: anything but the page that is due leads to where the session stands.

    `SurveySession.DoesNotExist` for a bad token.
    """
    session = lock_session(token)
    here = SeeOther(page_address(token))
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
        if request.POST.get("lang", session.locale) != session.locale or kind.turn_back(turn, request.POST.dict()):
            return here  # what was read in another language, since left for this one, is no answer to it
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
    stamp = stamp._replace(tries=stamp.tries + 1) if stamp else Stamp(session.position, timezone.now())
    signed = stamp._replace(n_stored_tries=kind.n_stored_tries(turn), shown=kind.shown(turn)).sign(session.token)
    context = page_context(turn, kind, reading or Reading({}, {}), is_second_try=stamp.tries > 0)
    context |= {"reminder": reminder(turn), "stamp": signed, **addresses(session.token, session.status)}
    return render(request, kind.template, context, status=status)


def page_context(turn: Turn, kind: PageKind, reading: Reading, *, is_second_try: bool) -> dict[str, Any]:
    """Give what a page shows of the study, its questions and what was answered to them."""
    groups = kind.groups(turn)
    return {
        **frame(turn.session.arm, turn.session.locale, turn.texts["title"]),
        **kind.context(turn),
        "groups": groups,
        "answers": reading.answers,
        "errors": reading.errors,
        "faulty": [group for group in groups if group.name in reading.errors],
        "is_second_try": is_second_try,
    }


def addresses(token: str, status: str) -> dict[str, str]:
    """Give the addresses in a page; only who has consented can withdraw, and only then is its use reported."""
    page = page_address(token)
    if status != Status.ACTIVE:
        return {"action": page, "withdraw_url": "", "events_url": ""}
    return {"action": page, "withdraw_url": f"{page}stop/", "events_url": f"{page}events/"}


def page_address(token: str) -> str:
    """Give a session's address as ``reverse`` would, which takes eight times as long, twice a submit."""
    return f"{get_script_prefix()}s/{token}/"


def show_end(request: HttpRequest, session: SurveySession) -> HttpResponse:
    """Show how a finished session ended, with the way back to the panel, as often as it is asked for."""
    arm = session.arm
    outcome = outcome_for_panel(session)
    assert outcome is not None  # noqa: S101 - a finished session has one  # nosec B101
    identity = identity_of(session)
    leave = PANELS[identity.panel].exit(arm, outcome, identity)
    own = {"receipt": session.receipt, "code": leave.code, "url": leave.url, "host": request.get_host()}
    shown = Outcome.WITHDREW if session.status == Status.WITHDREW else outcome
    context = {
        **frame(arm, session.locale, text_catalogue(session.version_id, session.locale)["title"]),
        **ENDINGS[shown]._asdict(),
        "is_complete": session.status == Status.COMPLETE,
        "receipt": slot("receipt"),
        "exit": Action(leave.kind, leave.url and slot("url"), leave.code and slot("code")),
        "host": slot("host"),
    }
    key = ("end", shown, *context.values())
    drawn = skeleton(key, lambda: Skeleton.cut(render_to_string("survey/end.html", context)))
    return HttpResponse(drawn.fill({name: escape(value) for name, value in own.items()}))
