"""After a change by staff the study's alarms are looked at: what was mended closes, what it caused opens, at once."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from pact_site.roles import SAFE

MOVED_ON = 400  # from here on a reply says that nothing was changed
ALARMS = "analysis:alarm"  # those acts look by themselves, or change nothing that rings


class WatchAfterActs:
    """Asks for a look at the study that a change was about, once the change is stored."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        code = changed_study(request, response.status_code)
        if code:
            from analysis.alarms.tasks import watch_soon  # not while participants' processes load

            watch_soon(code)
        return response


def changed_study(request: HttpRequest, status: int) -> str:
    """Give the code of the study that a request of staff changed; empty for every other request."""
    match = request.resolver_match
    if request.method in SAFE or status >= MOVED_ON or match is None or match.view_name.startswith(ALARMS):
        return ""
    code = match.kwargs.get("code", "")
    return str(code) if code and getattr(request.user, "is_staff", False) else ""
