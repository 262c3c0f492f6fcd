"""Runs that are paused, and runs that may cost no more than so much."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from survey.llm import domain, tasks
from survey.llm.design import alignment
from survey.llm.domain import Held
from survey.llm.enums import CellState, PersonaSetting, RunState
from survey.llm.experiment import Experiment, alignment_experiment
from survey.llm.models import Cell, Completion, ModelPrice, ModelSpec, Run
from survey.llm.preview import preview
from survey.llm.pricing import in_words, most_tokens
from survey.llm.prompts import Ask
from survey.llm.stint import Stint
from survey.llm.wire import request_body
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, completion, raw
from tests.survey.llm.test_domain import done
from tests.survey.llm.test_work import reload, states

MakeSpec = Callable[..., ModelSpec]
pytestmark = pytest.mark.usefixtures("no_waiting", "in_process")


def add_price(spec: ModelSpec) -> None:
    """Price a model at a dollar for a thousand tokens, whether of prompts or answers."""
    thousand = Decimal(1000)
    ModelPrice.objects.get_or_create(
        spec=spec,
        valid_from=date(2020, 1, 1),
        defaults={"prompt_per_million": thousand, "completion_per_million": thousand},
    )


def priced_run(study: Study, spec: ModelSpec, budget: str | None, *others: ModelSpec, n_repeats: int = 1) -> Run:
    """Make a running run of 12 cells a model and repetition, each priced."""
    for each in (spec, *others):
        add_price(each)
    design = replace(alignment([], [PersonaSetting.NO_PERSONA]), n_repeats=n_repeats)
    experiment = Experiment(study, design, [spec, *others], list(study.version.items.order_by("code")))
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


@pytest.mark.parametrize("share", [0.0, 0.8, 0.95])
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
    assert "had no room for a further call" in stopped.error
    assert set(states(run)) <= {"todo", "done"}
    assert (states(run).get("done", 0) > 0) == (share > 0)
    domain.change_budget(run, reload(whole).spent * 2)
    assert domain.resume_run(run)
    tasks.start_run.delay(run.pk)
    assert (reload(run).state, states(run)) == (RunState.DONE, {"done": 12})
    assert reload(run).spent == reload(whole).spent


def at(amount: str) -> Callable[[Sequence[Cell]], list[Decimal]]:
    """Price every call the same."""
    return lambda cells: [Decimal(amount)] * len(cells)


def test_what_is_in_flight_counts_as_spent_at_its_own_price(study: Study, make_spec: MakeSpec) -> None:
    cheap, dear = make_spec("cheap"), make_spec("dear")
    run = priced_run(study, cheap, "10", dear)
    assert len(domain.lease_cells(run, dear, 2, at("3"))) == 2
    assert len(domain.lease_cells(run, cheap, 12, at("0.5"))) == 8
    assert domain.lease_cells(run, dear, 12, at("3")) == []
    assert domain.lease_cells(run, cheap, 12, at("0.5")) == []
    assert reload(run).state == RunState.RUNNING  # what is in flight may cost less than was taken for it


def test_what_is_given_back_or_lost_is_room_again(study: Study, make_spec: MakeSpec) -> None:
    run = priced_run(study, spec := make_spec("one"), "10")
    first = domain.lease_cells(run, spec, 12, at("5"))
    domain.release_cells([Held(first[0].pk, 1)])
    assert len(domain.lease_cells(run, spec, 12, at("5"))) == 1
    run.cells.filter(state=CellState.LEASED).update(lease_until=timezone.now() - timedelta(seconds=1))
    domain.free_expired_leases()
    assert len(domain.lease_cells(run, spec, 12, at("5"))) == 2


def test_answer_frees_what_was_taken_for_it_beyond_its_cost(study: Study, make_spec: MakeSpec) -> None:
    run = priced_run(study, spec := make_spec("one"), "10")
    [cell] = domain.lease_cells(run, spec, 1, at("10"))
    result = done(Held(cell.pk, 1))
    assert result.completion
    result.completion.cost = Decimal("0.25")
    domain.record_completions([result])
    assert reload(run).spent == Decimal("0.25")
    assert len(domain.lease_cells(run, spec, 12, at("3.25"))) == 3


def test_run_without_room_pauses_when_nothing_is_in_flight_and_takes_what_costs_nothing(
    study: Study, make_spec: MakeSpec
) -> None:
    run = priced_run(study, spec := make_spec("one"), "10")
    assert len(domain.lease_cells(run, spec, 3, lambda cells: [Decimal(11), Decimal(0), Decimal(1)])) == 1
    assert domain.lease_cells(run, spec, 12, at("10.01")) == []
    assert not domain.pause_without_room(run, Decimal("10.01"))  # one is in flight
    domain.release_cells(Held(cell.pk, 1) for cell in run.cells.all())
    assert not domain.pause_without_room(run, Decimal(10))
    assert domain.pause_without_room(run, Decimal("10.01"))
    told = (
        "The budget of 10.00 USD had no room for a further call: 10.00 is left, and the next call may cost up to 10.01."
    )
    assert told in reload(run).error
    assert reload(run).state == RunState.PAUSED
    domain.change_budget(run, Decimal(20))
    assert (reload(run).state, reload(run).error) == (RunState.PAUSED, "")  # what was said of the old budget is over


@pytest.mark.parametrize(
    ("amount", "told"),
    [("0", "0.00"), ("12.3456", "12.35"), ("0.01", "0.01"), ("0.0098", "0.0098"), ("0.00012345", "0.00012")],
)
def test_amount_below_a_cent_is_not_told_as_nothing(amount: str, told: str) -> None:
    assert in_words(Decimal(amount)) == told


def test_preview_says_that_the_budget_will_not_do(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec("one")
    priced_run(study, spec, None)
    experiment = alignment_experiment(study, [spec], [PersonaSetting.NO_PERSONA])
    (amount,) = preview(experiment).totals.values()
    assert not any("budget" in warning for warning in preview(experiment, budget=amount).warnings)
    told = preview(experiment, budget=Decimal("0.0001")).warnings[0]
    assert told.startswith("The estimate of")
    assert "is above the budget of 0.00010 USD: the run will pause" in told


def test_model_that_is_too_dear_leaves_the_budget_to_the_others(study: Study, make_spec: MakeSpec) -> None:
    cheap, dear = make_spec("cheap"), make_spec("dear")
    run = priced_run(study, cheap, "8", dear)
    ModelPrice.objects.filter(spec=dear).update(prompt_per_million=100_000, completion_per_million=100_000)
    tasks.work(dear.pk)
    assert (reload(run).state, states(run)) == (RunState.RUNNING, {"todo": 24})
    tasks.work(cheap.pk)
    assert (reload(run).state, states(run)) == (RunState.RUNNING, {"todo": 12, "done": 12})
    tasks.work(dear.pk)
    assert (reload(run).state, states(run)) == (RunState.PAUSED, {"todo": 12, "done": 12})


def test_budget_set_under_way_holds_from_the_next_lease_on(study: Study, make_spec: MakeSpec) -> None:
    run = priced_run(study, spec := make_spec("one"), None)
    assert len(domain.lease_cells(run, spec, 6, at("1"))) == 6
    domain.change_budget(run, Decimal(8))
    assert len(domain.lease_cells(run, spec, 6, at("1"))) == 2


@pytest.mark.django_db(transaction=True)
def test_lease_waits_for_another_that_is_taking_room(study: Study, make_spec: MakeSpec) -> None:
    run = priced_run(study, spec := make_spec("one"), "10")

    def lease() -> int:
        try:
            return len(domain.lease_cells(reload(run), spec, 2, at("4")))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as executor:
        with transaction.atomic():
            first = len(domain.lease_cells(run, spec, 2, at("4")))
            second = executor.submit(lease)
            with pytest.raises(TimeoutError):
                second.result(0.3)
        assert (first, second.result(30)) == (2, 0)


@pytest.mark.django_db(transaction=True)
def test_seats_and_models_of_different_prices_never_pass_the_budget(study: Study, make_spec: MakeSpec) -> None:
    """Four workers at once, two a model, many rounds: the database itself refuses a run that has spent too much."""
    specs = [make_spec(tag, max_in_flight=3, parameters={"latency_ms": 2}) for tag in ("cheap", "dear")]
    budget = Decimal("12")
    run = priced_run(study, specs[0], str(budget), specs[1], n_repeats=6)
    ModelPrice.objects.filter(spec=specs[1]).update(prompt_per_million=7000, completion_per_million=7000)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE llm_run ADD CONSTRAINT never_passed CHECK (spent <= budget)")
    try:
        rounds = 0
        while reload(run).state == RunState.RUNNING and (rounds := rounds + 1) < 50:
            with ThreadPoolExecutor(4) as executor:
                list(executor.map(stint_in_a_thread, [spec.pk for spec in specs * 2]))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE llm_run DROP CONSTRAINT never_passed")
    stopped = reload(run)
    assert (stopped.state, set(states(run))) == (RunState.PAUSED, {"todo", "done"})
    assert budget * Decimal("0.5") < stopped.spent <= budget
    assert stopped.spent == Completion.objects.aggregate(n=Sum("cost"))["n"]


def stint_in_a_thread(spec_id: int) -> None:
    try:
        spec = ModelSpec.objects.get(pk=spec_id)
        Stint(spec, max_in_flight=3).work()
    finally:
        connection.close()


def test_run_without_room_does_not_hold_up_the_other_runs_of_its_model(study: Study, make_spec: MakeSpec) -> None:
    spec = make_spec("one")
    poor, rich = priced_run(study, spec, "0.0001"), priced_run(study, spec, None)
    Stint(spec, max_in_flight=8).work()
    assert (reload(poor).state, states(poor)) == (RunState.PAUSED, {"todo": 12})
    assert states(rich) == {"done": 12}


def test_answers_that_were_not_counted_are_charged_at_the_most(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    body = {**completion(), "usage": None}
    model_server.usual = raw(json.dumps(body).encode())
    run = priced_run(study, endpoint_spec, "3")
    tasks.work(endpoint_spec.pk)
    costs = Completion.objects.values_list("cost", "request")
    assert len(costs) > 0
    for cost_of, request in costs:
        assert cost_of == Decimal(sum(most_tokens(request))) / 1000
    assert 1 < reload(run).spent <= 3


def test_endpoint_that_counts_more_than_thought_possible_is_believed_from_then_on(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer
) -> None:
    """The budget is passed by no more than what was in flight when the first such answer came."""
    ModelSpec.objects.update(max_in_flight=1)
    body = {**completion(), "usage": {"prompt_tokens": 10_000, "completion_tokens": 1}}
    model_server.usual = raw(json.dumps(body).encode())
    run = priced_run(study, endpoint_spec, "35")
    Stint(ModelSpec.objects.get(), max_in_flight=1).work()
    factor = ModelSpec.objects.get().overcount
    request = Completion.objects.latest("pk").request
    assert 8 < factor < 20
    assert most_tokens(request, factor).prompt in range(9_000, 11_000)
    assert reload(run).spent <= 10 * Decimal("10.001")  # ten were held


@pytest.mark.parametrize("rules", [{"max_tokens": None}, {"max_tokens": None, "max_completion_tokens": None}])
def test_budget_needs_answers_of_limited_length(study: Study, endpoint_spec: ModelSpec, rules: Any) -> None:
    run = priced_run(study, endpoint_spec, None)
    ModelSpec.objects.update(parameters=rules)
    with pytest.raises(ValueError, match="set max_tokens for served"):
        domain.change_budget(run, Decimal(1))
    Run.objects.update(budget=1)
    tasks.work(endpoint_spec.pk)
    assert (reload(run).state, states(run)) == (RunState.PAUSED, {"todo": 12})
    assert "set max_tokens for served" in reload(run).error


def test_price_in_another_currency_stops_the_count(study: Study, make_spec: MakeSpec) -> None:
    run = priced_run(study, spec := make_spec("one"), None)
    ModelPrice.objects.update(currency="EUR")
    tasks.work(spec.pk)
    assert "priced in EUR by now, the run counts USD" in reload(run).error
    assert states(run) == {"todo": 12}


def test_run_made_before_there_was_a_price_takes_its_currency(study: Study, make_spec: MakeSpec) -> None:
    run = domain.create_alignment_run(study, specs=[spec := make_spec("one")], persona=[PersonaSetting.NO_PERSONA])
    domain.begin_run(run)
    add_price(spec)
    domain.change_budget(run, Decimal(100))
    tasks.work(spec.pk)
    assert (reload(run).currency, reload(run).spent > 0) == ("USD", True)


@pytest.mark.parametrize("locale", ["hi-IN", "pt-BR", "en-US"])
def test_most_tokens_are_the_bytes_of_what_is_sent_whatever_the_script(
    locale: str, make_ask: Callable[..., Ask]
) -> None:
    body = request_body(make_ask(locale=locale), "m", seed=1, changes={})
    prompt = body["messages"][0]["content"]
    most = most_tokens(body)
    assert len(prompt.encode()) < most.prompt < len(prompt.encode()) + 400
    assert most.completion == 16
    assert most_tokens(body, 1.5).completion == 24


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
    assert "of 7.50" in admin_client.post(address, {"budget": "7.5"}, follow=True).content.decode()
    assert "of 0.0050" in admin_client.post(address, {"budget": "0.005"}, follow=True).content.decode()
    assert "0.00 of 0.0050 USD" in admin_client.get(reverse("llm:runs")).content.decode()
    admin_client.post(address, {"budget": ""})
    assert reload(run).budget is None
