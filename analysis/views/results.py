"""Analyses of a study: start one, watch it, read what was found in each family."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from analysis.blinding import hides
from analysis.choices import usual
from analysis.domain import UNFINISHED, request_analysis
from analysis.families import HOLDS, FamilyKey, chosen_families
from analysis.models import AnalysisRun
from analysis.parameters import NO_SIMULATED, Parameters, in_words
from analysis.results import overview
from analysis.results.stored import Results
from analysis.snapshots import repeats_of, stand_of
from analysis.tasks import launch
from analysis.views.start_form import read_start, start_context
from survey.domain.study_states import IllegalStudyChange, unblind_study
from survey.enums import country_name
from survey.models import Study
from survey.views.access import find_study, staff_only

N_SHOWN = 20
MAX_REASON = 300


@staff_only
@require_http_methods(["GET", "POST"])
def study_results(request: HttpRequest, code: str) -> HttpResponse:
    """List the analyses of a study; POST starts one."""
    study = find_study(code, imported_too=True)
    fault, entered = "", None
    if request.method == "POST":
        try:
            parameters = _asked(study, request.POST)
        except ValueError as error:
            fault, entered = str(error), request.POST
        else:
            run = request_analysis(study, parameters, request.user if request.user.is_authenticated else None)
            launch(run.pk)
            return redirect("analysis:result", pk=run.pk)
    stand = stand_of(study)
    context = {
        "study": study,
        "imported": study.imported if study.is_imported else None,
        "runs": AnalysisRun.objects.filter(study=study).defer("results", "overview")[:N_SHOWN],
        "stand": stand,
        "start_fault": fault,
        **start_context(study, stand.n_real, entered),
    }
    return render(request, "analysis/study_results.html", context, status=422 if fault else 200)


def _asked(study: Study, data: QueryDict) -> Parameters:
    """Give the choices of the form, or those of the analysis that shall be computed again."""
    if "again" not in data:
        return read_start(study, data)
    number = data.get("again", "")
    before = AnalysisRun.objects.filter(study=study, pk=int(number) if number.isdecimal() else 0).first()
    return Parameters.from_json(before.parameters) if before else usual(study.version.structure, include_simulated=True)


@staff_only
@require_POST
def unblind(request: HttpRequest, code: str) -> HttpResponse:
    """Show a study's outcomes for good."""
    study = find_study(code, imported_too=True)
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
    """Show what an analysis found in each family, or how far it is."""
    return render(request, "analysis/result.html", overview_context(find_run(pk)))


@staff_only
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the part that changes while an analysis runs; the page stops asking when it is over."""
    run = find_run(pk)
    response = render(request, "analysis/result_body.html", overview_context(run))
    if run.state not in UNFINISHED:
        response["X-Refresh"] = "stop"
    return response


def find_run(pk: int) -> AnalysisRun:
    """Find an analysis without its results, which are large."""
    runs = AnalysisRun.objects.select_related("study__version__instrument").defer("results")
    drawn = {"n_figures": F("figures__n_figures"), "print_names": F("figures__names")}
    return get_object_or_404(runs.annotate(**drawn), pk=pk)


def require_shown(run: AnalysisRun, facts: dict[str, Any]) -> None:
    """Refuse what an unfinished analysis has not, and what a blinded study hides."""
    if run.state != AnalysisRun.State.DONE:
        raise Http404
    if hides(run.study, facts):
        raise PermissionDenied("The outcomes of this study are hidden until it is unblinded on its Results page.")


def overview_context(run: AnalysisRun) -> dict[str, Any]:
    """Gather the overview; of the results it reads the facts and the exclusions only."""
    is_done = run.state == AnalysisRun.State.DONE
    results = Results.read(run, ["exclusions"]) if is_done else Results(AnalysisRun())
    is_hidden = is_done and hides(run.study, results.facts)
    found = []
    if is_done and not is_hidden:
        found = [_card(run, told) for told in run.overview or overview(Results(run))]  # old runs have no overview
    return {
        "run": run,
        "study": run.study,
        "is_unfinished": run.state in UNFINISHED,
        "is_hidden": is_hidden,
        "results": results,
        "has_answers": bool(results.facts.get("n_answers")),
        "families": found,
        "not_asked": _not_asked(run) if found else [],
        "progress": progress(run) if run.state in UNFINISHED else [],
        "choices": told_choices(run.parameters),
        "exclusions": _steps(results) if is_done and not is_hidden else [],
        "repeats": repeats_of(run) if is_done and not is_hidden else [],
        "excludes_simulated": NO_SIMULATED in run.parameters.get("exclusions", []),
        "live_url": reverse("analysis:result_live", args=[run.pk]),
    }


def _steps(results: Results) -> list[dict[str, Any]]:
    """Give what each exclusion left, in words."""
    return [{**row, "told": in_words(row["exclusion"])} for row in results.rows("exclusions")]


def progress(run: AnalysisRun) -> list[dict[str, str]]:
    """Say of each family whether it is computed, being computed or waiting."""
    keys = chosen_families(tuple(run.parameters.get("families", ())))
    at = keys.index(FamilyKey(run.family)) if run.family in keys else -1
    states = ["done" if place < at else "running" if place == at else "queued" for place in range(len(keys))]
    told = {"done": "computed", "running": run.step, "queued": "waiting"}
    return [
        {"title": HOLDS[key].title, "state": state, "told": told[state]}
        for key, state in zip(keys, states, strict=True)
    ]


def told_choices(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what was chosen, in words."""
    chosen = Parameters.from_json(parameters)
    families = chosen_families(chosen.families)
    return [
        ("level of significance", f"{chosen.alpha:g}, intervals {100 * chosen.level:g}%"),
        ("smallest effect of interest", f"{100 * chosen.sesoi:g} points; the plan's hypotheses keep their own"),
        ("respondents who came", f"by day {chosen.last_day}" if chosen.last_day else "on any day"),
        ("respondents' countries", ", ".join(map(country_name, chosen.countries)) or "all"),
        ("families", "all" if len(families) == len(FamilyKey) else ", ".join(HOLDS[key].title for key in families)),
        ("seed", f"{chosen.seed}; {chosen.n_resamples} resamples"),
    ]


def _card(run: AnalysisRun, told: dict[str, Any]) -> dict[str, Any]:
    key = FamilyKey(told["key"])
    return {
        **told,
        "title": HOLDS[key].title,
        "n_doubts": len(told.get("doubts", ())),
        "url": reverse("analysis:result_family", args=[run.pk, key]),
    }


def _not_asked(run: AnalysisRun) -> list[str]:
    keys = chosen_families(tuple(run.parameters.get("families", ())))
    return [HOLDS[key].title for key in FamilyKey if key not in keys]
