"""Staff pages of runs: list them, watch one, cancel it, have it go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from survey.llm import domain
from survey.llm.again import offer
from survey.llm.enums import CellState, RunState
from survey.llm.forms import BudgetForm
from survey.llm.models import ModelSpec, Run
from survey.llm.queries import Progress, add_up, answers_per_second, last_errors, run_progress, samples
from survey.llm.tasks import launch
from survey.models import Study

BAR_WIDTH = 1000
BAR_FILLS = {
    CellState.DONE: "#2b7a4b",
    CellState.REFUSED: "#c77700",
    CellState.UNPARSED: "#8f6fc4",
    CellState.ERROR: "#c0392b",
    CellState.LEASED: "#5b8fd6",
    CellState.TODO: "#c9d1d8",
    CellState.CANCELLED: "#7d8790",
}
N_RUNS_LISTED = 200

View = TypeVar("View", bound=Callable[..., HttpResponse])


class Segment(NamedTuple):
    x: float
    width: float
    fill: str


class Row(NamedTuple):
    """One model's line of the progress table."""

    progress: Progress
    counts: Sequence[int]  # in the order of the states
    segments: Sequence[Segment]


def staff_page(view: View) -> View:
    """Send everyone who is not logged in as staff to the site's own login page."""
    return staff_member_required(view, login_url="login")


@staff_page
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    study = get_object_or_404(Study, code=request.GET["study"]) if request.GET.get("study") else None
    runs = Run.objects.filter(study=study) if study else Run.objects.all()
    runs = runs.select_related("study", "created_by").prefetch_related("specs")
    context = {"study": study, "runs": runs[:N_RUNS_LISTED], "has_models": ModelSpec.objects.exists()}
    return render(request, "llm/runs.html", context)


@staff_page
@require_safe
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("study", "created_by"), pk=pk)
    return render(request, "llm/run.html", {**_progress_context(run), "again": offer(run), "acts": run.reaskings.all()})


@staff_page
@require_safe
def run_progress_part(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the part of the run page that changes; tell the page when it will change no more."""
    run = get_object_or_404(Run, pk=pk)
    response = render(request, "llm/progress.html", _progress_context(run))
    if not _is_open(run):
        response.headers["X-Refresh"] = "stop"
    return response


def _progress_context(run: Run) -> dict[str, Any]:
    parts = run_progress(run)
    total = add_up(parts)
    rate = answers_per_second(run) if _is_open(run) else 0.0
    specs = list(run.specs.all())
    return {
        "run": run,
        "is_open": _is_open(run),
        "can_cancel": run.state not in (RunState.DONE, RunState.CANCELLED),
        "can_pause": _is_open(run),
        "can_resume": run.state in (RunState.PAUSED, RunState.FAILED),
        "specs": specs,
        "states": list(BAR_FILLS.items()),
        "rows": [_row(part) for part in parts],
        "total": _row(total),
        "rate": rate,
        "minutes_left": total.n_open / rate / 60 if rate else None,
        "errors": last_errors(run),
        "samples": samples(run, specs, parts),
    }


def _is_open(run: Run) -> bool:
    return run.state in (RunState.QUEUED, RunState.RUNNING)


def _row(progress: Progress) -> Row:
    segments, x = [], 0.0
    for state, fill in BAR_FILLS.items():
        width = BAR_WIDTH * progress.counts.get(state, 0) / max(progress.n_total, 1)
        segments.append(Segment(round(x, 2), round(width, 2), fill))
        x += width
    return Row(progress, [progress.counts.get(state, 0) for state in BAR_FILLS], segments)


@staff_page
@require_POST
def run_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if domain.cancel_run(run):
        messages.success(request, "The run is cancelled. Answers already under way are kept.")
    else:
        messages.warning(request, "The run had ended already.")
    return redirect("llm:run", pk)


@staff_page
@require_POST
def run_resume(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if domain.resume_run(run):
        launch(run.pk)
        messages.success(request, "The run goes on where it stopped.")
    else:
        messages.warning(request, "Only a run that is paused or was stopped by an error can go on.")
    return redirect("llm:run", pk)


@staff_page
@require_POST
def run_pause(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if domain.pause_run(run):
        messages.success(request, "The run is paused. Answers already under way are kept.")
    else:
        messages.warning(request, "The run was not under way.")
    return redirect("llm:run", pk)


@staff_page
@require_POST
def run_budget(request: HttpRequest, pk: int) -> HttpResponse:
    """Raise, lower or lift what a run may cost."""
    run = get_object_or_404(Run, pk=pk)
    form = BudgetForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"Nothing changed: {form.errors['budget'][0]}")
        return redirect("llm:run", pk)
    try:
        domain.change_budget(run, form.cleaned_data["budget"])
    except ValueError as error:
        messages.error(request, f"Nothing changed: {error}")
    else:
        messages.success(request, "The budget is changed. A paused run goes on when you resume it.")
    return redirect("llm:run", pk)
