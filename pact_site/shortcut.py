"""Participants' addresses are kept apart from those of staff, which a web process need not have loaded for them.

Those that each participant asks for are served before the site's middleware: no login, message or role is a matter of
theirs, and what all answers carry is the same for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest, get_script_name
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix, set_urlconf
from django.utils.log import log_response
from django.utils.module_loading import import_string

from survey.views.entry import join
from survey.views.faults import View
from survey.views.paradata import events
from survey.views.participant import page

SHORT = (  # as `survey.participant_urls` has them
    (re.compile(r"/s/([-\w]+)/\Z", re.ASCII), page),
    (re.compile(r"/s/([-\w]+)/events/\Z", re.ASCII), events),
    (re.compile(r"/join/([-\w]+)/([-\w]+)/\Z", re.ASCII), join),
)
STAFFS = frozenset(  # how addresses begin that are not participants'; a test holds it to `pact_site.urls`
    {"", "account", "admin", "api", "compare", "imports", "invitation", "login", "logout", "new-study", "planning"}
    | {"releases", "results", "runs", "studies", "team"}
)
Headers = Sequence[tuple[str, str]]
Start = Callable[[str, list[tuple[str, str]]], Any]


class Shortcut:
    """A WSGI application that answers the addresses which are asked for most itself; the site answers all others.

    It does around a view what Django does, but what is the same for all requests once for all of them.
    """

    def __init__(self, site: WSGIHandler) -> None:
        self.site = site
        self.common: dict[str, Headers | None] = {}  # by scheme

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        request = WSGIRequest(environ)
        view, values = find(request.path_info)
        common = self.headers_of_all(request) if view else None
        if view is None or common is None:
            return self.site(environ, start)  # type: ignore[arg-type] # written wider than it is called
        set_script_prefix(get_script_name(environ))
        set_urlconf(settings.PARTICIPANT_URLCONF)  # for the addresses in the page
        connection.close_if_unusable_or_obsolete()
        reply = serve(request, view, values)
        content: bytes = reply.content
        headers = [*reply.items(), *common, ("Content-Length", str(len(content)))]
        start(f"{reply.status_code} {reply.reason_phrase}", headers)
        request.close()
        connection.close_if_unusable_or_obsolete()
        return [content]

    def headers_of_all(self, request: HttpRequest) -> Headers | None:
        """Give what every answer of the site carries; None where the site answers in our stead, as to plain HTTP."""
        scheme = request.scheme or ""
        if scheme not in self.common:
            with suppress(SuspiciousOperation):  # a name that is not the site's, which the site refuses
                self.common[scheme] = added_headers(request)
        return self.common.get(scheme)


def find(path: str) -> tuple[View | None, Sequence[str]]:
    """Find the view of an address, with what the address names; None where the site finds it."""
    for address, view in SHORT:
        if named := address.match(path):
            return view, named.groups()
    return None, ()


def added_headers(request: HttpRequest) -> Headers | None:
    """Have the middleware of all answers treat an empty one, and see what it adds."""
    empty = HttpResponse()
    treat: Callable[[HttpRequest], HttpResponseBase] = lambda request: empty  # noqa: E731
    for name in reversed(settings.MIDDLEWARE_OF_ALL):
        treat = import_string(name)(treat)
    treated = treat(request)
    return [(name, value) for name, value in treated.items() if name != "Content-Type"] if treated is empty else None


def serve(request: HttpRequest, view: View, values: Sequence[str]) -> HttpResponse:
    """Answer with a view, whatever goes wrong, as Django's handler does."""
    try:
        request.get_host()  # refuses names that are not the site's
        reply = view(request, *values)
    except Exception as error:  # as all that views raise
        reply = response_for_exception(request, error)
    if reply.status_code >= 400:
        log_response("%s: %s", reply.reason_phrase, request.path, response=reply, request=request)
    return reply


class AddressesMiddleware:
    """Has Django resolve what is not of staff by the participants' addresses alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not may_be_of_staff(request):
            request.urlconf = settings.PARTICIPANT_URLCONF
        return self.get_response(request)


def may_be_of_staff(request: HttpRequest) -> bool:
    """Say whether a request needs the addresses of staff; what scanners and browsers ask for unasked does not."""
    begins = request.path_info.removeprefix("/").partition("/")[0]
    return begins in STAFFS or settings.SESSION_COOKIE_NAME in request.COOKIES
