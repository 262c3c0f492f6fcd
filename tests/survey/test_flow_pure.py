"""The pure part of the flow: statuses, plans, draws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.domain.lifecycle import IllegalTransition, change_status
from survey.enums import Choice, OptionOrder, Question, Relation, Status
from survey.flow.assignment import Candidate, draw_items, draw_option_order
from survey.flow.plan import build_plan, n_scenarios, scenario_number
from survey.flow.status import FINAL, TRANSITIONS
from survey.flow.wording import word_item
from survey.models import StatusChange, SurveySession
from tests.factories import SHIPPED_DEFINITION, make_session, make_study

BLOCKS = ["language", "consent", "instructions", "scenario", "demographics", "debrief"]
POOLS = st.dictionaries(
    st.sampled_from(list(Relation)),
    st.lists(st.integers(0, 5), min_size=3, max_size=12),
    min_size=3,
    max_size=3,
)


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {Status.COMPLETE, Status.NO_CONSENT} == FINAL


def test_plan_puts_an_items_page_for_each_item() -> None:
    plan = build_plan(BLOCKS, items=["B", "A"], n_locales=1)
    assert [page.get("item", page["kind"]) for page in plan] == [
        "consent", "instructions", "B", "A", "demographics", "debrief",
    ]  # fmt: skip
    assert n_scenarios(plan) == 2
    assert [scenario_number(plan, position) for position in (2, 3)] == [1, 2]


def test_plan_asks_for_the_language_only_where_there_is_a_choice() -> None:
    assert build_plan(BLOCKS, items=[], n_locales=2)[0]["kind"] == "language"


@given(pools=POOLS, seed=st.integers(0, 2**62))
def test_draw_takes_the_least_filled(pools: dict[Relation, list[int]], seed: int) -> None:
    candidates = {
        relation: [Candidate(f"{relation}{i}", load) for i, load in enumerate(loads)]
        for relation, loads in pools.items()
    }
    load_of = {one.code: one.load for group in candidates.values() for one in group}
    drawn = draw_items(candidates, n_items=dict.fromkeys(Relation, 3), seed=seed)
    assert len({one.code for one in drawn}) == len(drawn) == 9
    for relation in Relation:
        taken = sorted(load_of[one.code] for one in drawn if one.relation == relation)
        assert taken == sorted(pools[relation])[:3]


@given(seed=st.integers(0, 2**62))
def test_draw_does_not_hang_on_the_order_of_the_candidates(seed: int) -> None:
    group = [Candidate(f"I{i}", i % 2) for i in range(8)]
    wanted = {Relation.SAME: 4}
    assert draw_items({Relation.SAME: group}, n_items=wanted, seed=seed) == draw_items(
        {Relation.SAME: group[::-1]}, n_items=wanted, seed=seed
    )


def test_draw_of_more_than_there_is_says_so() -> None:
    with pytest.raises(ValueError, match="3 items wanted for relation far, only 0 there"):
        draw_items({}, n_items={Relation.FAR: 3}, seed=1)


def test_option_order_is_drawn_from_the_seed() -> None:
    assert {draw_option_order(seed) for seed in range(20)} == set(OptionOrder)
    assert draw_option_order(5) == draw_option_order(5)


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
