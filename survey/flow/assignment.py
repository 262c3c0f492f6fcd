"""Which items a participant gets, in which order, with which option first. Pure: a function of loads and a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from survey.enums import OptionOrder, Relation


class Candidate(NamedTuple):
    """An item that could be given, with the number of sessions of the arm that hold or answered it."""

    code: str
    load: int


class Drawn(NamedTuple):
    code: str
    relation: Relation


def draw_items(
    candidates: Mapping[Relation, Sequence[Candidate]], *, n_items: Mapping[Relation, int], seed: int
) -> list[Drawn]:
    """Draw the least-filled items of each relation, ties by the seed, and shuffle them all together.

    `ValueError` when a relation has fewer candidates than asked for.
    """
    rng = random.Random(seed)
    drawn: list[Drawn] = []
    for relation in Relation:
        pool = sorted(candidates.get(relation, ()))
        wanted = n_items.get(relation, 0)
        if wanted > len(pool):
            raise ValueError(f"{wanted} items wanted for relation {relation}, only {len(pool)} there")
        ranked = sorted(pool, key=lambda candidate: (candidate.load, rng.random()))
        drawn += [Drawn(candidate.code, relation) for candidate in ranked[:wanted]]
    rng.shuffle(drawn)
    return drawn


def draw_option_order(seed: int) -> OptionOrder:
    """Draw which option a participant sees first, on all pages alike."""
    return random.Random(f"option order {seed}").choice(list(OptionOrder))
