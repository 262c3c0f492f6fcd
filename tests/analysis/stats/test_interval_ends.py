"""Intervals of few answers end where the quantity does: no share below 0, no difference of shares beyond 100 points."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.agreement import agreement
from analysis.stats.agreement_across import agreement_across
from analysis.stats.agreement_difference import agreement_difference
from analysis.stats.calibration import calibrate
from analysis.stats.effects import level_contrasts
from analysis.stats.own_culture.rows import Choices, Label, Method, Scale, effect_of
from analysis.stats.pluralism import pluralism
from analysis.stats.rates import difference, gaps_by
from analysis.stats.rates_standard import shared_differences
from analysis.stats.steering import order_bias

from .test_alignment import by_hand

ANSWERED: Mapping[str, Any] = {"respondent": "person", "item": "item"}
OF_SHARES = {"disagreement", "from_mean", "given_mean"}


def small_studies(n: int) -> Iterator[pd.DataFrame]:
    """Draw studies of four people in two groups, two to four items, with both questions."""
    for seed in range(n):
        draw = random.Random(seed)
        items = range(draw.choice([2, 3, 4]))
        rows = [(person, item, person % 2) for person in range(4) for item in items]
        frame = pd.DataFrame(rows, columns=["person", "item", "group"]).astype({"group": str})
        yield frame.assign(**{name: [float(draw.random() < 0.5) for _ in rows] for name in ("value", "norm")})


def ends(found: list[tuple[float, float]], most: float, least: float | None = None) -> None:
    """Hold that no interval leaves the limits, and that some would have."""
    low, high = (np.array([pair[side] for pair in found if not np.isnan(pair[side])]) for side in (0, 1))
    least = -most if least is None else least
    assert low.min() == least
    assert high.max() == most


def test_differences_of_shares_end_at_a_hundred_points() -> None:
    plain, gaps, shared, across = [], [], [], []
    for frame in small_studies(60):
        told = difference(frame, value="value", group="group", first="0", second="1", **ANSWERED)
        plain.append((told.ci_low, told.ci_high))
        gaps += pairs(gaps_by(frame, first="value", second="norm", by=["group"], **ANSWERED))
        shared += pairs(shared_differences(frame, value="value", group="group", **ANSWERED))
        across += pairs(agreement_across(frame, value="value", group="group", **ANSWERED))
    for found in (plain, gaps, shared, across):
        ends(found, 1.0)


def test_agreement_ends_at_none_and_at_less_than_chance() -> None:
    found = [one for frame in small_studies(60) for one in agreement(frame, value="value", **ANSWERED)]
    for measure in ("pairwise_agreement", "alpha", "ac1", "brennan_prediger", "fleiss_kappa"):
        intervals = [(one.ci_low, one.ci_high) for one in found if one.measure == measure]
        ends(intervals, 1.0, 0.0 if measure == "pairwise_agreement" else -1.0)


def test_differences_in_agreement_end_at_what_is_possible() -> None:
    found = [
        one
        for frame in small_studies(60)
        for one in pluralism(frame, value="value", group="group", first="0", second="1", **ANSWERED)
    ]
    for measure in {one.measure for one in found}:
        intervals = [(one.ci_low, one.ci_high) for one in found if one.measure == measure]
        limit = 1.0 if measure in OF_SHARES else 2.0
        low, high = (np.nanmin([pair[0] for pair in intervals]), np.nanmax([pair[1] for pair in intervals]))
        assert -limit <= low <= high <= limit, measure


def test_own_country_effects_end_at_what_is_possible() -> None:
    def interval(outcome: str, scale: Scale) -> tuple[float, float]:
        label = Label(outcome, "all", "same - far", Method.MIXED, 8, 2, 4)
        effect = effect_of(label, 0.1, 0.9, Choices(), scale)
        return effect.ci_low, effect.ci_high

    assert interval("personal", Scale.SHARE) == (-1.0, 1.0)
    assert interval("gap", Scale.SHARE) == (-2.0, 2.0)
    assert interval("personal", Scale.LOG_ODDS)[1] > 10.0


def test_what_a_first_place_gains_and_what_lies_over_the_mean_end_at_a_hundred_points() -> None:
    orders, levels = [], []
    for frame in small_studies(60):
        told = order_bias(frame, item="item", order="group", first="0", second="1", value="value", by=["norm"])
        orders += pairs(told)
        levels += pairs(level_contrasts(frame, value="value", respondent="person", item="item", factor="group"))
    for found in (orders, levels):
        ends(found, 1.0)


def test_scores_end_at_the_worst_forecast() -> None:
    limits = {"brier": (0.0, 1.0), "log_score": (0.0, -np.log(1e-4)), "calibration_in_the_large": (-1.0, 1.0)}
    met: dict[str, list[tuple[float, float]]] = {name: [] for name in limits}
    for seed in range(60):
        draw = random.Random(seed)
        answers = ["".join(draw.choice("01") for _ in range(3)) for _ in range(2)]
        for one in calibrate(by_hand(answers, [draw.random(), draw.random()], is_exact=True)):
            if one.measure in limits:
                met[one.measure].append((one.ci_low, one.ci_high))
    for name, (least, most) in limits.items():
        ends(met[name], most, least)


def test_fleiss_kappa_has_no_lowest_value_where_items_with_one_answer_tell_chance() -> None:
    # Three items on which two people disagree, and ten that one person answered with 1: agreement 0, chance 0.80.
    two = [(person, item, float(person)) for person in (0, 1) for item in range(3)]
    frame = pd.DataFrame([*two, *((0, item, 1.0) for item in range(3, 13))], columns=["person", "item", "value"])
    frame = pd.concat([frame, pd.DataFrame({"person": [2, 2], "item": [0, 1], "value": [1.0, 0.0]})])
    found = {one.measure: one for one in agreement(frame, value="value", **ANSWERED)}
    assert found["fleiss_kappa"].estimate < -1
    assert found["fleiss_kappa"].ci_low < found["fleiss_kappa"].estimate < found["fleiss_kappa"].ci_high
    assert found["alpha"].ci_low >= -1
    twice = pd.concat(
        [frame.assign(group="0"), frame.assign(value=1 - frame["value"], group="1", item=frame["item"] + 50)]
    )
    told = agreement_difference(twice, value="value", group="group", first="0", second="1", **ANSWERED)
    kappa = next(one for one in told if one.measure == "fleiss_kappa")
    assert kappa.ci_high > 2


def pairs(table: pd.DataFrame) -> list[tuple[float, float]]:
    return list(table[["ci_low", "ci_high"]].itertuples(index=False, name=None))
