"""What goes wrong at the API, as problem details (RFC 9457): what it is, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework.response import Response
from rest_framework.views import exception_handler

from survey.views import faults
from survey.views.framing import NothingOfImported

BAD_CURSOR = "Invalid cursor"  # as the framework says it
KIND = "application/problem+json"
HINTS = {
    401: "Send a token, `Authorization: Bearer pact_…`; make one on your account's page.",
    404: "Look the code or number up in the list above it.",
    405: "See the Allow header for what this address takes.",
    406: "Ask for application/json.",
    415: "Send JSON, with Content-Type: application/json.",
}


def as_problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer an error that was foreseen; others are the site's own fault and stay what they are."""
    response = exception_handler(error, dict(context))
    if response is not None:
        response.data = problem(response.status_code, response.data)
        response.content_type = KIND
    return response


def problem(status: int, found: Any) -> dict[str, Any]:
    """Put what was found into the form of a problem: faults of fields apart from what is to be said of all."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if isinstance(found, Mapping) and set(found) == {"detail"} and not isinstance(found["detail"], list | dict):
        return told | {"detail": _with_hint(str(found["detail"]), status)}
    if isinstance(found, Mapping):
        errors = {str(field): _texts(texts) for field, texts in found.items()}
        said = "; ".join(f"{field}: {texts[0]}" for field, texts in errors.items() if texts)
        return told | {"detail": said, "errors": errors}
    return told | {"detail": "; ".join(_texts(found))}


def _with_hint(detail: str, status: int) -> str:
    hint = "Follow `next` as it was given." if detail == BAD_CURSOR else HINTS.get(status, "")
    return f"{detail.rstrip('.')}. {hint}".strip() if hint else detail


def _texts(found: Any) -> list[str]:
    """Flatten what validators say, however deep it stands."""
    if isinstance(found, Mapping):
        return [f"{key}: {text}" for key, texts in found.items() for text in _texts(texts)]
    if isinstance(found, list | tuple):
        return [text for each in found for text in _texts(each)]
    return [str(found)]


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer programs as programs, where no address is."""
    if request.path.startswith("/api/"):
        return _answer(404, "There is no such address; see /api/docs/.")
    if isinstance(exception, NothingOfImported):
        return render(request, "study/imported.html", {"study": exception.study}, status=404)
    if not faults.is_participants(request) and getattr(getattr(request, "user", None), "is_staff", False):
        return render(request, "not_here.html", status=404)
    return faults.not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that it is our fault."""
    if request.path.startswith("/api/"):
        return _answer(500, "The site failed; it is in its log. Try again, and tell whoever runs it.")
    return faults.server_error(request)


def _answer(status: int, detail: str) -> HttpResponse:
    return JsonResponse(problem(status, {"detail": detail}) | {"detail": detail}, status=status, content_type=KIND)
