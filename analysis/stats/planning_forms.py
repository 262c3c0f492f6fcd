"""How many people a question needs, in closed form; `planning` has the simulator that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, ndtr, ndtri

NODES = 61
MOST_ANSWERS = 2000


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
    ways = gammaln(n + 1) - gammaln(ones + 1) - gammaln(n - ones + 1)
    chances = np.exp(ways[None, :] + ones[None, :] * np.log(p)[:, None] + (n - ones)[None, :] * np.log1p(-p)[:, None])
    truth = p * (1 - p)
    noise = weights @ (chances @ u**2 - (chances @ u) ** 2)
    signal = weights @ truth**2 - (weights @ truth) ** 2
    return float(signal / (signal + noise))


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


def normal_power(parts: Components, design: Design, size: float, alpha: float = 0.05) -> float:
    """Give the power for a difference of this size by the normal approximation."""
    se = float(np.sqrt(variance_of_difference(parts, design)))
    z = float(ndtri(1 - alpha / 2))
    return float(ndtr(size / se - z) + ndtr(-size / se - z))


def power_curve(
    parts: Components, design: Design, size: float, people: Sequence[int], alpha: float = 0.05
) -> list[tuple[int, float]]:
    """Give the power by the normal approximation for several numbers of people per group."""
    return [(n, normal_power(parts, replace(design, n_each=n), size, alpha)) for n in people]


def answers_for_disagreement(rate_mean: float, item_sd: float, reliability: float) -> int | None:
    """Give the answers per item for disagreement of this reliability, by bisection; None above `MOST_ANSWERS`."""
    low, high = 2, MOST_ANSWERS
    if disagreement_reliability(rate_mean, item_sd, high) < reliability:
        return None
    while low < high:
        middle = (low + high) // 2
        if disagreement_reliability(rate_mean, item_sd, middle) >= reliability:
            high = middle
        else:
            low = middle + 1
    return high
