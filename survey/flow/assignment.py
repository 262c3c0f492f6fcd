"""Which items a participant gets, in which order, with which option first. Pure: a function of loads and a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from survey.enums import OptionOrder, Question, Relation

CORE = "core"  # the items that the respondents of every country judge
POOLS = (CORE, *Relation.values)


class Candidate(NamedTuple):
    """An item that could be given, with the number of sessions of the arm that hold or answered it."""

    code: str
    load: int


def relation_between(arms: Mapping[str, Any], respondent_country: str, scenario_country: str) -> Relation:
    """Say how near a scenario's country is; what the instrument does not list as the same or close is far."""
    if scenario_country == respondent_country:
        return Relation.SAME
    return Relation.CLOSE if scenario_country in arms[respondent_country]["close"] else Relation.FAR


def pool_of(arms: Mapping[str, Any], country: str, scenario_country: str, *, is_core: bool) -> str | None:
    """Say which pool of an arm an item belongs to; None for one that is not fielded there."""
    if is_core:
        return CORE
    own = arms[country]
    if scenario_country not in {country, *own["close"], *own["far"]}:
        return None
    return str(relation_between(arms, country, scenario_country))


def draw_items(candidates: Mapping[str, Sequence[Candidate]], *, n_items: Mapping[str, int], seed: int) -> list[str]:
    """Draw the least-filled items of each pool, ties by the seed; `order_items` puts them in the order shown.

    `ValueError` when a pool has fewer candidates than asked for.
    """
    rng = random.Random(seed)
    drawn: list[str] = []
    for pool in POOLS:
        items = sorted(candidates.get(pool, ()))
        wanted = n_items.get(pool, 0)
        if wanted > len(items):
            raise ValueError(f"{wanted} items wanted of pool {pool}, only {len(items)} there")
        ranked = sorted(items, key=lambda candidate: (candidate.load, rng.random()))
        drawn += [candidate.code for candidate in ranked[:wanted]]
    return drawn


def order_items(codes: Sequence[str], *, seed: int) -> list[str]:
    """Put a participant's items in the order shown, which follows from the seed and the items alone."""
    ordered = sorted(codes)
    random.Random(f"item order {seed}").shuffle(ordered)
    return ordered


def draw_option_order(seed: int) -> OptionOrder:
    """Draw which option stands first for a participant."""
    return random.Random(f"option order {seed}").choice(list(OptionOrder))


def item_option_orders(items: Sequence[str], *, setting: str, seed: int) -> list[OptionOrder]:
    """Give each item's option order: the participant's own, or half of the items each way."""
    own = draw_option_order(seed)
    if setting == "participant":
        return [own] * len(items)
    orders = [list(OptionOrder)[(index + list(OptionOrder).index(own)) % 2] for index in range(len(items))]
    random.Random(f"option orders {seed}").shuffle(orders)
    return orders


def draw_question_order(questions: Sequence[str], *, setting: str, seed: int) -> list[Question]:
    """Give the order of the two questions: the instrument's, or one drawn for the participant."""
    order = [Question(name) for name in questions]
    if setting == "participant":
        random.Random(f"question order {seed}").shuffle(order)
    return order
