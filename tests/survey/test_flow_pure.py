"""The pure part of the flow: statuses, plans, draws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.domain.lifecycle import IllegalTransition, change_status
from survey.enums import Choice, OptionOrder, Question, Relation, Status
from survey.flow.assignment import (
    POOLS,
    Candidate,
    draw_items,
    draw_option_order,
    draw_question_order,
    item_option_orders,
    relation_between,
)
from survey.flow.counted import counted
from survey.flow.design import Settings, derive_design, first_question
from survey.flow.plan import PlannedItem, build_plan, n_scenarios, scenario_number
from survey.flow.status import FINAL, TRANSITIONS
from survey.flow.wording import word_item
from survey.models import StatusChange, SurveySession
from tests.factories import SHIPPED_DEFINITION, make_session, make_study

BLOCKS = ["language", "consent", "instructions", "scenario", "demographics", "debrief"]
LOADS = st.fixed_dictionaries({pool: st.lists(st.integers(0, 5), min_size=3, max_size=12) for pool in POOLS})


def planned(*codes: str) -> list[PlannedItem]:
    return [PlannedItem(code, "culture_first", ["personal", "norm"]) for code in codes]


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert set(Status) - {Status.LANDED, Status.ACTIVE} == FINAL


def test_plan_puts_an_items_page_for_each_item() -> None:
    plan = build_plan(BLOCKS, items=planned("B", "A"), n_locales=1)
    assert [page.get("item", page["kind"]) for page in plan] == [
        "consent", "instructions", "B", "A", "demographics", "debrief",
    ]  # fmt: skip
    assert n_scenarios(plan) == 2
    assert [scenario_number(plan, position) for position in (2, 3)] == [1, 2]


def test_attention_checks_are_spread_among_the_scenarios() -> None:
    plan = build_plan(["scenario"], items=planned(*"ABCDEF"), n_locales=1, n_attention_checks=2)
    assert "".join(str(page.get("item", page.get("number"))) for page in plan) == "AB1CD2EF"


def test_plan_asks_for_the_language_only_where_there_is_a_choice() -> None:
    assert build_plan(BLOCKS, items=[], n_locales=2)[0]["kind"] == "language"


@given(loads=LOADS, seed=st.integers(0, 2**62))
def test_draw_takes_the_least_filled_of_each_pool(loads: dict[str, list[int]], seed: int) -> None:
    candidates = {
        pool: [Candidate(f"{pool}-{i}", load) for i, load in enumerate(group)] for pool, group in loads.items()
    }
    load_of = {one.code: one.load for group in candidates.values() for one in group}
    drawn = draw_items(candidates, n_items=dict.fromkeys(POOLS, 3), seed=seed)
    assert len(set(drawn)) == len(drawn) == 12
    for pool in POOLS:
        taken = sorted(load_of[code] for code in drawn if code.split("-")[0] == pool)
        assert taken == sorted(loads[pool])[:3]


@given(seed=st.integers(0, 2**62))
def test_draw_does_not_hang_on_the_order_of_the_candidates(seed: int) -> None:
    group = [Candidate(f"I{i}", i % 2) for i in range(8)]
    wanted = {"same": 4}
    assert draw_items({"same": group}, n_items=wanted, seed=seed) == draw_items(
        {"same": group[::-1]}, n_items=wanted, seed=seed
    )


@given(seed=st.integers(0, 2**62))
def test_design_follows_from_the_seed_and_the_set_of_items(seed: int) -> None:
    items = [f"I{n}" for n in range(9)]
    settings = Settings("item", "participant", ["personal", "norm"])
    design = derive_design(items, country="BR", settings=settings, seed=seed)
    assert derive_design(design.items[::-1], country="BR", settings=settings, seed=seed) == design
    assert sorted(design.items) == items
    assert design.cell == f"BR/by_item/{design.questions[0]}"
    assert first_question(design.cell) == design.questions[0]


def test_draw_of_more_than_there_is_says_so() -> None:
    with pytest.raises(ValueError, match="3 items wanted of pool far, only 0 there"):
        draw_items({}, n_items={"far": 3}, seed=1)


def test_relation_is_far_unless_listed() -> None:
    arms = {"BR": {"close": ["SG"]}}
    assert [relation_between(arms, "BR", c) for c in ("BR", "SG", "IN")] == [
        Relation.SAME,
        Relation.CLOSE,
        Relation.FAR,
    ]


def test_option_order_is_drawn_from_the_seed() -> None:
    assert {draw_option_order(seed) for seed in range(20)} == set(OptionOrder)
    assert draw_option_order(5) == draw_option_order(5)


def test_option_orders_are_the_participants_own_or_half_and_half() -> None:
    items = [f"I{n}" for n in range(18)]
    assert set(item_option_orders(items, setting="participant", seed=3)) == {draw_option_order(3)}
    orders = item_option_orders(items, setting="item", seed=3)
    assert orders.count(OptionOrder.CULTURE_FIRST) == 9
    assert orders != item_option_orders(items, setting="item", seed=4)


def test_question_order_is_fixed_or_drawn() -> None:
    assert draw_question_order(["personal", "norm"], setting="fixed", seed=1) == [Question.PERSONAL, Question.NORM]
    assert {draw_question_order(["personal", "norm"], setting="participant", seed=s)[0] for s in range(20)} == set(
        Question
    )


def test_wording_fills_in_the_actor_and_hashes_the_order_shown() -> None:
    texts = {key: entry.body for key, entry in SHIPPED_DEFINITION.texts["en-US"].entries.items()}
    wording = word_item(texts, "BR03")
    assert wording.questions[Question.PERSONAL] == "If you were Sérgio, what would you personally do?"
    assert wording.ordered(OptionOrder.PREFERENCE_FIRST) == [Choice.PREFERENCE, Choice.CULTURE]
    digests = {wording.digest(question, order) for question in Question for order in OptionOrder}
    assert len(digests) == 4


@pytest.mark.django_db
def test_status_changes_once_even_if_two_try() -> None:
    session = make_session(make_study())
    other = SurveySession.objects.get(pk=session.pk)
    assert change_status(session, Status.ACTIVE, reason="one")
    assert not change_status(other, Status.ACTIVE, reason="two")
    assert list(StatusChange.objects.values_list("reason", flat=True)) == ["entry link", "one"]


@pytest.mark.django_db
def test_status_that_may_not_follow_is_refused() -> None:
    with pytest.raises(IllegalTransition):
        change_status(make_session(make_study()), Status.COMPLETE, reason="shortcut")


def test_one_is_not_counted_as_many() -> None:
    assert [counted(n, "item") for n in (0, 1, 2, 1162)] == ["0 items", "1 item", "2 items", "1,162 items"]
    assert (counted(1, "value is", "values are"), counted(3, "value is", "values are")) == (
        "1 value is",
        "3 values are",
    )
