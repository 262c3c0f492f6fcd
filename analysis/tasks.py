"""Background work of analyses. Every task may be repeated, lost or killed: the run's state says what is left to do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from celery import shared_task
from django.db import DatabaseError, connection
from kombu.exceptions import OperationalError

from analysis import domain, live_summary
from analysis.models import AnalysisRun
from analysis.parameters import Parameters

logger = logging.getLogger(__name__)
SIGN_SECONDS = 5.0


def launch(run_id: int) -> None:
    """Have a queued analysis computed; with the broker away the sweep does it later."""
    try:
        run_analysis.delay(run_id)
    except OperationalError as error:
        logger.warning("analysis %s waits for the broker: %s", run_id, error)


@shared_task
def run_analysis(run_id: int) -> None:
    """Compute a queued analysis; nothing happens when it is not queued any more."""
    run = domain.begin(run_id)
    if run is None:
        return
    from analysis.reports import compute  # the statistics load where they are needed only

    try:
        with _signs_of_life(run):
            report = compute(run.study, Parameters.from_json(run.parameters), partial(domain.note_step, run))
    except DatabaseError:
        raise  # nothing can be written now: the sweep queues it again
    except Exception as error:
        logger.exception("analysis %s failed", run_id)
        domain.fail(run, f"{type(error).__name__}: {error}")
    else:
        domain.finish(run, report)


@shared_task(expires=60)
def sweep() -> None:
    """Start again what crashes or a lost message left behind."""
    domain.requeue_silent()
    for run_id in AnalysisRun.objects.filter(state=AnalysisRun.State.QUEUED).values_list("pk", flat=True):
        run_analysis.delay(run_id)


@shared_task(expires=15)
def count_answers() -> None:
    """Bring the counts behind the live summary up to date."""
    live_summary.count_answers()


@contextmanager
def _signs_of_life(run: AnalysisRun) -> Iterator[None]:
    """Tell every few seconds that the computation goes on, from a thread with a connection of its own."""
    is_over = threading.Event()

    def tell() -> None:
        try:
            while not is_over.wait(SIGN_SECONDS):
                domain.give_sign_of_life(run)
        finally:
            connection.close()

    thread = threading.Thread(target=tell, name=f"signs of life of {run}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
