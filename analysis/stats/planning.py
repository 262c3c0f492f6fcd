"""How many people a question needs: closed forms for planning, and a simulator that decides where they disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Codes, Floats
from analysis.stats.planning_forms import (
    Components,
    Design,
    Spread,
    answers_for_disagreement,
    answers_for_rates,
    components,
    detectable,
    disagreement_reliability,
    logit_shift,
    n_needed,
    normal_power,
    power_curve,
    variance_of_difference,
)
from analysis.stats.rates import difference
from analysis.stats.wilson import wilson_interval

__all__ = [
    "Components", "Design", "Power", "SimulatedReliability", "Spread", "answers_for_disagreement", "answers_for_rates",
    "components", "detectable", "disagreement_reliability", "logit_shift", "n_needed", "normal_power", "power_curve",
    "simulate", "simulate_power", "simulate_reliability", "table_of_detectable", "variance_of_difference",
]  # fmt: skip

GROUPS = ("first", "second")
OnRun = Callable[[int], None]


class Power(NamedTuple):
    """What simulated studies came to: how often the effect was found, and the mean estimate."""

    power: float
    se: float
    mean_estimate: float
    n_runs: int

    @property
    def interval(self) -> tuple[float, float]:
        """Give the Monte Carlo interval of the power, 95%, by Wilson's formula."""
        low, high = wilson_interval(self.power * self.n_runs, self.n_runs)
        return float(low), float(high)


class SimulatedReliability(NamedTuple):
    """What simulated crowds came to: the correlation of two crowds' disagreement."""

    reliability: float
    se: float
    n_runs: int

    @property
    def interval(self) -> tuple[float, float]:
        """Give the Monte Carlo interval, 95%, within what a correlation can be."""
        return max(self.reliability - 1.96 * self.se, -1.0), min(self.reliability + 1.96 * self.se, 1.0)


def simulate_power(
    spread: Spread,
    design: Design,
    effect: float,
    *,
    n_runs: int = 200,
    alpha: float = 0.05,
    seed: int = 1,
    on_run: OnRun | None = None,
) -> Power:
    """Simulate studies with a planted effect and count how often the site's own test finds it.

    Parameters
    ----------
    spread, design
        How answers vary, and who judges what.
    effect : float
        On the scale of probabilities: group `first` follows the culture so much more; found on the logit scale by
        bisection, so that the mean rates differ by exactly this.
    n_runs, alpha, seed : int, float, int
        Studies, level of the two-sided test, seed.
    on_run : callable, optional
        Told the number of each finished study.

    Notes
    -----
    Each study: logit p = μ ± δ/2 + respondent + item, answers drawn, tested by `rates.difference` (two-way errors).
    The standard error of the power is that of a share of `n_runs`.
    """
    generator = np.random.default_rng(seed)
    shift = logit_shift(spread, effect)
    found = []
    for number in range(n_runs):
        frame = simulate(spread, design, shift, generator)
        test = difference(
            frame, value="y", respondent="respondent", item="item", group="group", first=GROUPS[0], second=GROUPS[1]
        )
        found.append((test.p_value < alpha, test.estimate))
        if on_run:
            on_run(number + 1)
    hits, estimates = np.array(found, dtype=float).T
    power = float(hits.mean())
    return Power(power, float(np.sqrt(power * (1 - power) / n_runs)), float(np.nanmean(estimates)), n_runs)


def simulate(spread: Spread, design: Design, shift: float, generator: np.random.Generator) -> pd.DataFrame:
    """Draw one study: columns `respondent`, `item`, `group`, `y`."""
    n, m = design.n_each, design.n_items_each
    people = generator.normal(0, spread.respondent, n if design.is_within else 2 * n)
    pool = design.n_items or 2 * n * m
    items = generator.normal(0, spread.item, pool if design.is_shared and design.n_items else 2 * pool)
    parts = []
    for side, group in enumerate(GROUPS):
        who = np.repeat(np.arange(n) + (0 if design.is_within else side * n), m)
        what = np.concatenate(list(_drawn_items(design, pool, generator)))
        what = what if design.is_shared and design.n_items else what + side * pool
        logit = spread.intercept + (0.5 - side) * shift + people[who] + items[what]
        y = (generator.random(n * m) < 1 / (1 + np.exp(-logit))).astype(float)
        parts.append(pd.DataFrame({"respondent": who, "item": what, "group": group, "y": y}))
    return pd.concat(parts, ignore_index=True)


def _drawn_items(design: Design, pool: int, generator: np.random.Generator) -> Iterator[Codes]:
    """Draw each person's items: of a pool without replacement, or items nobody else gets."""
    for person in range(design.n_each):
        if design.n_items == 0:
            yield np.arange(design.n_items_each) + person * design.n_items_each
        else:
            yield generator.choice(pool, min(design.n_items_each, pool), replace=False)


def table_of_detectable(
    spread: Spread, *, n_items: tuple[int, ...], n_each: tuple[int, ...], n_tests: int = 10, power: float = 0.8
) -> pd.DataFrame:
    """Tabulate the smallest differences found, in points: alone and as one of `n_tests`, by items and people."""
    parts = components(spread)
    rows = []
    for m in n_items:
        for n in n_each:
            design = Design(n, m)
            alone, among = (100 * detectable(parts, design, power=power, n_tests=k) for k in (1, n_tests))
            rows.append({"n_items_each": m, "n_each": n, "points": alone, f"points_of_{n_tests}": among})
    return pd.DataFrame(rows)


def simulate_reliability(
    rate_mean: float,
    item_sd: float,
    n: int,
    *,
    n_items: int,
    n_runs: int = 200,
    seed: int = 1,
    on_run: OnRun | None = None,
) -> SimulatedReliability:
    """Ask two crowds of `n` people each the same items, and correlate the items' unbiased disagreement.

    Parameters
    ----------
    rate_mean, item_sd : float
        As in `disagreement_reliability`.
    n : int
        Answers per item and crowd, at least 2.
    n_items, n_runs, seed : int
        Items of a study, studies, seed.
    on_run : callable, optional
        Told the number of each finished study.

    Notes
    -----
    The correlation of two parallel measurements is their reliability. It is formed from the pooled moments of all
    studies, as that of few items is biased; its interval is a jackknife over studies.
    """
    if n < 2:
        raise ValueError("disagreement needs two answers to an item")
    generator = np.random.default_rng(seed)
    sums = np.zeros((n_runs, 4))
    for number in range(n_runs):
        logit = np.log(rate_mean / (1 - rate_mean)) + item_sd * generator.standard_normal(n_items)
        p = 1 / (1 + np.exp(-logit))
        ones = generator.binomial(n, p, (2, n_items))
        u = ones * (n - ones) / (n * (n - 1))
        sums[number] = u.mean(), (u**2).mean(), (u[0] * u[1]).mean(), 1.0
        if on_run:
            on_run(number + 1)
    estimate = _correlation(sums.sum(axis=0))
    left_out = np.array([_correlation(sums.sum(axis=0) - one) for one in sums])
    se = float(np.sqrt((n_runs - 1) / n_runs * ((left_out - left_out.mean()) ** 2).sum()))
    return SimulatedReliability(estimate, se, n_runs)


def _correlation(sums: Floats) -> float:
    """Form the correlation of two exchangeable measurements from sums of means, squares and products."""
    mean, square, product = sums[:3] / sums[3]
    return float((product - mean**2) / (square - mean**2))
