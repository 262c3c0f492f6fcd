"""A session's page is served past the middleware for staff: no login, message or role is a matter of participants."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from survey.views.participant import page

PAGE = re.compile(r"/s/([-\w]+)/\Z", re.ASCII)


class ShortcutMiddleware:
    """Answers the address that is asked for most itself; what comes after it in the settings sees all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        address = PAGE.match(request.path_info)
        if address is None:
            return self.get_response(request)
        request.get_host()  # refuses names that are not the site's
        reply: HttpResponse = page(request, address[1])
        reply.headers["Content-Length"] = str(len(reply.content))
        return reply
