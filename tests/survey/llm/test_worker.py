"""Real Celery worker processes, a real queue, a real model server; and workers that are killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from survey.llm import domain
from survey.llm.enums import CellState, PersonaSetting
from survey.llm.models import Cell, ModelSpec
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, answer
from tests.survey.llm.workers import Workers, assert_one_completion_each, is_done, make_run, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_workers_finish_a_run_of_two_models_with_one_completion_each(
    study: Study, endpoint_spec: ModelSpec, make_spec: Callable[..., ModelSpec], model_server: ModelServer,
    workers: Workers,
) -> None:  # fmt: skip
    run = make_run(study, endpoint_spec, make_spec())
    workers.start()
    workers.start()
    workers.send("start_run", run.pk)
    wait_until(lambda: is_done(run))
    assert_one_completion_each(run)
    assert len(model_server.bodies) == run.n_cells / 2
    assert model_server.most_in_flight <= endpoint_spec.max_in_flight


def test_killed_worker_costs_repeats_but_no_cell(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, workers: Workers
) -> None:
    model_server.usual = answer(delay=0.05)
    run = make_run(study, endpoint_spec)
    victim = workers.start()
    workers.send("start_run", run.pk)
    wait_until(lambda: len(model_server.bodies) >= 20)
    workers.kill(victim)
    left = Cell.objects.filter(run=run, state=CellState.LEASED)
    assert left.exists()

    left.update(lease_until=timezone.now() - timedelta(seconds=1))
    workers.start()
    workers.send("sweep")
    wait_until(lambda: is_done(run))
    assert_one_completion_each(run)
    assert len(model_server.bodies) >= run.n_cells


def test_same_work_queued_many_times_asks_nothing_twice(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, workers: Workers
) -> None:
    run = domain.create_alignment_run(study, specs=[endpoint_spec], persona=[PersonaSetting.PERSONA])
    domain.begin_run(run)
    for _ in range(3):
        workers.send("work", endpoint_spec.pk)
    workers.start()
    workers.start()
    wait_until(lambda: is_done(run))
    assert_one_completion_each(run)
    assert len(model_server.bodies) == run.n_cells


def test_worker_told_to_end_ends_its_stints_and_gives_back_what_it_has_not_asked(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, workers: Workers
) -> None:
    """The signal reaches the worker's parent process only; a stint would go on for half a minute."""
    ModelSpec.objects.update(max_in_flight=1)
    model_server.usual = answer(delay=3)
    run = make_run(study, endpoint_spec)
    worker = workers.start()
    workers.send("start_run", run.pk)
    wait_until(lambda: len(model_server.bodies) >= 1)
    worker.terminate()
    assert worker.wait(timeout=15) == 0
    states = Counter(Cell.objects.filter(run=run).values_list("state", flat=True))
    assert set(states) == {CellState.DONE, CellState.TODO}
    assert states[CellState.DONE] == len(model_server.bodies) < 6
