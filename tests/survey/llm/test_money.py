"""Runs that are paused, and runs that may cost no more than so much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from survey.llm import domain, tasks
from survey.llm.design import alignment
from survey.llm.enums import CellState, PersonaSetting, RunState
from survey.llm.experiment import Experiment
from survey.llm.models import Completion, ModelPrice, ModelSpec, Run
from survey.models import Study
from tests.survey.llm.test_work import reload, states

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")


def priced_run(study: Study, spec: ModelSpec, budget: str | None) -> Run:
    """Make a running run of 12 cells at a dollar for a thousand tokens, whether of prompts or answers."""
    thousand = Decimal(1000)
    ModelPrice.objects.get_or_create(
        spec=spec,
        valid_from=date(2020, 1, 1),
        defaults={"prompt_per_million": thousand, "completion_per_million": thousand},
    )
    design = alignment([], [PersonaSetting.NO_PERSONA])
    experiment = Experiment(study, design, [spec], list(study.version.items.order_by("code")))
    run = domain.create_run(experiment, budget=None if budget is None else Decimal(budget))
    domain.begin_run(run)
    return run


def test_answers_are_charged_to_their_run_to_the_last_digit(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec("one")
    run = priced_run(study, spec, None)
    tasks.work(spec.pk)
    completions = Completion.objects.filter(cell__run=run)
    tokens = completions.aggregate(n=Sum("prompt_tokens") + Sum("completion_tokens"))["n"]
    assert tokens > 0
    assert reload(run).spent == Decimal(tokens) / 1000 == completions.aggregate(n=Sum("cost"))["n"]
    assert reload(run).state == RunState.DONE


def test_answers_without_a_price_cost_nothing_that_is_known(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec("one")
    run = domain.create_alignment_run(study, specs=[spec], persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    tasks.work(spec.pk)
    assert set(Completion.objects.values_list("cost", flat=True)) == {None}
    assert reload(run).spent == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_run_stops_within_its_budget_and_goes_on_when_it_is_raised(
    study: Study, make_spec: MakeSpec, share: float
) -> None:
    spec = make_spec("one")
    whole = priced_run(study, spec, None)
    tasks.work(spec.pk)
    budget = (reload(whole).spent * Decimal(str(share))).quantize(Decimal("0.01"))
    run = priced_run(study, spec, str(budget))
    for _ in range(12):  # as the sweep would, as long as it runs
        if reload(run).state == RunState.RUNNING:
            tasks.work(spec.pk)
    stopped = reload(run)
    assert (stopped.state, stopped.spent <= budget) == (RunState.PAUSED, True)
    assert "has room for no further call" in stopped.error
    assert set(states(run)) <= {"todo", "done"}
    assert (states(run).get("done", 0) > 0) == (share > 0)
    domain.change_budget(run, reload(whole).spent * 2)
    assert domain.resume_run(run)
    tasks.start_run.delay(run.pk)
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 12})
    assert reload(run).spent == reload(whole).spent


def test_what_others_have_in_flight_counts_as_spent(study: Study, make_spec: MakeSpec) -> None:
    run = priced_run(study, make_spec("one"), "10")
    assert domain.affordable(run, Decimal(1)) == 10
    run.cells.filter(pk__in=list(run.cells.values_list("pk", flat=True)[:4])).update(state=CellState.LEASED)
    assert domain.affordable(run, Decimal(1)) == 6
    Run.objects.update(spent=9)
    assert domain.affordable(run, Decimal(1)) == 0


def test_budget_without_a_price_is_refused(study: Study, make_spec: MakeSpec) -> None:
    run = domain.create_alignment_run(study, specs=[make_spec("one")])
    with pytest.raises(ValueError, match="needs a price"):
        domain.change_budget(run, Decimal(1))


def test_paused_run_asks_nothing_until_it_is_resumed(study: Study, make_spec: MakeSpec, admin_client: Client) -> None:
    spec = make_spec("one")
    run = priced_run(study, spec, None)
    page = admin_client.post(reverse("llm:run_pause", args=[run.pk]), follow=True).content.decode()
    assert "The run is paused." in page
    assert "Resume" in page
    tasks.work(spec.pk)
    tasks.sweep()
    assert (reload(run).state, states(run)) == (RunState.PAUSED, {"todo": 12})
    assert (
        "was not under way" in admin_client.post(reverse("llm:run_pause", args=[run.pk]), follow=True).content.decode()
    )
    admin_client.post(reverse("llm:run_resume", args=[run.pk]))
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 12})


def test_paused_run_can_be_cancelled(study: Study, make_spec: MakeSpec) -> None:
    run = priced_run(study, make_spec("one"), None)
    assert domain.pause_run(run)
    assert domain.cancel_run(run)
    assert states(run) == {"cancelled": 12}


def test_budget_is_changed_on_the_page(study: Study, make_spec: MakeSpec, admin_client: Client) -> None:
    run = priced_run(study, make_spec("one"), "5")
    address = reverse("llm:run_budget", args=[run.pk])
    assert "Nothing changed" in admin_client.post(address, {"budget": "-1"}, follow=True).content.decode()
    assert reload(run).budget == 5
    assert "of 7.50 USD" in admin_client.post(address, {"budget": "7.5"}, follow=True).content.decode()
    admin_client.post(address, {"budget": ""})
    assert reload(run).budget is None
