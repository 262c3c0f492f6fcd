"""Background work of model runs. Every task may be repeated, lost or killed: the cells say what is left to do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from celery import shared_task
from django.db import connection
from kombu.exceptions import OperationalError

from survey.llm import domain
from survey.llm.chunk import ask_chunk
from survey.llm.enums import RunState
from survey.llm.models import ModelSpec, Run
from survey.llm.queries import idle_specs, next_run

logger = logging.getLogger(__name__)
LOCK_CLASS = 7101  # tells our advisory locks from others in the same database


def launch(run_id: int) -> None:
    """Have a queued run started; with the broker away the sweep does it later."""
    try:
        start_run.delay(run_id)
    except OperationalError as error:
        logger.warning("run %s waits for the broker: %s", run_id, error)


@shared_task
def start_run(run_id: int) -> None:
    """Set a queued run going: a chain of chunks per model."""
    run = Run.objects.get(pk=run_id)
    if domain.begin_run(run):
        for spec_id in run.specs.values_list("pk", flat=True):
            work.delay(run_id, spec_id)


@shared_task
def work(run_id: int, spec_id: int) -> None:
    """Ask one chunk, then queue the model's next one, so that several runs of a model take turns."""
    with _model_lock(spec_id) as is_ours:
        if not is_ours:
            return  # whoever asks this model now queues its next chunk
        run = Run.objects.select_related("study").get(pk=run_id)
        ask_chunk(run, ModelSpec.objects.get(pk=spec_id))
    domain.finish_run_if_done(run)
    if (next_id := next_run(spec_id, after=run_id)) is not None:
        work.delay(next_id, spec_id)


@shared_task(expires=15)
def sweep() -> None:
    """Mend what crashes left behind: expired leases, runs that nobody works on, runs that are done."""
    domain.free_expired_leases()
    domain.close_cancelled_cells()
    for run in Run.objects.filter(state=RunState.QUEUED):
        start_run.delay(run.pk)
    for run in Run.objects.filter(state=RunState.RUNNING):
        if domain.finish_run_if_done(run):
            continue
        for spec_id in idle_specs(run):
            work.apply_async((run.pk, spec_id), expires=60)


@contextmanager
def _model_lock(spec_id: int) -> Iterator[bool]:
    """Let one worker at a time call a model, so that its limit of calls in flight holds; gone with its holder."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, spec_id])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_CLASS, spec_id])
