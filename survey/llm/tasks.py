"""Background work of model runs. Every task may be repeated, lost or killed: the cells say what is left to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import shared_task
from celery.signals import worker_shutting_down
from django.db import connection

from survey.llm import domain
from survey.llm.enums import RunState
from survey.llm.models import ModelSpec, Probe, Run
from survey.llm.probing import run_probe
from survey.llm.queries import idle_specs, next_run
from survey.llm.stint import Stint, leaving
from survey.queueing import send_or_leave

logger = logging.getLogger(__name__)
LOCK_CLASS = 7101  # tells our advisory locks from others in the same database; the seat's number is added
CALLS_PER_SEAT = 100  # one process keeps about so many calls going
MOST_SEATS = 16


def launch(run_id: int) -> None:
    """Have a queued run started; with the broker away the sweep does it later."""
    send_or_leave(start_run, run_id)


def launch_probe(probe_id: int) -> None:
    """Have a model probed."""
    send_or_leave(probe, probe_id)


@shared_task
def probe(probe_id: int) -> None:
    """Call a model a few times and keep what it can do."""
    run_probe(Probe.objects.select_related("spec").get(pk=probe_id))


@worker_shutting_down.connect
def leave(**_: object) -> None:
    """Have this worker's stints end soon, so that a shutdown need not wait for their time to be over."""
    leaving.set()


@shared_task
def start_run(run_id: int) -> None:
    """Set a queued run going: a chain of stints per model and seat."""
    run = Run.objects.get(pk=run_id)
    if domain.begin_run(run):
        for spec in run.specs.all():
            _queue_seats(spec)


def _queue_seats(spec: ModelSpec) -> None:
    for seat in range(n_seats(spec)):
        send_or_leave(work, spec.pk, seat)


def n_seats(spec: ModelSpec) -> int:
    """Tell how many processes may call a model at a time; they share its calls in flight out among them."""
    return max(1, min(MOST_SEATS, spec.max_in_flight // CALLS_PER_SEAT))


def share(spec: ModelSpec, seat: int) -> int:
    """Give a seat's part of the calls in flight."""
    each, rest = divmod(spec.max_in_flight, n_seats(spec))
    return each + (seat < rest)


@shared_task
def work(spec_id: int, seat: int = 0) -> None:
    """Take one stint at a model, then queue the next one behind those of other models."""
    spec = ModelSpec.objects.get(pk=spec_id)
    if seat >= n_seats(spec):
        return  # there were more when this was queued
    with _seat(spec_id, seat) as keep_seat:
        if not keep_seat():
            return  # whoever has the seat queues its next stint
        goes_on = Stint(spec, max_in_flight=share(spec, seat), keep_seat=keep_seat).work()
    for run in Run.objects.filter(state=RunState.RUNNING, specs=spec_id):
        domain.finish_run_if_done(run)
    if goes_on and next_run(spec_id, after=0) is not None:
        send_or_leave(work, spec_id, seat)


@shared_task(expires=15)
def sweep() -> None:
    """Mend what crashes left behind: expired leases, runs that nobody works on, runs that are done."""
    domain.free_expired_leases()
    domain.close_cancelled_cells()
    for run in Run.objects.filter(state=RunState.QUEUED):
        start_run.delay(run.pk)
    idle = set()
    for run in Run.objects.filter(state=RunState.RUNNING):
        if not domain.finish_run_if_done(run):
            idle.update(idle_specs(run))
    for spec in ModelSpec.objects.filter(pk__in=idle):
        for seat in range(n_seats(spec)):
            work.apply_async((spec.pk, seat), expires=60)


@contextmanager
def _seat(spec_id: int, seat: int) -> Iterator[Callable[[], bool]]:
    """Give what takes a seat at a model, if it is free: one process has it at a time, and loses it with its end.

    So the limit of calls in flight holds. After the connection was lost the seat can be taken again.
    """
    name = [LOCK_CLASS + seat, spec_id]
    is_ours = False

    def take() -> bool:
        nonlocal is_ours
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", name)
            is_ours = bool(cursor.fetchone()[0])
        return is_ours

    try:
        yield take
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", name)
