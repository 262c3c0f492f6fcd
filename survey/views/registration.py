"""Staff page: what was registered at the launch, whether it still holds, and the log of deviations."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from survey.domain.deviation_log import COLUMNS, log_json, log_rows
from survey.domain.registration import ReasonNeeded, compare_with_now, newest_registration, report_deviation
from survey.forms import DeviationForm
from survey.models import Study
from survey.views.access import find_study, staff_only
from survey.views.csv_lines import write_lines
from survey.views.framing import SeeOther


@staff_only
@require_safe
def page(request: HttpRequest, code: str) -> HttpResponse:
    return show(request, find_study(code), DeviationForm())


def show(request: HttpRequest, study: Study, form: DeviationForm, *, status: int = 200) -> HttpResponse:
    newest = newest_registration(study)
    context = {
        "study": study,
        "newest": newest,
        "registrations": study.registrations.order_by("-number"),
        "differing": compare_with_now(study, newest) if newest else [],
        "deviations": study.deviations.select_related("registration").order_by("-at", "-pk"),
        "form": form,
    }
    return render(request, "study/registration.html", context, status=status)


@staff_only
@require_safe
def file(request: HttpRequest, code: str, number: int) -> HttpResponse:
    """Give a registration byte for byte as it was hashed."""
    found = get_object_or_404(find_study(code).registrations, number=number)
    response = HttpResponse(found.content, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{code}_registration_{number}.json"'
    return response


@staff_only
@require_safe
def log_file(request: HttpRequest, code: str, kind: str) -> HttpResponse:
    """Give the deviation log as a file."""
    study = find_study(code)
    if kind not in ("csv", "json"):
        raise Http404
    if kind == "json":
        response = HttpResponse(log_json(study), content_type="application/json; charset=utf-8")
    else:
        lines = write_lines([COLUMNS, *(list(row.values()) for row in log_rows(study))])
        response = HttpResponse("".join(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{code}_deviations.{kind}"'
    return response


@staff_only
@require_POST
def report(request: HttpRequest, code: str) -> HttpResponse:
    """Write a deviation down that no comparison finds."""
    study, form = find_study(code), DeviationForm(request.POST)
    if not form.is_valid():
        return show(request, study, form, status=422)
    try:
        report_deviation(study, **form.cleaned_data, by=request.user.get_username())
    except ReasonNeeded as error:
        messages.error(request, f"Nothing was written down: {error}.")
    else:
        messages.success(request, "The deviation is in the log, for good.")
    return SeeOther(reverse("survey:setup_registration", args=[code]))
