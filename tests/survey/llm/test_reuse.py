"""Runs that take answers which earlier runs got to the very same calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analysis.columns import COMPLETIONS
from analysis.extract import Selection
from analysis.frames import extract
from survey.llm import domain, preview, tasks
from survey.llm.design import Design
from survey.llm.enums import Again, Method, RunState
from survey.llm.experiment import Experiment
from survey.llm.models import Completion, ModelSpec, Run
from survey.llm.stint import Stint
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, answer, fail
from tests.survey.llm.test_money import add_price
from tests.survey.llm.test_work import reload, states

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")
SAMPLED = Design(methods=(Method.SAMPLE,), n_samples=2)  # 24 cells


def experiment(study: Study, spec: ModelSpec, design: Design = SAMPLED) -> Experiment:
    return Experiment(study, design, [spec], list(study.version.items.order_by("code")))


def conduct(study: Study, spec: ModelSpec, *, reuses: bool, design: Design = SAMPLED, budget: str | None = None) -> Run:
    limit = None if budget is None else Decimal(budget)
    run = domain.create_run(experiment(study, spec, design), reuses_answers=reuses, budget=limit)
    tasks.start_run.delay(run.pk)
    return reload(run)


def test_run_that_takes_answers_makes_no_call_and_pays_nothing(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    add_price(endpoint_spec)
    first = conduct(study, endpoint_spec, reuses=False)
    n_calls = len(model_server.bodies)
    second = conduct(study, endpoint_spec, reuses=True, budget="0")
    assert (second.state, states(second)) == (RunState.DONE, {"done": 24})
    assert second.spent == 0
    assert (n_calls, len(model_server.bodies)) == (24, 24)
    for copy in Completion.objects.filter(cell__run=second).select_related("cached_from__cell", "cell"):
        source = copy.cached_from
        assert source is not None
        assert source.cell.run_id == first.pk
        assert (source.cell.item_id, source.cell.repeat) == (copy.cell.item_id, copy.cell.repeat)
        same = ("request", "request_hash", "reply", "text", "choice", "seed", "prompt_tokens", "latency_ms")
        assert [getattr(copy, name) for name in same] == [getattr(source, name) for name in same]
        assert copy.cost == 0


def test_run_asks_afresh_unless_told_otherwise(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    conduct(study, endpoint_spec, reuses=False)
    conduct(study, endpoint_spec, reuses=False)
    assert len(model_server.bodies) == 48
    assert not Completion.objects.exclude(cached_from=None).exists()


def test_only_the_same_call_is_taken_and_copies_name_the_original(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    """A third sample was never drawn; other settings make another call."""
    first = conduct(study, endpoint_spec, reuses=False)
    conduct(study, endpoint_spec, reuses=True, design=replace(SAMPLED, n_samples=3))
    assert len(model_server.bodies) == 24 + 12
    conduct(study, endpoint_spec, reuses=True)
    copies = Completion.objects.exclude(cached_from=None)
    assert set(copies.values_list("cached_from__cell__run", flat=True)) == {first.pk}
    ModelSpec.objects.update(parameters={"max_tokens": 9})
    conduct(study, ModelSpec.objects.get(), reuses=True)
    assert len(model_server.bodies) == 24 + 12 + 24


def test_errors_are_asked_and_refusals_taken_unless_set_aside(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    ModelSpec.objects.update(max_in_flight=1)
    model_server.script.extend([fail(400, "no"), answer("I'm sorry, I can't."), fail(400, code="content_filter")])
    first = conduct(study, ModelSpec.objects.get(), reuses=False)
    assert states(first) == {"error": 1, "refused": 2, "done": 21}
    second = conduct(study, ModelSpec.objects.get(), reuses=True)
    assert states(second) == {"refused": 2, "done": 22}
    assert len(model_server.bodies) == 24 + 1
    pairs = Completion.objects.filter(cell__run=second, parse_stage="refusal").values_list(
        "finish_reason", "cached_from__finish_reason"
    )
    assert set(pairs) == {("stop", "stop"), ("content_filter", "content_filter")}
    domain.ask_again(first, [Again.REFUSALS])
    tasks.start_run.delay(first.pk)
    third = conduct(study, ModelSpec.objects.get(), reuses=True)
    assert states(third) == {"done": 24}
    assert len(model_server.bodies) == 24 + 1 + 2 + 2  # a first asking is never answered by a second one


def test_answers_are_looked_up_once_for_all_leased_cells(study: Study, make_spec: MakeSpec) -> None:
    few, many = make_spec("few"), make_spec("many")
    counts = []
    for spec, n_samples in ((few, 1), (many, 8)):
        design = replace(SAMPLED, n_samples=n_samples)
        conduct(study, spec, reuses=False, design=design)
        run = domain.create_run(experiment(study, spec, design), reuses_answers=True)
        domain.begin_run(run)
        with CaptureQueriesContext(connection) as captured:
            Stint(spec, max_in_flight=100).work()
        assert states(run) == {"done": 12 * n_samples}
        statements = (query["sql"].split()[0] for query in captured if "llm_completion" in query["sql"])
        counts.append(Counter(statements))
    assert counts[0] == counts[1] == {"SELECT": 1, "INSERT": 1}


@pytest.mark.parametrize("most", [5_000, 10])
def test_preview_tells_how_many_calls_are_saved(
    study: Study, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(preview, "MOST_LOOKED_UP", most)
    spec = make_spec()
    asked = experiment(study, spec)
    assert preview.preview(asked).savings is None
    found = preview.preview(asked, reuses_answers=True).savings
    assert found == preview.Savings(0, most > 24)
    conduct(study, spec, reuses=False, design=replace(SAMPLED, n_samples=1))
    found = preview.preview(asked, reuses_answers=True).savings
    assert found is not None
    assert found.n_calls == 12 if most > 24 else found.n_calls in range(8, 17)


def test_choice_is_made_where_a_run_is_set_up_and_bound_to_its_preview(
    study: Study, make_spec: MakeSpec, admin_client: Client
) -> None:
    spec = make_spec("one")
    conduct(study, spec, reuses=False, design=Design())
    fields = {
        "study": "trial", "kind": "alignment", "specs": ["one"], "questions": ["personal", "norm"],
        "respondents": ["nobody"], "methods": ["first_token"], "n_samples": 1, "n_repeats": 1, "locales": ["source"],
        "conditions": ["no_balance"], "paraphrases": [1], "preference_configs": ["actor_pref_only"],
        "demographic_configs": ["no_demo"],
    }  # fmt: skip
    address = reverse("llm:run_new")
    page = admin_client.post(address, {**fields, "reuses_answers": "on"}).content.decode()
    assert "<strong>12</strong> of these calls have been answered in earlier runs" in page
    token = page.split('name="start" value="')[1].split('"')[0]
    other = admin_client.post(address, {**fields, "start": token}).content.decode()
    assert "is not the one that was previewed" in other
    admin_client.post(address, {**fields, "reuses_answers": "on", "start": token})
    run = Run.objects.latest("pk")
    assert run.reuses_answers
    page = admin_client.get(reverse("llm:run", args=[run.pk])).content.decode()
    assert "earlier runs got to the same calls are taken" in page


def test_taken_answers_are_shown_as_such(study: Study, make_spec: MakeSpec, admin_client: Client) -> None:
    spec = make_spec("one")
    first, second = conduct(study, spec, reuses=False), conduct(study, spec, reuses=True)
    copy = Completion.objects.filter(cell__run=second).first()
    assert copy
    page = admin_client.get(reverse("llm:completion", args=[copy.pk])).content.decode()
    assert f"of run {first.pk}," in page
    assert "no call was made" in page
    page = admin_client.get(reverse("llm:completions"), {"is_taken": "true"}).content.decode()
    assert page.count("(taken)") == 24
    frame = extract(COMPLETIONS, study, Selection()).frame
    by_run = frame.groupby("run")["taken_from_run"].agg(set)
    assert by_run[second.pk] == {first.pk}
    assert frame.loc[frame["run"] == first.pk, "taken_from_run"].isna().all()


def test_taken_answers_do_not_prove_that_an_endpoint_answers(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    conduct(study, endpoint_spec, reuses=False)
    run = domain.create_run(experiment(study, endpoint_spec, replace(SAMPLED, n_samples=3)), reuses_answers=True)
    domain.begin_run(run)
    model_server.usual = fail(400, "unsupported parameter")
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.FAILED, {"done": 24, "todo": 12})
    assert "took none of 10 requests in a row" in reload(run).error
