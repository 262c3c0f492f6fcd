"""Background work of analyses. Every task may be repeated, lost or killed: the run's state says what is left to do."""

from __future__ import annotations

import logging
from functools import partial

from celery import shared_task
from django.db import DatabaseError

from analysis import domain, live_summary, releases, simulations
from analysis.imports import importing
from analysis.imports.working import work
from analysis.models import AnalysisRun, Import, Release, SampleSimulation
from analysis.parameters import Parameters
from analysis.release.store import make_zip
from analysis.results.stored import note_of
from analysis.sample_questions import SampleQuestion
from analysis.signs_of_life import signs_of_life
from survey.queueing import send_or_leave

logger = logging.getLogger(__name__)

SIMULATED_BETWEEN = 10  # studies between two notes of progress


def launch(run_id: int) -> None:
    """Have a queued analysis computed; with the broker away the sweep does it later."""
    send_or_leave(run_analysis, run_id)


@shared_task
def run_analysis(run_id: int) -> None:
    """Compute a queued analysis; nothing happens when it is not queued any more."""
    run = domain.begin(run_id)
    if run is None:
        return
    from analysis.reports import compute  # the statistics load where they are needed only

    try:
        with signs_of_life(run, partial(domain.give_sign_of_life, run)):
            report = compute(
                run.study,
                Parameters.from_json(run.parameters),
                partial(domain.note_step, run),
                partial(domain.note_family, run),
            )
        is_ours = domain.finish(run, report)
    except DatabaseError:
        raise  # nothing can be written now: the sweep queues it again
    except Exception as error:
        logger.exception("analysis %s failed", run_id, extra={"analysis": run_id})
        domain.fail(run, f"{type(error).__name__}: {error}")
    else:
        if is_ours:
            send_or_leave(draw_figures, run_id)


@shared_task(expires=3600)
def draw_figures(run_id: int) -> None:
    """Draw a finished analysis for print; nothing happens when that was done before."""
    run = AnalysisRun.objects.filter(pk=run_id, state=AnalysisRun.State.DONE, figures__isnull=True).first()
    if run is None:
        return
    from analysis.plots.files import as_archive, frames_of, make_figures  # matplotlib loads in workers only

    try:
        level, note = Parameters.from_json(run.parameters).level, note_of(run.results["facts"])
        made = make_figures(frames_of(run.results["tables"]), level, note)
        domain.store_figures(run, as_archive(made), made.n_figures, made.files)
    except DatabaseError:
        raise  # the sweep sends it again
    except Exception as error:
        logger.exception("figures of analysis %s failed", run_id, extra={"analysis": run_id})
        domain.store_figures(run, b"", 0, error=f"{type(error).__name__}: {error}")


def launch_release(release_id: int) -> None:
    """Have a queued release made; with the broker away the sweep does it later."""
    send_or_leave(make_release, release_id)


@shared_task
def make_release(release_id: int) -> None:
    """Make a queued release as a zip file; nothing happens when it is not queued any more."""
    release = releases.begin(release_id)
    if release is None:
        return
    progress = releases.Progress(release)
    try:
        with signs_of_life(release, progress.write):
            built = make_zip(release, progress.note)
    except DatabaseError:
        raise  # nothing can be written now: the sweep queues it again
    except ValueError as error:  # refused: the message is for whoever asked
        releases.fail(release, str(error))
    except Exception as error:
        logger.exception("release %s failed", release_id, extra={"release": release_id})
        releases.fail(release, f"{type(error).__name__}: {error}")
    else:
        releases.finish(release, built)


def launch_simulation(pk: int) -> None:
    """Have queued studies simulated; with the broker away the sweep does it later."""
    send_or_leave(run_simulation, pk)


@shared_task
def run_simulation(pk: int) -> None:
    """Simulate the studies of a planner's question; nothing happens when they are not queued any more."""
    simulation = simulations.begin(pk)
    if simulation is None:
        return
    from analysis.sample_answers import simulate_question

    def tell(n_done: int) -> None:
        if n_done % SIMULATED_BETWEEN == 0:
            simulations.note_done(simulation, n_done)

    try:
        with signs_of_life(simulation, partial(simulations.give_sign_of_life, simulation)):
            points = simulate_question(SampleQuestion(**simulation.question), tell)
    except DatabaseError:
        raise  # nothing can be written now: the sweep queues it again
    except Exception as error:
        logger.exception("simulation %s failed", pk)
        simulations.fail(simulation, f"{type(error).__name__}: {error}")
    else:
        simulations.finish(simulation, points)


def launch_import(import_id: int) -> None:
    """Have a queued import done; with the broker away the sweep does it later."""
    send_or_leave(import_data, import_id)


@shared_task
def import_data(import_id: int) -> None:
    """Look at a queued import, or store it; nothing happens when it is not queued any more."""
    work(import_id)


@shared_task(expires=60)
def sweep() -> None:
    """Start again what crashes or a lost message left behind."""
    simulations.requeue_silent()
    for simulation_id in SampleSimulation.objects.filter(state=SampleSimulation.State.QUEUED).values_list(
        "pk", flat=True
    ):
        run_simulation.delay(simulation_id)
    domain.requeue_silent()
    releases.requeue_silent()
    importing.requeue_silent()
    for import_id in Import.objects.filter(state=Import.State.QUEUED).values_list("pk", flat=True):
        import_data.delay(import_id)
    for release_id in Release.objects.filter(state=Release.State.QUEUED).values_list("pk", flat=True):
        make_release.delay(release_id)
    for run_id in AnalysisRun.objects.filter(state=AnalysisRun.State.QUEUED).values_list("pk", flat=True):
        run_analysis.delay(run_id)
    for run_id in domain.find_undrawn():
        draw_figures.delay(run_id)


@shared_task(expires=15)
def count_answers() -> None:
    """Bring the counts behind the live summary up to date."""
    live_summary.count_answers()
