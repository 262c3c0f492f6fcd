"""Planning a sample: the closed form at once, simulated studies in the background, both beside each other."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from analysis.curve import Simulated, draw_curve
from analysis.export.table_csv import csv_response
from analysis.models import SampleSimulation
from analysis.sample_questions import BOUNDS, KIND_TITLES, Kind, SampleQuestion, of_study, read_question
from analysis.simulations import UNFINISHED, request_simulation
from analysis.tasks import launch_simulation
from survey.models import Study
from survey.views.access import find_study, staff_only

HEADER = ("people", "closed_form", "simulated", "ci_low", "ci_high", "mean_estimate_points", "runs")


@staff_only
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the form with its answer in closed form; POST has studies simulated."""
    data = request.POST if request.method == "POST" else request.GET
    study, first = _first(data)
    try:
        question = read_question(data.dict(), first)
    except ValueError as error:
        context = {**_form(first, data), "fault": str(error), "study": study}
        return render(request, "analysis/planning.html", context, status=422)
    if request.method == "POST":
        simulation = request_simulation(question, request.user if request.user.is_authenticated else None)
        launch_simulation(simulation.pk)
        return redirect("analysis:planning_simulation", pk=simulation.pk)
    return render(request, "analysis/planning.html", {**_form(question), **_answer(question), "study": study})


@staff_only
def simulation(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a question whose studies are being, or were, simulated."""
    found = get_object_or_404(SampleSimulation, pk=pk)
    question = SampleQuestion(**found.question)
    return render(request, "analysis/planning.html", {**_form(question), **_answer(question, found)})


@staff_only
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the part that changes while studies are simulated; the page stops asking when that is over."""
    found = get_object_or_404(SampleSimulation, pk=pk)
    response = render(request, "analysis/planning_answer.html", _answer(SampleQuestion(**found.question), found))
    if found.state not in UNFINISHED:
        response["X-Refresh"] = "stop"
    return response


@staff_only
def table_csv(request: HttpRequest) -> HttpResponse:
    """Give the numbers behind the curve of a question that stands in the address."""
    try:
        question = read_question(request.GET.dict(), _first(request.GET)[1])
    except ValueError as error:
        return HttpResponse(str(error), status=422, content_type="text/plain; charset=utf-8")
    return csv_response("planning.csv", HEADER, _rows(_answer(question)))


@staff_only
def simulation_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the numbers of the curve, and the simulated ones beside them."""
    found = get_object_or_404(SampleSimulation, pk=pk)
    return csv_response(f"planning_{pk}.csv", HEADER, _rows(_answer(SampleQuestion(**found.question), found)))


def _first(data: QueryDict) -> tuple[Study | None, SampleQuestion]:
    """Give what the form starts with: a study's own design where one is named."""
    code = data.get("study", "")
    if not code:
        return None, SampleQuestion()
    study = find_study(code)
    return study, of_study(study)


def _form(question: SampleQuestion, entered: QueryDict | None = None) -> dict[str, Any]:
    """Give the fields, with what was entered in them."""
    values = question.as_query() | (entered.dict() if entered else {})
    return {
        "fields": [(name, bound, values[name], "1" if bound.is_whole else "any") for name, bound in BOUNDS.items()],
        "kinds": [(kind.value, KIND_TITLES[kind], values["kind"] == kind) for kind in Kind],
        "is_shared": values.get("is_shared") == "1",
        "hidden": list(question.as_query().items()),
    }


def _answer(question: SampleQuestion, found: SampleSimulation | None = None) -> dict[str, Any]:
    from analysis.sample_answers import closed_form  # NumPy loads with the first question

    answer = closed_form(question)
    points = [point for point in (found.points if found else []) if point["estimate"] is not None]
    what = "Reliability of disagreement" if question.kind == Kind.DISAGREEMENT else "Power"
    drawn = [Simulated(one["people"], one["estimate"], one["ci_low"], one["ci_high"]) for one in points]
    across = "answers per item" if question.kind == Kind.DISAGREEMENT else "people per country"
    if question.kind == Kind.OWN_CULTURE:
        across = "people"
    title = f"{what} by {across}"
    return {
        "question": question,
        "what": what,
        "across": across,
        "answer": answer,
        "curve": draw_curve("planning", title, answer["curve"], drawn, wanted=question.wanted, asked=question.people),
        "rows": _table(answer, points),
        "points": points,
        "simulation": found,
        "is_unfinished": found is not None and found.state in UNFINISHED,
        "live_url": reverse("analysis:planning_live", args=[found.pk]) if found else "",
        "csv_url": _csv_url(question, found),
    }


def _csv_url(question: SampleQuestion, found: SampleSimulation | None) -> str:
    if found is not None:
        return reverse("analysis:planning_simulation_csv", args=[found.pk])
    return f"{reverse('analysis:planning_csv')}?{urlencode(question.as_query())}"


def _table(answer: dict[str, Any], points: list[dict[str, Any]]) -> list[tuple[int, float, dict[str, Any] | None]]:
    simulated = {point["people"]: point for point in points}
    return [(n, value, simulated.get(n)) for n, value in answer["curve"]]


def _rows(context: dict[str, Any]) -> list[list[Any]]:
    nothing = dict.fromkeys(("estimate", "ci_low", "ci_high", "mean_estimate", "runs"))
    return [
        [n, value, *(found[name] for name in ("estimate", "ci_low", "ci_high", "mean_estimate", "runs"))]
        for n, value, point in context["rows"]
        for found in [point or nothing]
    ]
