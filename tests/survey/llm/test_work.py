"""The way from a cell to its completion, with `work` called directly and a real HTTP server at the other end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from survey.enums import Choice, OptionOrder
from survey.llm import domain, stint, tasks
from survey.llm.calls import Calls
from survey.llm.enums import PersonaSetting, RunState
from survey.llm.models import Attempt, Cell, Completion, ModelSpec, Run
from survey.llm.providers.simulated import SimulatedProvider
from survey.llm.stint import Stint
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, answer, fail, hang_up, raw
from tests.survey.llm.workers import wait_until

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")


def make_run(study: Study, *specs: ModelSpec) -> Run:
    """Make a running run of 12 cells per model."""
    run = domain.create_alignment_run(study, specs=specs, persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    return run


def ask_all(study: Study, spec: ModelSpec) -> Run:
    run = make_run(study, spec)
    tasks.work(spec.pk)
    return run


def take_stint(spec: ModelSpec) -> bool:
    return Stint(spec, max_in_flight=spec.max_in_flight).work()


def states(run: Run) -> dict[str, int]:
    return dict(Counter(run.cells.values_list("state", flat=True)))


def reload_spec(spec: ModelSpec) -> ModelSpec:
    return ModelSpec.objects.get(pk=spec.pk)


def reload(run: Run) -> Run:
    return Run.objects.select_related("study").get(pk=run.pk)


def test_simulated_run_goes_from_queued_to_done(study: Study, make_spec: MakeSpec) -> None:
    specs = [make_spec("one"), make_spec("two")]
    run = domain.create_alignment_run(study, specs=specs)
    tasks.start_run.delay(run.pk)
    assert states(run) == {"done": run.n_cells}
    assert Completion.objects.filter(is_simulated=True).count() == run.n_cells
    assert reload(run).state == RunState.DONE


def test_completion_holds_request_reply_and_reading(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert states(run) == {"done": 12}
    completion = Completion.objects.select_related("cell__item").filter(
        cell__option_order=OptionOrder.PREFERENCE_FIRST
    )[0]
    assert completion.request in model_server.bodies
    assert completion.cell.item.code in completion.request["messages"][0]["content"]
    assert (completion.text, completion.choice, completion.parse_stage) == ("A", Choice.PREFERENCE, "label")
    assert (completion.p_culture, completion.label_mass) == pytest.approx((0.25, 0.8))
    assert (completion.model_returned, completion.finish_reason) == ("served-model-1", "stop")
    assert (completion.prompt_tokens, completion.completion_tokens) == (120, 1)
    assert completion.request["seed"] == completion.seed
    assert completion.reply["id"] == "c1"
    assert not completion.is_simulated


def test_each_cell_is_asked_its_own_question(study: Study, endpoint_spec: ModelSpec, model_server: ModelServer) -> None:
    run = domain.create_alignment_run(study, specs=[endpoint_spec])
    domain.begin_run(run)
    tasks.work(endpoint_spec.pk)
    assert len({json.dumps(body["messages"]) for body in model_server.bodies}) == run.n_cells
    assert len({body["seed"] for body in model_server.bodies}) == run.n_cells
    assert Completion.objects.values("cell").distinct().count() == run.n_cells


def test_seeds_are_the_same_in_the_next_run(study: Study, endpoint_spec: ModelSpec, model_server: ModelServer) -> None:
    for _ in range(2):
        ask_all(study, endpoint_spec)
    first, second = model_server.bodies[:12], model_server.bodies[12:]
    assert {body["seed"] for body in first} == {body["seed"] for body in second}


def test_no_more_calls_in_flight_than_the_spec_allows(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    ModelSpec.objects.update(max_in_flight=3)
    model_server.usual = answer(delay=0.1)
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert (states(run), model_server.most_in_flight) == ({"done": 12}, 3)


def test_request_fields_of_the_spec_are_sent(study: Study, endpoint_spec: ModelSpec, model_server: ModelServer) -> None:
    ModelSpec.objects.update(parameters={"max_tokens": None, "max_completion_tokens": 9})
    ask_all(study, endpoint_spec)
    assert all("max_tokens" not in body for body in model_server.bodies)
    assert all(body["max_completion_tokens"] == 9 for body in model_server.bodies)


def test_mixed_failures_cost_attempts_but_no_cell(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    model_server.script.extend(
        [fail(429, Retry_After="0"), fail(500), fail(503), hang_up, raw(b'{"choices'), raw(b'{"choices": []}')]
    )
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert states(run) == {"done": 12}
    assert Completion.objects.count() == 12
    found = Counter(Attempt.objects.values_list("error_class", "status_code"))
    assert found == {
        ("RateLimited", 429): 1,
        ("Transient", 500): 1,
        ("Away", 503): 1,
        ("Transient", None): 1,
        ("Transient", 200): 2,
    }
    limited = Attempt.objects.get(status_code=429)
    assert limited.retry_after_s == 0.0
    assert json.loads(limited.body) == {"error": {"message": "no", "code": None}}
    assert limited.latency_ms is not None


def test_bad_request_ends_its_cell_only(study: Study, endpoint_spec: ModelSpec, model_server: ModelServer) -> None:
    model_server.script.append(fail(400, "unsupported parameter"))
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert states(run) == {"done": 11, "error": 1}
    assert Attempt.objects.get().message == "unsupported parameter"


@pytest.mark.parametrize(
    ("behaviour", "state", "stage"),
    [
        (answer("I'm sorry, I can't."), "refused", "refusal"),
        (fail(400, code="content_filter"), "refused", "refusal"),
        (answer("Perhaps."), "unparsed", "unparsed"),
    ],
)
def test_what_is_no_choice_is_kept_as_an_outcome(
    behaviour: Any, state: str, stage: str, study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    model_server.usual = behaviour
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert states(run) == {state: 12}
    assert set(Completion.objects.values_list("choice", "parse_stage")) == {("", stage)}
    assert len(model_server.bodies) == 12


def test_missing_log_probabilities_leave_the_choice(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    model_server.usual = answer("B", logprobs=None)
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert states(run) == {"done": 12}
    assert set(Completion.objects.values_list("p_culture", "label_mass")) == {(None, None)}
    assert set(Completion.objects.values_list("choice", flat=True)) == set(Choice.values)


def test_refused_key_stops_the_run_and_says_what_to_mend(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAL_API_KEY", "sk-old")
    ModelSpec.objects.update(api_key_env="TRIAL_API_KEY", max_in_flight=1)
    model_server.script.extend([answer(), fail(401, "bad key")])
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert states(run) == {"done": 1, "todo": 11}
    assert reload(run).state == RunState.FAILED
    assert reload(run).error == (
        "served: HTTP 401. The endpoint does not accept the key. "
        "The workers read it from TRIAL_API_KEY: put the right one there and restart them. "
        "The endpoint said: bad key. Then resume the run."
    )
    assert len(model_server.bodies) == 2

    domain.resume_run(run)
    tasks.start_run.delay(run.pk)
    assert (states(run), reload(run).state, reload(run).error) == ({"done": 12}, RunState.DONE, "")
    assert Completion.objects.count() == 12


def test_absent_key_stops_the_run_without_a_call(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    ModelSpec.objects.update(api_key_env="ABSENT_API_KEY")
    run = make_run(study, endpoint_spec)
    tasks.work(endpoint_spec.pk)
    assert reload(run).state == RunState.FAILED
    assert "ABSENT_API_KEY" in reload(run).error
    assert (states(run), model_server.bodies) == ({"todo": 12}, [])


def test_run_cancelled_meanwhile_keeps_answers_and_asks_no_more(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancel after the first recorded answer, while the second call is held back until the stop is known."""
    ModelSpec.objects.update(max_in_flight=1)
    monkeypatch.setattr(stint, "FLUSH_SIZE", 1)
    run = make_run(study, endpoint_spec)
    record = domain.record_completions

    def cancel_after(results: Any) -> set[int]:
        ended = record(results)
        if results:
            wait_until(lambda: len(model_server.bodies) > 1)  # the second call is under way by then
            domain.cancel_run(run)
        return ended

    def wait_for_cancel(handler: Any) -> None:
        model_server.released.wait(20)
        answer()(handler)

    stop = Calls.stop

    def stop_and_release(calls: Calls) -> None:
        stop(calls)
        model_server.released.set()

    monkeypatch.setattr(domain, "record_completions", cancel_after)
    monkeypatch.setattr(Calls, "stop", stop_and_release)
    model_server.script.extend([answer(), wait_for_cancel])
    tasks.work(endpoint_spec.pk)
    domain.close_cancelled_cells()
    assert states(run) == {"done": 2, "cancelled": 10}
    assert len(model_server.bodies) == 2
    assert reload(run).state == RunState.CANCELLED


def test_stint_holds_few_cells_of_a_slow_model_and_two_for_each_call_of_a_wide_one(
    study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    lease = domain.lease_cells

    def note(run: Run, spec: ModelSpec, n: int, most: Any) -> list[Cell]:
        asked.append(n)
        return lease(run, spec, n, most)

    monkeypatch.setattr(domain, "lease_cells", note)
    for tag, max_in_flight in (("slow", 1), ("usual", 20), ("wide", 500)):
        make_run(study, spec := make_spec(tag, max_in_flight=max_in_flight))
        asked.clear()
        take_stint(spec)
        assert (tag, asked[0]) == (tag, {"slow": 10, "usual": 200, "wide": 1000}[tag])


def test_stint_that_takes_long_renews_what_it_still_holds(
    study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[int] = []
    monkeypatch.setattr(stint, "RENEW_SECONDS", -1)
    monkeypatch.setattr(stint, "FLUSH_SIZE", 5)
    monkeypatch.setattr(stint, "FLUSH_SECONDS", 60)
    monkeypatch.setattr(domain, "renew_leases", lambda held: renewed.append(len(held)))
    make_run(study, spec := make_spec())
    take_stint(spec)
    assert renewed == [7, 2, 0]


def test_stint_whose_time_is_over_gives_back_what_it_has_not_asked(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ModelSpec.objects.update(max_in_flight=1)
    model_server.usual = answer(delay=0.4)
    monkeypatch.setattr(stint, "STINT_SECONDS", 1)
    monkeypatch.setattr(stint, "FLUSH_SECONDS", 0.01)
    run = make_run(study, endpoint_spec)
    assert take_stint(reload_spec(endpoint_spec)) is True
    found = states(run)
    assert set(found) == {"done", "todo"}
    assert found["done"] == len(model_server.bodies) < 6


def test_worker_that_is_asked_to_leave_ends_its_stint(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    run = make_run(study, endpoint_spec)
    tasks.leave()
    try:
        assert take_stint(endpoint_spec) is True
    finally:
        stint.leaving.clear()
    assert (states(run), model_server.bodies) == ({"todo": 12}, [])


def test_crash_inside_a_stint_gives_its_cells_back(
    study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec()
    run = make_run(study, spec)

    async def crash(provider: SimulatedProvider, request: Any) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(SimulatedProvider, "complete", crash)
    with pytest.raises(KeyError, match="bug"):
        tasks.work(spec.pk)
    assert states(run) == {"todo": 12}


def test_stint_takes_the_same_queries_for_few_and_many_cells(study: Study, make_spec: MakeSpec) -> None:
    few, many = make_spec("few"), make_spec("many")
    run = make_run(study, few, many)
    Cell.objects.filter(pk__in=list(run.cells.filter(spec=few).values_list("pk", flat=True)[:9])).delete()
    counts = []
    for spec in (few, many):
        with CaptureQueriesContext(connection) as captured:
            take_stint(spec)
        statements = (query["sql"].split()[0] for query in captured if "llm_completion" in query["sql"])
        counts.append(Counter(statements))
    assert counts[0] == counts[1] == {"INSERT": 1}
