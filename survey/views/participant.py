"""What participants meet. The token in the address is the whole key: no cookie, no login, no web session."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from survey.domain.answering import lock_session
from survey.domain.enrolment import StudyNotOpen, enrol
from survey.enums import Page, PanelName, Status
from survey.flow.status import FINAL
from survey.models import Arm, SurveySession
from survey.pages import PAGES, Reading, Turn, read_answers
from survey.panels import PANELS, UnknownParticipant
from survey.panels.simulated import PARAMETER as SIMULATED_PARAMETER
from survey.queries import text_catalogue

log = logging.getLogger(__name__)

BROKEN_LINK = gettext_lazy("The link lacks something. Go back to where you found it and open it from there again.")
NOT_OPEN = gettext_lazy("It is not taking new participants at the moment. Nothing was stored about you.")


class SeeOther(HttpResponseRedirect):
    """Redirect after a POST: the browser asks for the page anew, and reloading it posts nothing."""

    status_code = 303


class Stamp(NamedTuple):
    """What a page's form brings back signed: which page it was and when it was served."""

    position: int
    served_at: datetime

    def sign(self, token: str) -> str:
        payload = f"{self.position}.{int(self.served_at.timestamp() * 1000)}"
        return Signer(salt=f"page of {token}").sign(payload)

    @classmethod
    def unsign(cls, value: str, token: str) -> Stamp:
        """Read a stamp; `BadSignature` for one that this page of this session did not carry."""
        position, milliseconds = Signer(salt=f"page of {token}").unsign(value).split(".")
        return cls(int(position), datetime.fromtimestamp(int(milliseconds) / 1000, UTC))


@never_cache
@require_safe
def join(request: HttpRequest, study: str, country: str) -> HttpResponse:
    """Enter from a panel's link: find or begin the session, go to its page."""
    arm = get_object_or_404(Arm.objects.select_related("study"), study__code=study, country=country)
    panel = PanelName.SIMULATED if SIMULATED_PARAMETER in request.GET else PanelName(arm.panel)
    with translation.override(arm.locales[0].lower()):
        if request.method == "HEAD":  # link previews must not begin sessions
            return HttpResponse()
        try:
            session = enrol(arm, identity=PANELS[panel].identify(request.GET.dict()))
        except UnknownParticipant as error:
            log.warning("entry to %s refused: %s", arm, error)
            return notice(request, arm, _("This link is not complete"), BROKEN_LINK, status=400)
        except StudyNotOpen as error:
            log.info("entry to %s refused: study is %s", arm, error)
            return notice(request, arm, _("The study is not open"), NOT_OPEN, status=403)
    return SeeOther(reverse("survey:page", args=[session.token]))


@csrf_exempt  # the unguessable address and the signed stamp do its work, without a cookie
@never_cache
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
        log.warning("session %s: a form without a valid stamp", session.pk)
        return here
    if stamp.position != session.position or session.status in FINAL:
        log.info("session %s: page %s again, stands at %s", session.pk, stamp.position, session.position)
        return here
    with translation.override(session.locale.lower()):
        turn = Turn(session)
        kind = PAGES[Page(turn.page["kind"])]
        reading = read_answers(kind.groups(turn), request.POST.dict())
        if reading.errors:
            return show(request, session, reading=reading, served_at=stamp.served_at, status=422)
        kind.store(turn, reading.answers, served_at=stamp.served_at)
    return here


def show(
    request: HttpRequest,
    session: SurveySession,
    *,
    reading: Reading | None = None,
    served_at: datetime | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the page a session stands at; with a reading, what was wrong with it and what was chosen."""
    if session.status in FINAL:
        return show_end(request, session)
    turn = Turn(session)
    kind = PAGES[Page(turn.page["kind"])]
    reading = reading or Reading({}, {})
    stamp = Stamp(session.position, served_at or timezone.now())
    groups = kind.groups(turn)
    context = {
        **frame(session.arm, session.locale, turn.texts["title"]),
        **kind.context(turn),
        "groups": groups,
        "answers": reading.answers,
        "errors": reading.errors,
        "faulty": [group for group in groups if group.name in reading.errors],
        "stamp": stamp.sign(session.token),
        "action": request.path,
    }
    return render(request, kind.template, context, status=status)


def show_end(request: HttpRequest, session: SurveySession) -> HttpResponse:
    """Render how a finished session ended, with the way back to the panel, as often as it is asked for."""
    arm = session.arm
    outcome = Status(session.status)
    is_complete = outcome == Status.COMPLETE
    context = {
        **frame(arm, session.locale, text_catalogue(session.version_id, session.locale)["title"]),
        "is_complete": is_complete,
        "code": arm.completion_code if is_complete else arm.no_consent_code,
        "exit_url": PANELS[PanelName(arm.panel)].exit_url(arm, outcome),
    }
    return render(request, "survey/end.html", context)


def frame(arm: Arm, locale: str, title: str) -> dict[str, Any]:
    """Give what every participant page shows around its content."""
    return {"lang": locale, "title": title, "contact": arm.study.contact_email or settings.CONTACT_EMAIL}


def notice(request: HttpRequest, arm: Arm, heading: str, body: object, *, status: int) -> HttpResponse:
    title = text_catalogue(arm.study.version_id, arm.locales[0])["title"]
    context = {**frame(arm, arm.locales[0], title), "heading": heading, "body": body}
    return render(request, "survey/notice.html", context, status=status)


def unknown_session(request: HttpRequest) -> HttpResponse:
    """Say that an address leads to no session, in the browser's language: we know nothing else of the reader."""
    language = translation.get_language_from_request(request)
    with translation.override(language):
        context = {
            "lang": language,
            "title": _("Survey"),
            "contact": settings.CONTACT_EMAIL,
            "heading": _("This page was not found"),
            "body": BROKEN_LINK,
        }
        log.warning("no session under the address asked for")
        return render(request, "survey/notice.html", context, status=404)
