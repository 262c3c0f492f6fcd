"""Analyses: start one, watch it, read what came out, take the numbers away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from analysis.blinding import is_hidden
from analysis.domain import UNFINISHED, request_analysis
from analysis.export.table_csv import csv_response
from analysis.models import AnalysisRun, FigureArchive
from analysis.parameters import NO_SIMULATED, choose
from analysis.results import families, find_figure
from analysis.results.stored import Results
from analysis.tasks import launch
from analysis.views.access import find_study, staff_only
from survey.domain.study_states import IllegalStudyChange, unblind_study
from survey.enums import Status
from survey.models import SurveySession

N_SHOWN = 20
MAX_REASON = 300


@staff_only
@require_http_methods(["GET", "POST"])
def study_results(request: HttpRequest, code: str) -> HttpResponse:
    """List the analyses of a study; POST starts one."""
    study = find_study(code)
    if request.method == "POST":
        parameters = choose(
            include_simulated=request.POST.get("data") != "real", flags=study.version.structure["exclusions"]
        )
        run = request_analysis(study, parameters, request.user if request.user.is_authenticated else None)
        launch(run.pk)
        return redirect("analysis:result", pk=run.pk)
    complete = SurveySession.objects.filter(arm__study=study, status=Status.COMPLETE)
    n_real = complete.filter(participant__is_simulated=False).count()
    context = {
        "study": study,
        "runs": AnalysisRun.objects.filter(study=study).defer("results")[:N_SHOWN],
        "n_real": n_real,
        "n_simulated": complete.filter(participant__is_simulated=True).count(),
    }
    return render(request, "analysis/study_results.html", context)


@staff_only
@require_POST
def unblind(request: HttpRequest, code: str) -> HttpResponse:
    """Show a study's outcomes for good."""
    study = find_study(code)
    if "sure" not in request.POST:
        messages.error(request, "Nothing changed: tick that you know it cannot be taken back.")
    else:
        try:
            unblind_study(study, by=request.user.get_username(), reason=request.POST.get("reason", "")[:MAX_REASON])
        except IllegalStudyChange as error:
            messages.error(request, f"Nothing changed: {error}.")
        else:
            messages.success(request, "Outcomes are shown from now on.")
    return redirect("analysis:study_results", code=code)


@staff_only
def result(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one analysis, whatever its state."""
    run = _find(pk)
    return render(request, "analysis/result.html", _context(run))


@staff_only
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the part that changes while an analysis runs; the page stops asking when it is over."""
    run = _find(pk)
    response = render(request, "analysis/result_body.html", _context(run))
    if run.state not in UNFINISHED:
        response["X-Refresh"] = "stop"
    return response


@staff_only
def as_json(request: HttpRequest, pk: int) -> HttpResponse:
    """Give everything that was computed, with what it was computed from."""
    run = _find_done(pk)
    body = {
        "analysis": run.pk,
        "study": run.study.code,
        "snapshot_hash": run.snapshot_hash,
        "code_version": run.code_version,
        "parameters": run.parameters,
        "warnings": run.warnings,
        **(run.results or {}),
    }
    response = JsonResponse(body, json_dumps_params={"indent": 1, "ensure_ascii": False})
    return _as_file(response, f"{run.study.code}_analysis_{run.pk}.json")


@staff_only
def table_csv(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    run = _find_done(pk)
    table = Results(run).tables.get(name)
    if table is None:
        raise Http404
    missing = "" if name.startswith("paper_") else "NA"
    return csv_response(f"{run.study.code}_analysis_{run.pk}_{name}.csv", table["columns"], table["rows"], missing)


@staff_only
def figure_svg(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Give a figure as a file of its own."""
    run = _find_done(pk)
    figure = find_figure(Results(run), name)
    if figure is None:
        raise Http404
    drawing = render_to_string("components/figure.svg", {"figure": figure, "is_file": True})
    response = HttpResponse(f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing}', content_type="image/svg+xml")
    return _as_file(response, f"{run.study.code}_analysis_{run.pk}_{name}.svg")


@staff_only
def figures_zip(request: HttpRequest, pk: int) -> HttpResponse:
    """Give all figures for print, as a worker has drawn them."""
    run = _find_done(pk)
    archive = get_object_or_404(FigureArchive, run=run, n_figures__gt=0)
    response = HttpResponse(bytes(archive.content), content_type="application/zip")
    return _as_file(response, f"{run.study.code}_analysis_{run.pk}_figures.zip")


def _find(pk: int) -> AnalysisRun:
    drawn = FigureArchive.objects.filter(run=OuterRef("pk"))
    runs = AnalysisRun.objects.select_related("study__version__instrument")
    return get_object_or_404(runs.annotate(n_figures=Subquery(drawn.values("n_figures"))), pk=pk)


def _find_done(pk: int) -> AnalysisRun:
    run = _find(pk)
    if run.state != AnalysisRun.State.DONE:
        raise Http404
    if is_hidden(run):
        raise PermissionDenied("The outcomes of this study are hidden until it is unblinded on its Results page.")
    return run


def _context(run: AnalysisRun) -> dict[str, Any]:
    results = Results(run)
    is_done = run.state == AnalysisRun.State.DONE and not is_hidden(run)
    return {
        "run": run,
        "study": run.study,
        "is_unfinished": run.state in UNFINISHED,
        "is_hidden": is_hidden(run),
        "results": results,
        "has_answers": bool(results.facts.get("n_answers")),
        "families": families(results) if is_done else [],
        "exclusions": results.rows("exclusions") if is_done else [],
        "excludes_simulated": NO_SIMULATED in run.parameters.get("exclusions", []),
        "live_url": reverse("analysis:result_live", args=[run.pk]),
    }


def _as_file(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
