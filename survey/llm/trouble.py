"""Writes about endpoints that fail as a whole: what their runs wait for, and which models a run asks no more."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from survey.llm.enums import OPEN_STATES, RunState
from survey.llm.models import Cell, ModelSpec, ModelStop, Run


def note_trouble(spec: ModelSpec, reason: str) -> float:
    """Note why nothing gets through to a model; give the seconds since that began."""
    began = Coalesce("trouble_since", Now())
    ModelSpec.objects.filter(pk=spec.pk).update(trouble=reason, trouble_since=began)
    since = ModelSpec.objects.values_list("trouble_since", flat=True).get(pk=spec.pk)
    return (timezone.now() - since).total_seconds() if since else 0.0


def end_trouble(spec: ModelSpec) -> None:
    """Note that something gets through to a model again."""
    ModelSpec.objects.filter(pk=spec.pk).update(trouble="", trouble_since=None)


@transaction.atomic
def stop_model(run: Run, spec: ModelSpec, reason: str) -> None:
    """Ask a model nothing more in a running run, for a reason that a person must mend; its cells stay to be asked.

    The run goes on with its other models, and stops where they have nothing left to ask either.
    """
    running = Run.objects.filter(pk=run.pk, state=RunState.RUNNING).select_for_update(no_key=True)
    if running.exists() and Cell.objects.filter(run_id=run.pk, spec_id=spec.pk, state__in=OPEN_STATES).exists():
        ModelStop.objects.get_or_create(run_id=run.pk, spec_id=spec.pk, defaults={"reason": reason})
        stop_run_of_stopped_models(run)


@transaction.atomic
def stop_run_of_stopped_models(run: Run) -> bool:
    """Stop a running run of which only questions to stopped models are left; say how many, and what to mend."""
    running = Run.objects.filter(pk=run.pk, state=RunState.RUNNING)
    if not running.select_for_update(no_key=True).exists() or has_model_to_ask(run):
        return False
    reasons = " ".join(run.stops.order_by("spec__tag").values_list("reason", flat=True))
    return bool(running.update(state=RunState.FAILED, error=f"{_what_is_left(run)}{reasons}"))


def has_model_to_ask(run: Run) -> bool:
    """Tell whether a model that has not stopped has open cells."""
    asked = list(run.specs.exclude(stops__run=run).values_list("pk", flat=True))
    return Cell.objects.filter(run_id=run.pk, spec__in=asked, state__in=OPEN_STATES).exists()


def _what_is_left(run: Run) -> str:
    """Say of a run of several models how many questions are left to which; a single model's page says it already."""
    if run.specs.count() == 1:
        return ""
    left = Cell.objects.filter(run_id=run.pk, state__in=OPEN_STATES).order_by("spec__tag")
    counts = left.values_list("spec__tag").annotate(n=Count("pk"))
    return f"Left to ask: {', '.join(f'{n:,} of {tag}' for tag, n in counts)}. "
