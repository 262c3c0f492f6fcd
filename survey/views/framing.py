"""What every participant page shows around its content, and the pages that only say something."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from survey.models import Arm, Study
from survey.panels import Action
from survey.queries import text_catalogue

log = logging.getLogger(__name__)

NOT_FOUND = gettext_lazy("This page was not found")
BROKEN_LINK = gettext_lazy("The link lacks something. Go back to where you found it and open it from there again.")


def unstored(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Have nobody keep what a view answers: the same address shows another page next time."""

    @wraps(view)
    def serve(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        reply = view(request, *args, **kwargs)
        reply.headers["Cache-Control"] = "max-age=0, no-cache, no-store, must-revalidate, private"
        return reply

    return serve


class NothingOfImported(Http404):
    """A page about fieldwork is asked for of a study that was imported: there is none, and it says so."""

    def __init__(self, study: Study) -> None:
        super().__init__("This study was imported and is only read.")
        self.study = study


def collected_here(study: Study) -> Study:
    """Give a study whose fieldwork is on this site; an imported one has no setup, sessions or alarms."""
    if study.is_imported:
        raise NothingOfImported(study)
    return study


class SeeOther(HttpResponseRedirect):
    """Redirect after a POST: the browser asks for the page anew, and reloading it posts nothing."""

    status_code = 303


def frame(arm: Arm, locale: str, title: str) -> dict[str, Any]:
    """Give what every participant page shows around its content."""
    return {
        "lang": locale,
        "title": title,
        "contact": arm.study.contact_email or settings.CONTACT_EMAIL,
        "is_test": arm.study.test_of_id is not None,
    }


def locale_at_door(request: HttpRequest, arm: Arm) -> str:
    """Give the arm's language that the browser asks for, else the arm's first: nobody has chosen one yet."""
    asked = translation.get_language_from_request(request)
    first: str = arm.locales[0]
    return next((locale for locale in arm.locales if locale.lower() == asked), first)


def notice(
    request: HttpRequest, arm: Arm, heading: str, body: object, *, status: int, leave: Action | None = None
) -> HttpResponse:
    """Render a page that only says something, with the way back to the panel where there is one."""
    locale = locale_at_door(request, arm)
    title = text_catalogue(arm.study.version_id, locale)["title"]
    context = {**frame(arm, locale, title), "heading": heading, "body": body, "exit": leave}
    return render(request, "survey/notice.html", context, status=status)


def plain_frame(locale: str) -> dict[str, Any]:
    """Give the same where no study is known."""
    return {"lang": locale, "title": _("Survey"), "contact": settings.CONTACT_EMAIL}


def unknown_session(request: HttpRequest) -> HttpResponse:
    """Say that an address leads to no session, in the browser's language: we know nothing else of the reader."""
    language = translation.get_language_from_request(request)
    with translation.override(language):
        context = {**plain_frame(language), "heading": NOT_FOUND, "body": BROKEN_LINK}
        log.warning("no session under the address asked for")
        return render(request, "survey/notice.html", context, status=404)
