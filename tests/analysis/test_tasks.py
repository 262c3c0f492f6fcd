"""Analyses survive repetition, lost messages and dead workers; a failure tells why."""

from datetime import timedelta
from functools import partial
from unittest.mock import patch

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from analysis import domain, signs_of_life, tasks
from analysis.code_version import code_version
from analysis.families import FamilyKey
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.reports import Report
from tests.analysis.conftest import Made

State = AnalysisRun.State
ALL = choose(include_simulated=True)
LIGHT = choose(include_simulated=True, families=("rates",))
REPORT = Report("a" * 64, {"facts": {}, "tables": {}}, [])


def test_analysis_runs_to_its_end_with_its_record(full: Made) -> None:
    run = domain.request_analysis(full.study, LIGHT)
    tasks.run_analysis(run.pk)
    run.refresh_from_db()
    assert (run.state, run.family, run.step, run.error, run.n_starts) == (State.DONE, "", "", "", 1)
    assert [told["key"] for told in run.overview] == ["rates"]
    assert len(run.results_hash) == 64
    assert run.code_version == code_version()
    assert len(run.snapshot_hash) == 64
    assert run.results["facts"]["n_respondents"] == 12


def test_repeated_task_changes_nothing(full: Made) -> None:
    run = domain.request_analysis(full.study, LIGHT)
    tasks.run_analysis(run.pk)
    before = AnalysisRun.objects.values().get(pk=run.pk)
    tasks.run_analysis(run.pk)
    assert AnalysisRun.objects.values().get(pk=run.pk) == before


def test_two_workers_do_not_take_the_same_analysis(made: Made) -> None:
    run = domain.request_analysis(made.study, ALL)
    assert domain.begin(run.pk) is not None
    assert domain.begin(run.pk) is None


def test_second_click_gives_the_analysis_under_way(made: Made) -> None:
    first = domain.request_analysis(made.study, ALL)
    assert domain.request_analysis(made.study, ALL) == first
    assert domain.request_analysis(made.study, choose(include_simulated=False)) != first


def test_failure_is_told(full: Made) -> None:
    run = domain.request_analysis(full.study, LIGHT)
    with patch("analysis.reports.rates.rates", side_effect=ValueError("no such column")):
        tasks.run_analysis(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (State.FAILED, "ValueError: no such column")


def test_results_that_cannot_be_told_fail_the_analysis_too(full: Made) -> None:
    run = domain.request_analysis(full.study, LIGHT)
    with patch("analysis.domain.overview", side_effect=KeyError("norm")):
        tasks.run_analysis(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (State.FAILED, "KeyError: 'norm'")


def test_silent_analysis_is_queued_again(made: Made) -> None:
    run = started(made, silent=True)
    domain.requeue_silent()
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_analysis_with_signs_of_life_is_left_alone(made: Made) -> None:
    run = started(made, silent=False)
    domain.requeue_silent()
    run.refresh_from_db()
    assert run.state == State.RUNNING


def test_analysis_that_kills_its_workers_is_given_up(made: Made) -> None:
    run = started(made, silent=True)
    AnalysisRun.objects.filter(pk=run.pk).update(n_starts=domain.MAX_STARTS)
    domain.requeue_silent()
    run.refresh_from_db()
    assert (run.state, run.error) == (State.FAILED, "3 workers died while they computed this.")


def test_worker_thought_dead_cannot_overwrite(made: Made) -> None:
    zombie = started(made, silent=True)
    domain.requeue_silent()
    domain.begin(zombie.pk)
    assert domain.finish(zombie, REPORT) is False
    assert domain.fail(zombie, "late") is False
    zombie.refresh_from_db()
    assert zombie.state == State.RUNNING


def test_finished_analysis_is_never_changed(made: Made) -> None:
    """Not by whoever began it, not by a message that comes again, not by the sweep or another request."""
    run = started(made, silent=False)
    assert domain.finish(run, REPORT)
    AnalysisRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    before = AnalysisRun.objects.filter(pk=run.pk).values().get()
    domain.note_step(run, "again")
    domain.note_family(run, FamilyKey.RATES)
    domain.give_sign_of_life(run)
    assert domain.begin(run.pk) is None
    assert domain.finish(run, Report("b" * 64, {"facts": {"n": 1}, "tables": {}}, ["late"])) is False
    assert domain.fail(run, "late") is False
    tasks.run_analysis(run.pk)
    domain.requeue_silent()
    assert domain.request_analysis(made.study, ALL).pk != run.pk
    assert AnalysisRun.objects.filter(pk=run.pk).values().get() == before


def test_sweep_sends_queued_analyses(made: Made) -> None:
    run = started(made, silent=True)
    with patch.object(tasks.run_analysis, "delay") as sent:
        tasks.sweep()
    sent.assert_called_once_with(run.pk)


def test_launch_without_broker_leaves_it_to_the_sweep(made: Made) -> None:
    run = domain.request_analysis(made.study, ALL)
    with patch.object(tasks.run_analysis, "delay", side_effect=OperationalError("away")):
        tasks.launch(run.pk)
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_steps_are_shown_while_it_runs(made: Made) -> None:
    run = started(made, silent=False)
    domain.note_step(run, "Rates")
    run.refresh_from_db()
    assert run.step == "Rates"


def test_same_data_choices_and_code_are_found_again(full: Made) -> None:
    run = domain.request_analysis(full.study, LIGHT)
    tasks.run_analysis(run.pk)
    run.refresh_from_db()
    assert domain.find_same(full.study, LIGHT.as_json(), run.snapshot_hash) == run
    assert domain.find_same(full.study, LIGHT.as_json(), "b" * 64) is None


@pytest.mark.django_db(transaction=True)
def test_signs_of_life_come_from_a_thread_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.analysis.conftest import make_study

    run = started(make_study("alive"), silent=True)
    monkeypatch.setattr(signs_of_life, "SIGN_SECONDS", 0.01)
    with signs_of_life.signs_of_life(run, partial(domain.give_sign_of_life, run)):
        deadline = timezone.now() + timedelta(seconds=10)
        while AnalysisRun.objects.get(pk=run.pk).heartbeat_at == run.heartbeat_at and timezone.now() < deadline:
            pass
    heartbeat = AnalysisRun.objects.get(pk=run.pk).heartbeat_at
    assert heartbeat is not None
    assert heartbeat > timezone.now() - timedelta(seconds=15)


def started(made: Made, *, silent: bool) -> AnalysisRun:
    """Give an analysis that a worker has begun, long ago if silent."""
    begun = domain.begin(domain.request_analysis(made.study, ALL).pk)
    assert begun is not None
    if silent:
        AnalysisRun.objects.filter(pk=begun.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=5))
        begun.refresh_from_db()
    return begun
