"""Estimates from counts alone equal those from the answers, to the ends of the intervals of a handful of answers."""

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.additive import Group, ItemSum, PeopleSums, alpha_of, difference_of, item_by_item, rate_of
from analysis.stats.rates import Difference, Rate, difference, rate

N_STUDIES = 120


def small_study(seed: int) -> pd.DataFrame:
    """Draw up to seven people in two groups and up to five items, some of which everybody answers alike."""
    draw = random.Random(seed)
    chances = [draw.choice([0.0, 0.5, 0.9, 1.0]) for _ in range(draw.randint(1, 5))]
    rows = [
        (person, item, "ab"[person % 2], float(draw.random() < chance))
        for person in range(draw.randint(1, 7))
        for item, chance in enumerate(chances)
        if draw.random() < 0.7
    ]
    return pd.DataFrame(rows, columns=["person", "item", "group", "y"])


def counted(frame: pd.DataFrame) -> Group:
    items = {str(item): ItemSum(len(y), float(y.sum()), float((y**2).sum())) for item, y in frame.groupby("item")["y"]}
    people = frame.groupby("person")["y"].agg(["size", "sum"]).astype(float)
    n, k = people["size"].to_numpy(), people["sum"].to_numpy()
    return Group(items, PeopleSums(len(people), float(k @ k), float(k @ n), float(n @ n)))


def numbers(*found: float | None) -> list[float]:
    return [np.nan if one is None else float(one) for one in found]


def of_answers(found: Rate | Difference) -> list[float]:
    return numbers(found.estimate, found.se, found.ci_low, found.ci_high)


def test_few_answers_give_the_numbers_of_the_answers_themselves() -> None:
    who: dict[str, Any] = {"value": "y", "respondent": "person", "item": "item"}
    n_cut = 0
    for seed in range(N_STUDIES):
        frame = small_study(seed)
        groups = [frame[frame["group"] == name] for name in "ab"]
        if min(map(len, groups)) == 0:
            continue
        told = rate_of(counted(frame))
        assert numbers(told.estimate, told.se, told.low, told.high) == pytest.approx(
            of_answers(rate(frame, **who)), abs=1e-12, nan_ok=True
        )
        apart = difference_of(counted(groups[0]), counted(groups[1]))
        expected = difference(frame, **who, group="group", first="a", second="b")
        assert numbers(apart.estimate, apart.se, apart.low, apart.high) == pytest.approx(
            of_answers(expected), abs=1e-12, nan_ok=True
        )
        n_cut += expected.ci_high == 1.0
    assert n_cut > 10


def test_paired_differences_and_alpha_end_where_they_do() -> None:
    low, high, alphas = [], [], []
    for seed in range(N_STUDIES):
        frame = small_study(seed)
        groups = [counted(frame[frame["group"] == name]) for name in "ab"]
        gap, alpha = item_by_item(groups[0], groups[1]), alpha_of(counted(frame))
        low += [gap.low] if gap.low is not None else []
        high += [gap.high] if gap.high is not None else []
        alphas += [alpha.low] if alpha.low is not None else []
    assert (min(low), max(high), min(alphas)) == (-1.0, 1.0, -1.0)
