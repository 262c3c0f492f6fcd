"""A model whose endpoint fails as a whole stops alone: its run goes on with the others, then says what is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analysis.alarms.kinds import STANDARD, Kind
from analysis.alarms.looking import _of_runs
from survey.llm import domain, stint, tasks, trouble
from survey.llm.domain import Held
from survey.llm.enums import RunState
from survey.llm.models import Completion, ModelPrice, ModelSpec, ModelStop, Run
from survey.llm.queries import idle_specs, next_run
from survey.llm.terminal import stop_lines
from survey.llm.watching import stand
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, answer, fail
from tests.survey.llm.test_domain import done
from tests.survey.llm.test_work import make_run, reload, states

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")
NO_KEY = "served: the key is refused. Then resume the run."


@pytest.fixture
def run(study: Study, endpoint_spec: ModelSpec, make_spec: MakeSpec) -> Run:
    """A running run of 12 cells for a model behind a server and 12 for a simulated one."""
    return make_run(study, endpoint_spec, make_spec("other"))


def cells(run: Run, tag: str) -> dict[str, int]:
    found = run.cells.filter(spec__tag=tag).values_list("state", flat=True)
    return {state: list(found).count(state) for state in sorted(set(found))}


def work(tag: str) -> None:
    tasks.work(ModelSpec.objects.get(tag=tag).pk)


def stop(run: Run, tag: str = "served", reason: str = NO_KEY) -> None:
    trouble.stop_model(run, ModelSpec.objects.get(tag=tag), reason)


@pytest.mark.parametrize("status", [401, 503])
def test_model_that_fails_stops_alone_and_goes_on_once_it_is_mended(
    run: Run, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(stint, "FIRST_PATIENCE_S", 0.2)
    model_server.usual = fail(status, "not now")
    work("served")
    assert (reload(run).state, reload(run).error) == (RunState.RUNNING, "")
    assert (cells(run, "served"), cells(run, "other")) == ({"todo": 12}, {"todo": 12})
    n_calls = len(model_server.bodies)
    work("served")
    tasks.sweep()  # nobody asks it again by himself; the other one is asked
    assert len(model_server.bodies) == n_calls
    assert (cells(run, "served"), cells(run, "other")) == ({"todo": 12}, {"done": 12})
    assert reload(run).state == RunState.FAILED
    assert reload(run).error.startswith("Left to ask: 12 of served. served")
    assert reload(run).error.endswith("Then resume the run.")

    model_server.usual = answer()
    assert domain.resume_run(run)
    tasks.start_run.delay(run.pk)
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 24})
    assert not ModelStop.objects.exists()
    assert Completion.objects.count() == 24


def test_run_whose_models_have_all_stopped_stops_with_every_reason(run: Run) -> None:
    stop(run)
    stop(run)  # another seat of it saw the same
    assert reload(run).state == RunState.RUNNING
    stop(run, "other", "other: no credit. Then resume the run.")
    assert reload(run).state == RunState.FAILED
    assert reload(run).error == (
        "Left to ask: 12 of other, 12 of served. other: no credit. Then resume the run. "
        "served: the key is refused. Then resume the run."
    )


def test_model_that_stops_after_the_others_are_done_stops_the_run(run: Run) -> None:
    work("other")
    assert reload(run).state == RunState.RUNNING
    stop(run)
    assert reload(run).state == RunState.FAILED


def test_run_goes_on_where_a_model_that_fails_has_nothing_left_to_ask(run: Run) -> None:
    held = run.cells.filter(spec__tag="served").values_list("pk", flat=True)
    domain.record_completions([done(Held(pk, 0)) for pk in held])
    stop(run)
    assert (reload(run).state, ModelStop.objects.count()) == (RunState.RUNNING, 0)


def test_answers_in_flight_to_a_stopped_model_are_taken_and_end_the_run(run: Run) -> None:
    leased = domain.lease_cells(run, ModelSpec.objects.get(tag="served"), 12)
    stop(run)
    domain.record_completions([done(Held(cell.pk, cell.n_leases)) for cell in leased])
    work("other")
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 24})


def test_another_run_still_asks_the_model(run: Run, study: Study) -> None:
    served = ModelSpec.objects.get(tag="served")
    stop(run)
    assert next_run(served.pk, after=0) is None
    assert idle_specs(run) == [ModelSpec.objects.get(tag="other").pk]
    second = make_run(study, served)
    assert next_run(served.pk, after=0) == second.pk


def test_running_run_is_resumed_where_a_model_has_stopped(run: Run, study: Study, staff_client: Client) -> None:
    assert not domain.resume_run(run)
    stop(run)
    staff_client.post(reverse("llm:run_resume", args=[run.pk]))
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 24})


def test_budget_without_room_for_those_still_asked_pauses_the_run(run: Run) -> None:
    """The stopped one would have been cheaper."""
    for tag, price in (("served", "0.01"), ("other", "999999")):
        ModelPrice.objects.create(
            spec=ModelSpec.objects.get(tag=tag), valid_from=timezone.now().date() - timedelta(days=1),
            prompt_per_million=Decimal(price), completion_per_million=Decimal(price), currency="USD",
        )  # fmt: skip
    Run.objects.update(budget=Decimal("0.01"), currency="USD")
    stop(run)
    work("other")
    assert reload(run).state == RunState.PAUSED
    assert "had no room for a further call" in reload(run).error


def test_page_says_which_model_is_asked_no_more_and_offers_to_resume(run: Run, staff_client: Client) -> None:
    page = reverse("llm:run", args=[run.pk])
    assert 'id="resume"' not in staff_client.get(page).content.decode()
    stop(run, reason="served: <refused>. Then resume the run.")
    shown = staff_client.get(page).content.decode()
    assert (
        "served is asked no more; 12 questions to it are left, other models go on. "
        "served: &lt;refused&gt;. Then resume the run.</p>"
    ) in shown
    assert 'id="resume"' in shown
    work("other")
    shown = staff_client.get(page).content.decode()
    assert "is asked no more" not in shown
    assert "Left to ask: 12 of served. served: &lt;refused&gt;." in shown


def test_resumed_run_that_waits_for_a_worker_offers_nothing_more_to_mend(run: Run, staff_client: Client) -> None:
    stop(run)
    assert domain.resume_run(run)
    shown = staff_client.get(reverse("llm:run", args=[run.pk])).content.decode()
    assert "waits for a worker" in shown
    assert "is asked no more" not in shown
    assert 'id="resume"' not in shown


def test_time_left_is_that_of_the_models_still_asked(run: Run) -> None:
    stop(run)
    found = stand(reload(run))
    assert [(m.spec.tag, m.stopped, m.left) for m in found.stopped] == [("served", NO_KEY, None)]


def test_api_names_the_stopped_models(run: Run, staff_client: Client) -> None:
    address = f"/api/runs/{run.pk}/"
    assert staff_client.get(address).json()["stopped"] == {}
    stop(run)
    assert staff_client.get(address).json()["stopped"] == {"served": NO_KEY}
    assert staff_client.post(f"{address}resume/").json()["stopped"] == {}


def test_terminal_says_it_at_once_and_at_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stop(run)
    told = f"served is asked no more, 12 questions to it are left: {NO_KEY} In a terminal: "
    told += f"run_llm --run {run.pk} --resume."
    assert list(stop_lines(stand(reload(run)))) == [told]
    monkeypatch.setattr("time.sleep", lambda seconds: work("other"))
    out = StringIO()
    with pytest.raises(CommandError, match=r"was stopped: Left to ask: 12 of served\. served: the key is refused\."):
        call_command("run_llm", "--run", str(run.pk), "--wait", stdout=out)
    assert out.getvalue().count(told) == 1
    assert "served has stopped" in out.getvalue()


def test_stopped_model_rings_the_alarm(run: Run, study: Study) -> None:
    def found() -> list[str]:
        return [one.text for one in _of_runs(study, timezone.now(), STANDARD) if one.kind == Kind.RUN_STOPPED]

    assert found() == []
    stop(run)
    assert found() == [f"Run {run.pk}: {NO_KEY}"]
