"""How many people a question needs: closed forms for planning, and a simulator that decides where they disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from analysis.stats.observations import Codes
from analysis.stats.rates import difference

NODES = 61
GROUPS = ("first", "second")
OnRun = Callable[[int], None]


class Spread(NamedTuple):
    """How much answers vary, on the logit scale: the mean answer, and SDs of people and of items."""

    intercept: float = 0.9
    respondent: float = 0.8
    item: float = 1.0


class Components(NamedTuple):
    """The variance of a 0/1 answer in parts, on the scale of probabilities."""

    mean: float
    respondent: float
    item: float
    rest: float


class Power(NamedTuple):
    """What simulated studies came to: how often the effect was found, and the mean estimate."""

    power: float
    se: float
    mean_estimate: float
    n_runs: int


@dataclass(frozen=True)
class Design:
    """Two groups of people compared: how many in each, how many items each person judges, and of how many there are.

    `is_shared`: both groups judge the same items (two countries on the common core), or each its own (scenarios at
    home and elsewhere, countries without a core). `is_within`: the same people stand on both sides and judge
    `n_items_each` items of each kind.
    """

    n_each: int
    n_items_each: int
    n_items: int = 0  # 0: so many that no two people share one
    is_shared: bool = True
    is_within: bool = False


def components(spread: Spread) -> Components:
    """Turn SDs on the logit scale into variance components of the probability.

    Notes
    -----
    p = expit(μ + r + i) with normal r and i. respondent: Var E(p | r); item: Var E(p | i); rest: what is left of
    E p (1 - E p), by Gauss-Hermite quadrature. Source: total variance. R: statmod::gauss.quad.prob.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    p = 1 / (1 + np.exp(-(spread.intercept + spread.respondent * nodes[:, None] + spread.item * nodes[None, :])))
    mean = float(weights @ p @ weights)
    of_person, of_item = p @ weights, weights @ p
    respondent = float(weights @ (of_person - mean) ** 2)
    item = float(weights @ (of_item - mean) ** 2)
    return Components(mean, respondent, item, mean * (1 - mean) - respondent - item)


def variance_of_difference(parts: Components, design: Design) -> float:
    """Give the variance of the difference of two groups' rates.

    Notes
    -----
    Items drawn anew for every person: Var(mean) = (s_r² + (s_i² + s_e²) / m) / n, twice that for two groups of n
    people with m items each. With the same people on both sides s_r² cancels. From J items in all: the part of the
    items is s_i² / J instead of s_i² / (n m) and does not shrink with n; it cancels where both sides judge the same
    J items.

    References
    ----------
    Westfall, Kenny & Judd (2014), JEP: General 143, 2020-2045. R: no package; PANGEA (Westfall).
    """
    n, m = design.n_each, design.n_items_each
    person = 0.0 if design.is_within else parts.respondent / n
    items = parts.item / (n * m)
    if design.n_items:
        items = 0.0 if design.is_shared else parts.item / design.n_items
    return 2 * (person + items + parts.rest / (n * m))


def detectable(
    parts: Components, design: Design, *, power: float = 0.8, alpha: float = 0.05, n_tests: int = 1
) -> float:
    """Give the smallest difference found with this power: (z_{1-α/(2k)} + z_power) × SE, for k tests by their bound."""
    z = float(ndtri(1 - alpha / n_tests / 2) + ndtri(power))
    return z * float(np.sqrt(variance_of_difference(parts, design)))


def n_needed(parts: Components, size: float, design: Design, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Give the people per group for a difference of this size; None where no number of people is enough."""
    z = float(ndtri(1 - alpha / 2) + ndtri(power))
    floor = 0.0 if design.is_shared or design.n_items == 0 else 2 * parts.item / design.n_items
    one = variance_of_difference(parts, replace(design, n_each=1))
    left = (size / z) ** 2 - floor
    return None if left <= 0 else int(np.ceil((one - floor) / left))


def answers_for_rates(alpha: float, reliability: float) -> float:
    """Give the answers per item for item rates of this reliability: ρ (1 - α) / (α (1 - ρ)), α Krippendorff's.

    Spearman-Brown turned around (Brown 1910); R: psych::spearman.brown turned around.
    """
    return reliability * (1 - alpha) / (alpha * (1 - reliability))


def disagreement_reliability(rate_mean: float, item_sd: float, n: int) -> float:
    """Give the reliability of an item's unbiased disagreement u = n p (1 - p) / (n - 1) from n answers.

    Parameters
    ----------
    rate_mean, item_sd : float
        Where items' rates lie: logit p = logit(rate_mean) + item_sd z, z standard normal.
    n : int
        Answers per item, at least 2.

    Notes
    -----
    Var(p (1 - p)) over items, over that plus the mean of Var(u | p), by quadrature and the binomial's exact sum.
    Source: classical test theory (Lord & Novick 1968). R: no package.
    """
    if n < 2:
        raise ValueError("disagreement needs two answers to an item")
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    p = 1 / (1 + np.exp(-(np.log(rate_mean / (1 - rate_mean)) + item_sd * nodes)))
    ones = np.arange(n + 1)
    u = ones * (n - ones) / (n * (n - 1))
    chances = binom.pmf(ones[None, :], n, p[:, None])
    truth = p * (1 - p)
    noise = weights @ (chances @ u**2 - (chances @ u) ** 2)
    signal = weights @ truth**2 - (weights @ truth) ** 2
    return float(signal / (signal + noise))


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


def logit_shift(spread: Spread, effect: float) -> float:
    """Find the distance δ on the logit scale for which mean rates at μ + δ/2 and μ - δ/2 differ by `effect`."""
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        above, below = (
            components(spread._replace(intercept=spread.intercept + sign * middle / 2)).mean for sign in (1, -1)
        )
        low, high = (middle, high) if above - below < effect else (low, middle)
    return (low + high) / 2


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


def normal_power(parts: Components, design: Design, size: float, alpha: float = 0.05) -> float:
    """Give the power for a difference of this size by the normal approximation."""
    se = float(np.sqrt(variance_of_difference(parts, design)))
    z = float(ndtri(1 - alpha / 2))
    return float(ndtr(size / se - z) + ndtr(-size / se - z))
