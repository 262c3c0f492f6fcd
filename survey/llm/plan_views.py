"""Staff pages that set up a run: choose factors, look ahead, start."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from survey.llm import domain
from survey.llm.enums import RunKind
from survey.llm.experiment import Experiment
from survey.llm.forms import ExperimentForm, ready_design
from survey.llm.models import ModelSpec, Run
from survey.llm.preview import Preview, preview
from survey.llm.tasks import launch
from survey.views.access import staff_only

CHANGED = "The choice is not the one that was previewed. Look at the new preview, then start."


@staff_only
def run_new(request: HttpRequest) -> HttpResponse:
    """Choose the factors and look ahead; only the button below the preview, for what it shows, starts anything."""
    if request.method != "POST":
        kind = RunKind(request.GET["kind"]) if request.GET.get("kind") in RunKind.values else RunKind.ALIGNMENT
        initial = {**ready_design(kind), "study": request.GET.get("study")}
        return _page(request, ExperimentForm(initial=initial), kind, None)
    form = ExperimentForm(request.POST)
    shown: Preview | None = None
    if form.is_valid():
        try:
            experiment = form.experiment()
            data = form.cleaned_data
            shown = preview(experiment, budget=data["budget"], reuses_answers=data["reuses_answers"])
            if run := _start(request, form, experiment, shown):
                return redirect("llm:run", run.pk)
        except ValueError as error:
            form.add_error(None, str(error))
            shown = None
    return _page(request, form, RunKind.ALIGNMENT, shown)


def _start(request: HttpRequest, form: ExperimentForm, experiment: Experiment, shown: Preview) -> Run | None:
    """Start what was previewed, and nothing else."""
    if "start" not in request.POST:
        return None
    if request.POST["start"] != shown.token:
        form.add_error(None, CHANGED)
        return None
    with transaction.atomic():
        run = domain.create_run(
            experiment,
            budget=form.cleaned_data["budget"],
            priority=form.cleaned_data["priority"] or 0,
            reuses_answers=form.cleaned_data["reuses_answers"],
            created_by=request.user,
        )
        transaction.on_commit(partial(launch, run.pk))
    return run


def _page(request: HttpRequest, form: ExperimentForm, kind: RunKind, shown: Preview | None) -> HttpResponse:
    context = {"form": form, "kinds": RunKind, "kind": kind, "preview": shown, "has_models": ModelSpec.objects.exists()}
    return render(request, "llm/run_new.html", context)
