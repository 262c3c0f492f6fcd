"""What staff hand in: who may send how much is asked before anything of it is read, so before a thread waits for it.

Django reads a form to compare its token, before any view: without this anybody's gigabyte would be taken in first.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string

from pact_site.access import is_api, turned_away
from pact_site.accounts.steps import came_from
from pact_site.roles import FOR_ANYBODY, HEALTH, PARTICIPANTS

OF_ANYBODY = 64 * 1024  # bytes; as much as the proxy takes in before it asks here
OF_STAFF = 1024 * 1024
BESIDE = 64 * 1024  # what a form has beside its file
OF_FILES = {  # not loaded before somebody of staff comes
    "analysis:imports": "analysis.imports.uploads.LARGEST",
    "survey:new_study": "survey.instruments.upload.LARGEST_ZIP",
    "survey:submission_upload": "survey.panels.submission_files.LARGEST",
}
HOW_TO_MEND = {
    "analysis:imports": "Pack the files as one zip file, or use manage.py import_study on the server.",
    "survey:new_study": "An instrument is text: leave everything else out of the zip file.",
    "survey:submission_upload": "Have the panel list fewer submissions, and upload one list after the other.",
}


class UploadsMiddleware:
    """Stands before the comparison of tokens, and looks at what a request announces."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: Any) -> HttpResponse | None:
        announced = request.META.get("CONTENT_LENGTH") or ""
        n_bytes = int(announced) if announced.isdecimal() else 0
        if n_bytes <= OF_ANYBODY:
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in PARTICIPANTS | HEALTH or is_api(name):  # they look for themselves, or read nothing
            return None
        if name in FOR_ANYBODY:
            return refuse(request, name, n_bytes, OF_ANYBODY)
        return turned_away(request, name) or judge(request, name, n_bytes)


def judge(request: HttpRequest, name: str, n_bytes: int) -> HttpResponse | None:
    """Refuse what is larger than an address of staff takes, or than the disk has room for."""
    most = import_string(OF_FILES[name]) if name in OF_FILES else OF_STAFF
    if n_bytes > most + BESIDE:
        return refuse(request, name, n_bytes, most)
    folder = settings.RELEASES_DIR
    if name in OF_FILES and folder.exists() and shutil.disk_usage(folder).free < 2 * n_bytes:
        return render(
            request, "413.html", {"n_bytes": n_bytes, "is_full": True, "back": came_from(request)}, status=507
        )
    return None


def refuse(request: HttpRequest, name: str, n_bytes: int, most: int) -> HttpResponse:
    mend = HOW_TO_MEND.get(name, "Go back and send less at a time.")
    context = {"n_bytes": n_bytes, "most": most, "mend": mend, "back": came_from(request)}
    return render(request, "413.html", context, status=413)
