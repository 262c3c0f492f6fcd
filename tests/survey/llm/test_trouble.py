"""Runs whose endpoint fails as a whole wait, or stop with what to mend; no cell is used up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from survey.llm import domain, stint, tasks, trouble
from survey.llm.domain import Held
from survey.llm.enums import CellState, RunState
from survey.llm.models import Attempt, Cell, Completion, ModelSpec
from survey.models import Study
from tests.survey.llm.model_server import Handler, ModelServer, answer, fail, hang
from tests.survey.llm.test_domain import done
from tests.survey.llm.test_work import make_run, reload, reload_spec, states, take_stint

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")
NOWHERE = "http://127.0.0.1:1/v1"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stint, "PATIENCE_S", 0.2)
    monkeypatch.setattr(stint, "FIRST_PATIENCE_S", 0.2)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what runs were said to wait for."""
    said: list[str] = []
    note = trouble.note_trouble

    def keep(spec: ModelSpec, reason: str) -> float:
        said.append(reason)
        return note(spec, reason)

    monkeypatch.setattr(trouble, "note_trouble", keep)
    return said


@pytest.mark.usefixtures("impatient")
def test_run_whose_server_was_never_there_stops_with_what_to_mend_and_goes_on_once_mended(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    ModelSpec.objects.update(base_url=NOWHERE)
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.FAILED, {"todo": 12})
    assert re.sub(r"\d seconds", "N seconds", reload(run).error) == (
        "served: nothing got through for N seconds: no connection: [Errno 111] Connect call failed ('127.0.0.1', 1). "
        f"Check that the server runs and that the worker can reach it ({NOWHERE}). Then resume the run."
    )
    assert set(Attempt.objects.values_list("error_class", "status_code")) == {("Away", None)}

    ModelSpec.objects.update(base_url=model_server.base_url)
    domain.resume_run(run)
    tasks.start_run.delay(run.pk)
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 12})
    assert Completion.objects.count() == len(model_server.bodies) == 12


@pytest.mark.usefixtures("impatient")
def test_run_whose_server_only_fails_stops_and_keeps_all_cells(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    model_server.usual = fail(500, "on fire")
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.FAILED, {"todo": 12})
    assert "on fire. Then resume the run." in reload(run).error
    assert Attempt.objects.count() == len(model_server.bodies)


def test_run_whose_server_has_no_trusted_certificate_stops_at_once(
    study: Study, make_spec: MakeSpec, tls_server: Callable[..., ModelServer]
) -> None:
    server = tls_server(-1, 1)
    spec = make_spec("safe", provider="openai", base_url=server.base_url, max_in_flight=1)
    run = make_run(study, spec)
    tasks.work(spec.pk)
    assert (reload(run).state, states(run)) == (RunState.FAILED, {"todo": 12})
    assert reload(run).error.startswith("safe: the server's certificate is not trusted (self")
    assert (Attempt.objects.count(), server.bodies) == (1, [])


def test_run_of_which_no_request_is_taken_stops_and_asks_all_again_once_mended(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    model_server.usual = fail(400, "unsupported parameter: seed")
    ModelSpec.objects.update(max_in_flight=1)
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.FAILED, {"todo": 12})
    assert reload(run).error == (
        "served took none of 10 requests in a row (HTTP 400): unsupported parameter: seed. Check the model's rules "
        "for requests (parameters) and its format. Then resume the run."
    )
    assert len(model_server.bodies) == Attempt.objects.count() == 10

    model_server.usual = answer()
    domain.resume_run(run)
    tasks.start_run.delay(run.pk)
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 12})
    assert Completion.objects.count() == 12


def test_run_whose_endpoint_begins_to_refuse_everything_stops_before_many_are_lost(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    model_server.script.extend([answer()] * 3)
    model_server.usual = fail(422, "no such field")
    ModelSpec.objects.update(max_in_flight=1)
    run = domain.create_alignment_run(study, specs=[endpoint_spec])
    domain.begin_run(run)
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.FAILED, {"done": 3, "todo": run.n_cells - 3})
    assert "took none of 50 requests in a row (HTTP 422)" in reload(run).error


def test_refusals_that_another_seat_knows_better_about_end_their_cells(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer came between this stint's beginning and its doubts."""
    model_server.usual = fail(400, "too long")
    known = iter([False, True, True])
    monkeypatch.setattr(stint, "has_answered", lambda spec: next(known))
    run = make_run(study, endpoint_spec)
    take_stint(reload_spec(endpoint_spec))
    assert (reload(run).state, states(run)["error"]) == (RunState.RUNNING, 10)


def test_server_that_is_away_for_a_while_is_waited_for(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, noted: list[str]
) -> None:
    model_server.script.extend([answer()] * 3 + [fail(503, "restarting")] * 40)
    ModelSpec.objects.update(max_in_flight=4)
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 12})
    assert set(noted) == {"restarting"}
    assert (reload_spec(endpoint_spec).trouble, reload_spec(endpoint_spec).trouble_since) == ("", None)
    assert (Completion.objects.count(), Attempt.objects.count()) == (12, 40)


@pytest.mark.usefixtures("impatient")
def test_server_that_stays_away_stops_its_runs_and_what_was_answered_is_kept(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    model_server.script.extend([answer()] * 3)
    model_server.usual = fail(503, "restarting")
    ModelSpec.objects.update(max_in_flight=1)
    run, other = make_run(study, endpoint_spec), make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.FAILED, {"done": 3, "todo": 9})
    assert (reload(other).state, states(other)) == (RunState.FAILED, {"todo": 12})
    assert "nothing got through" in reload(run).error
    assert reload_spec(endpoint_spec).trouble == ""


@pytest.mark.parametrize(
    ("n_answered", "seconds", "state"),
    [(0, 50, RunState.RUNNING), (0, 61, RunState.FAILED), (1, 590, RunState.RUNNING), (1, 601, RunState.FAILED)],
)
def test_patience_is_a_minute_with_the_unknown_and_ten_with_who_has_answered(
    n_answered: int, seconds: int, state: RunState, study: Study, endpoint_spec: ModelSpec, model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The trouble lasts over many stints: here it began in an earlier one."""
    monkeypatch.setattr(stint, "STINT_SECONDS", 0.2)
    model_server.usual = fail(502)
    run = make_run(study, endpoint_spec)
    domain.record_completions([done(Held(pk, 0)) for pk in run.cells.values_list("pk", flat=True)[:n_answered]])
    ModelSpec.objects.update(trouble="no", trouble_since=timezone.now() - timedelta(seconds=seconds))
    take_stint(reload_spec(endpoint_spec))
    assert reload(run).state == state


def test_run_page_says_whom_it_waits_for(study: Study, endpoint_spec: ModelSpec, staff_client: Client) -> None:
    run = make_run(study, endpoint_spec)
    page = reverse("llm:run_progress", args=[run.pk])
    assert "Waiting for" not in staff_client.get(page).content.decode()
    trouble.note_trouble(endpoint_spec, "no connection: <refused>")
    assert re.search(
        r"Waiting for served since \d\d:\d\d:\d\d UTC: no connection: &lt;refused&gt;\. One call now and then",
        staff_client.get(page).content.decode(),
    )
    domain.pause_run(run)
    assert "Waiting for" not in staff_client.get(page).content.decode()


def test_run_that_is_begun_has_all_patience(study: Study, endpoint_spec: ModelSpec) -> None:
    ModelSpec.objects.update(trouble="no", trouble_since=timezone.now() - timedelta(days=1))
    make_run(study, endpoint_spec)
    assert (reload_spec(endpoint_spec).trouble, reload_spec(endpoint_spec).trouble_since) == ("", None)


def test_cell_at_which_the_server_hangs_is_given_up_after_six_tries_over_all_stints(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stint has time for one try; the other cells are answered."""
    monkeypatch.setattr(stint, "STINT_SECONDS", 0.2)
    run = make_run(study, endpoint_spec)
    seeds: list[int] = []

    def hang_at_the_first(handler: Handler) -> None:
        seeds.append(model_server.bodies[-1]["seed"])
        (hang if seeds[-1] == seeds[0] else answer())(handler)

    model_server.usual = hang_at_the_first
    while reload(run).state == RunState.RUNNING and len(seeds) < 30:
        spec = reload_spec(endpoint_spec)
        spec.max_in_flight, spec.timeout_s = 1, 1
        take_stint(spec)
        domain.finish_run_if_done(run)
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 11, "error": 1})
    assert Counter(seeds) == dict.fromkeys(seeds, 1) | {seeds[0]: 6}
    hopeless = Cell.objects.get(run=run, state=CellState.ERROR)
    assert list(Attempt.objects.values_list("cell", "message")) == [(hopeless.pk, "no answer within 1 s")] * 6
    assert hopeless.n_failed == 6
