"""Releases: ask for one, watch it being made, fetch it."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from analysis.models import Release
from analysis.release.choices import Choices
from analysis.release.store import zip_of
from analysis.releases import request_release
from analysis.tasks import launch_release
from analysis.views.exports import show
from analysis.views.release_form import listed, read_form
from survey.views.access import find_study, staff_only


@staff_only
@require_POST
def create(request: HttpRequest, code: str) -> HttpResponse:
    """Have a release made; what does not do is said beside what was entered."""
    study = find_study(code)
    number, by = request.POST.get("number", "").strip(), request.user.get_username()
    try:
        release = request_release(study, number, Choices.read(read_form(request.POST)), by=by)
    except ValueError as error:
        return show(request, study, release_fault=str(error), entered=request.POST.dict(), status=422)
    launch_release(release.pk)
    return redirect(f"{reverse('analysis:exports', args=[code])}#releases")


@staff_only
def live(request: HttpRequest, code: str) -> HttpResponse:
    """Give the list of releases while one is being made; the page stops asking when none is."""
    context = listed(find_study(code))
    response = render(request, "analysis/releases.html", context)
    if not context["is_unfinished"]:
        response["X-Refresh"] = "stop"
    return response


@staff_only
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send a release as a zip file."""
    release = get_object_or_404(Release.objects.select_related("study"), pk=pk, state=Release.State.DONE)
    path = zip_of(release)
    if not path.is_file():
        raise Http404("The file is not here: the command makes the same bytes again as long as the data are the same.")
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name)
