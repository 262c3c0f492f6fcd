"""How workers, runs and seats share a model, and what the sweep mends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from survey.llm import domain, tasks
from survey.llm.enums import CellState, PersonaSetting, RunState
from survey.llm.models import Cell, Completion, ModelSpec, Run
from survey.llm.queries import next_run
from survey.models import Study
from tests.survey.llm.model_server import ModelServer
from tests.survey.llm.test_work import make_run, reload, states

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")


# --- The sweep ---------------------------------------------------------------------------------


def test_cells_of_a_killed_worker_are_swept_and_asked_once_more(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    run = make_run(study, endpoint_spec)
    domain.lease_cells(run, endpoint_spec, 5)  # and the worker dies
    run.cells.filter(state=CellState.LEASED).update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert states(run) == {"done": 12}
    assert Completion.objects.count() == len(model_server.bodies) == 12
    assert reload(run).state == RunState.DONE


def test_sweep_starts_a_run_whose_start_was_lost(study: Study, make_spec: MakeSpec) -> None:
    run = domain.create_alignment_run(study, specs=[make_spec()], persona=[PersonaSetting.NO_PERSONA])
    tasks.sweep()
    assert reload(run).state == RunState.DONE


def test_sweep_leaves_a_run_alone_that_somebody_works_on(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec()
    run = make_run(study, spec)
    domain.lease_cells(run, spec, 1)
    tasks.sweep()
    assert states(run) == {"leased": 1, "todo": 11}


def test_sweep_cancels_what_was_given_back_to_a_cancelled_run(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec()
    run = make_run(study, spec)
    domain.lease_cells(run, spec, 2)
    domain.cancel_run(run)
    run.cells.filter(state=CellState.LEASED).update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert states(run) == {"cancelled": 12}


def test_sweep_closes_a_run_that_is_done(study: Study, make_spec: MakeSpec) -> None:
    run = make_run(study, make_spec())
    run.cells.update(state=CellState.DONE)
    tasks.sweep()
    assert reload(run).state == RunState.DONE


def test_work_does_nothing_while_another_worker_asks_the_model(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec()
    run = make_run(study, spec)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [tasks.LOCK_CLASS, spec.pk])
        tasks.work(spec.pk)
        assert states(run) == {"todo": 12}
    finally:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        other.close()
    tasks.work(spec.pk)
    assert states(run) == {"done": 12}


def test_runs_of_one_model_take_turns(study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = make_spec(max_in_flight=1)
    first, second = make_run(study, spec), make_run(study, spec)
    leased: list[int] = []
    lease = domain.lease_cells

    def note(run: Run, spec: ModelSpec, n: int, most: Any) -> list[Cell]:
        leased.append(run.pk)
        return lease(run, spec, n, most)

    monkeypatch.setattr(domain, "lease_cells", note)
    tasks.work(spec.pk)
    assert leased[:2] == [first.pk, second.pk]
    assert {reload(first).state, reload(second).state} == {RunState.DONE}


def test_run_of_higher_priority_is_asked_first_and_equals_take_turns(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec()
    first, second, third = (make_run(study, spec).pk for _ in range(3))
    assert [next_run(spec.pk, after=pk) for pk in (0, first, second, third)] == [first, second, third, first]
    for pk in (second, third):
        domain.change_priority(Run.objects.get(pk=pk), 5)
    assert [next_run(spec.pk, after=pk) for pk in (0, first, second, third)] == [second, second, third, second]
    assert next_run(spec.pk, after=0, without=[second, third]) == first
    Cell.objects.filter(run__in=[second, third]).update(state=CellState.DONE)
    assert next_run(spec.pk, after=0) == first


@pytest.mark.parametrize(("max_in_flight", "shares"), [(1, [1]), (99, [99]), (250, [125, 125]), (301, [101, 100, 100])])
def test_seats_share_out_the_calls_in_flight(max_in_flight: int, shares: list[int], make_spec: MakeSpec) -> None:
    spec = make_spec(max_in_flight=max_in_flight)
    assert [tasks.share(spec, seat) for seat in range(tasks.n_seats(spec))] == shares


def test_seat_that_is_no_more_does_nothing(study: Study, make_spec: MakeSpec) -> None:
    run = make_run(study, spec := make_spec(max_in_flight=99))
    tasks.work(spec.pk, 1)
    assert states(run) == {"todo": 12}


def test_launch_survives_an_absent_broker(
    study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = domain.create_alignment_run(study, specs=[make_spec()])

    def refuse(*args: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.start_run, "delay", refuse)
    tasks.launch(run.pk)
    assert "waits for the broker" in caplog.text
    assert reload(run).state == RunState.QUEUED
