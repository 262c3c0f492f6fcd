"""Participants' addresses are kept apart from those of staff, which a web process need not have loaded for them.

A session's page is served past the middleware for staff: no login, message or role is a matter of participants.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_urlconf

from survey.views.participant import page

PAGE = re.compile(r"/s/([-\w]+)/\Z", re.ASCII)
STAFFS = frozenset(  # how addresses begin that are not participants'; a test holds it to `pact_site.urls`
    {"", "account", "admin", "api", "compare", "imports", "invitation", "login", "logout", "new-study", "planning"}
    | {"releases", "results", "runs", "studies", "team"}
)


class ShortcutMiddleware:
    """Answers the address that is asked for most itself; what comes after it in the settings sees all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        address = PAGE.match(request.path_info)
        if address is None:
            if not may_be_of_staff(request):
                request.urlconf = settings.PARTICIPANT_URLCONF  # Django resolves by it
            return self.get_response(request)
        set_urlconf(settings.PARTICIPANT_URLCONF)  # for the addresses in the page
        request.get_host()  # refuses names that are not the site's
        reply: HttpResponse = page(request, address[1])
        reply.headers["Content-Length"] = str(len(reply.content))
        return reply


def may_be_of_staff(request: HttpRequest) -> bool:
    """Say whether a request needs the addresses of staff; what scanners and browsers ask for unasked does not."""
    begins = request.path_info.removeprefix("/").partition("/")[0]
    return begins in STAFFS or settings.SESSION_COOKIE_NAME in request.COOKIES
