"""How participants stop, at once or later with their receipt."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from survey.domain.enrolment import identity_of
from survey.domain.lifecycle import report_failure, withdraw
from survey.enums import Locale, Outcome, Status
from survey.flow.status import FINAL
from survey.models import SurveySession
from survey.panels import PANELS
from survey.queries import text_catalogue
from survey.rates import RECEIPTS
from survey.views.faults import enduring
from survey.views.framing import SeeOther, frame, plain_frame, unknown_session
from survey.views.limiting import limited


@csrf_exempt
@never_cache
@enduring
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """Let a participant stop: asked once more, then nothing of theirs is used."""
    session = SurveySession.objects.select_related("arm__study").filter(token=token).first()
    if session is None:
        return unknown_session(request)
    here = reverse("survey:page", args=[token])
    if session.status != Status.ACTIVE:
        return SeeOther(here)
    if request.method == "POST":
        withdraw(session, reason="stopped by the participant")
        return SeeOther(here)
    with translation.override(session.locale.lower()):
        title = text_catalogue(session.version_id, session.locale)["title"]
        context = {**frame(session.arm, session.locale, title), "back": here, "heading": _("Stop taking part?")}
        return render(request, "survey/leave.html", context)


@csrf_exempt
@never_cache
@enduring
@require_http_methods(["GET", "HEAD", "POST"])
def trouble(request: HttpRequest, token: str) -> HttpResponse:
    """Let somebody go back to the panel for whom the survey does not work; they may still return and go on."""
    session = SurveySession.objects.select_related("arm__study").filter(token=token).first()
    if session is None:
        return unknown_session(request)
    here = reverse("survey:page", args=[token])
    if session.status in FINAL:
        return SeeOther(here)
    with translation.override(session.locale.lower()):
        context: dict[str, Any] = {
            **frame(session.arm, session.locale, text_catalogue(session.version_id, session.locale)["title"]),
            "heading": _("Does the survey not work for you?"),
            "back": here,
        }
        if request.method == "POST":
            report_failure(session)
            identity = identity_of(session)
            context["is_reported"] = True
            context["exit"] = PANELS[identity.panel].exit(session.arm, Outcome.TECHNICAL_FAILURE, identity)
        return render(request, "survey/trouble.html", context)


@csrf_exempt  # the receipt is the key
@never_cache
@limited(RECEIPTS, "POST")
@enduring
@require_http_methods(["GET", "HEAD", "POST"])
def leave_later(request: HttpRequest) -> HttpResponse:
    """Let whoever holds a receipt have the answers behind it taken out, in the language that the last page names."""
    asked = request.GET.get("lang", "")
    language = asked if asked in Locale.values else translation.get_language_from_request(request)
    with translation.override(language.lower()):
        context = plain_frame(language)
        context["heading"] = _("Have your answers taken out")
        if request.method != "POST":
            return render(request, "survey/leave_later.html", context)
        receipt = "".join(request.POST.get("receipt", "").split()).upper()
        session = SurveySession.objects.filter(receipt=receipt).first() if receipt.isalnum() else None
        if session is None or session.status not in {Status.ACTIVE, Status.COMPLETE, Status.WITHDREW}:
            context |= {"receipt": receipt[:20], "errors": {"receipt": _("No answers are stored under this code")}}
            return render(request, "survey/leave_later.html", context, status=422)
        if session.status != Status.WITHDREW:
            withdraw(session, reason="receipt code")
        context["is_done"] = True
        return render(request, "survey/leave_later.html", context)
