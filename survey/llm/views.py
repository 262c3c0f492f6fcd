"""Staff pages of runs: list them, watch one, cancel it, have it go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from survey.llm import domain
from survey.llm.again import offer
from survey.llm.bars import ORDER, Segment, segments
from survey.llm.enums import CellState, RunState
from survey.llm.forms import BudgetForm
from survey.llm.models import ModelSpec, Run
from survey.llm.pace import left_text
from survey.llm.queries import Progress, runs_progress
from survey.llm.tasks import launch
from survey.llm.watching import N_LATEST, ModelStand, samples, stand
from survey.models import Study
from survey.views.access import staff_only

N_RUNS_LISTED = 200
MOVING_SECONDS = 2  # between two looks at a run that is under way
RESTING_SECONDS = 15  # somebody else may have it go on


class ModelPart(NamedTuple):
    """One model of a run as the page shows it."""

    stand: ModelStand
    segments: Sequence[Segment]
    left: str


class RunLine(NamedTuple):
    """One run of the list."""

    run: Run
    progress: Progress
    segments: Sequence[Segment]


@staff_only
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    study = get_object_or_404(Study, code=request.GET["study"]) if request.GET.get("study") else None
    runs = Run.objects.filter(study=study) if study else Run.objects.all()
    shown = list(runs.select_related("study", "created_by").prefetch_related("specs")[: N_RUNS_LISTED + 1])
    progress = runs_progress(shown[:N_RUNS_LISTED])
    lines = [RunLine(run, progress[run.pk], segments(progress[run.pk])) for run in shown[:N_RUNS_LISTED]]
    context = {
        "study": study,
        "lines": lines,
        "states": ORDER,
        "n_listed": N_RUNS_LISTED if len(shown) > N_RUNS_LISTED else None,
        "has_models": ModelSpec.objects.exists(),
    }
    return render(request, "llm/runs.html", context)


@staff_only
@require_safe
def run_page(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("study", "created_by"), pk=pk)
    return render(request, "llm/run.html", _progress_context(run))


@staff_only
@require_safe
def run_progress_part(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the part of the run page that changes; tell the page when to look again, or that it will change no more."""
    context = _progress_context(get_object_or_404(Run, pk=pk))
    response = render(request, "llm/progress.html", context)
    response.headers["X-Refresh"] = str(context["refresh_seconds"] or "stop")
    return response


def _progress_context(run: Run) -> dict[str, Any]:
    now = stand(run)
    is_over = run.state in (RunState.DONE, RunState.CANCELLED)
    is_moving = now.is_open or now.total.counts.get(CellState.LEASED, 0) > 0
    simulated = [model.spec.tag for model in now.models if model.spec.is_simulated]
    return {
        "run": run,
        "stand": now,
        "refresh_seconds": MOVING_SECONDS if is_moving else None if is_over else RESTING_SECONDS,
        "can_cancel": not is_over,
        "can_pause": now.is_open,
        "can_resume": run.state in (RunState.PAUSED, RunState.FAILED) or bool(now.is_open and now.stopped),
        "n_simulated": len(simulated),
        "states": ORDER,
        "segments": segments(now.total),
        "left": left_text(now.left) if now.left else "",
        "spent_percent": int(100 * now.spent_share) if now.spent_share is not None else None,
        "n_latest": N_LATEST,
        "percent": int(100 * now.total.n_ended / max(now.total.n_total, 1)),
        "models": [
            ModelPart(model, segments(model.progress), left_text(model.left) if model.left else "")
            for model in now.models
        ],
        "samples": samples(run, now.models),
        "again": offer(run),
        "acts": run.reaskings.all(),
        "read_at": timezone.now(),
    }


@staff_only
@require_POST
def run_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if domain.cancel_run(run):
        messages.success(request, "The run is cancelled. Answers already under way are kept.")
    else:
        messages.warning(request, "The run had ended already.")
    return redirect("llm:run", pk)


@staff_only
@require_POST
def run_resume(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if domain.resume_run(run):
        launch(run.pk)
        messages.success(request, "The run goes on where it stopped.")
    else:
        messages.warning(request, "Only a run that is paused or was stopped by an error can go on.")
    return redirect("llm:run", pk)


@staff_only
@require_POST
def run_pause(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if domain.pause_run(run):
        messages.success(request, "The run is paused. Answers already under way are kept.")
    else:
        messages.warning(request, "The run was not under way.")
    return redirect("llm:run", pk)


@staff_only
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
