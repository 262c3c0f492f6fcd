"""Staff acts: walk through the survey as a participant would, and have such runs removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from survey.domain.trial_runs import CannotTest, begin_trial, remove_trials
from survey.views.access import find_study, staff_only
from survey.views.framing import SeeOther


@staff_only
@require_POST
def begin(request: HttpRequest, code: str) -> HttpResponse:
    """Begin a test run and lead to its first page."""
    study = find_study(code)
    try:
        session = begin_trial(study, request.POST.get("country", ""))
    except CannotTest as error:
        messages.error(request, f"No test run: {error}.")
        return SeeOther(reverse("survey:setup", args=[code]))
    return SeeOther(reverse("survey:page", args=[session.token]))


@staff_only
@require_POST
def remove(request: HttpRequest, code: str) -> HttpResponse:
    """Remove one test run, or all."""
    one = request.POST.get("session", "")
    chosen = {int(one)} if one.isascii() and one.isdecimal() else None
    n = remove_trials(find_study(code), chosen) if chosen or "all" in request.POST else 0
    messages.success(request, f"{n} test run{'s' * (n != 1)} removed.")
    return SeeOther(reverse("survey:setup", args=[code]) + "#trials")
