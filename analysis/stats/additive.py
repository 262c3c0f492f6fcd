"""Rates, differences and agreement of groups from counts alone, with the errors that the answers give. Pure, light.

A group is known by what was counted of each item, and by sums over its people (n answers, k of them following the
culture): of k², of nk and of n². All of these add up over groups of different people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analysis.stats.t_quantile import t_quantile

NEGLIGIBLE = 1e-12


class ItemSum(NamedTuple):
    """Answers to one item: how many, their sum, the sum of their squares (0 or 1 each, or probabilities)."""

    n: float
    total: float
    squares: float

    @property
    def rate(self) -> float:
        return self.total / self.n


class PeopleSums(NamedTuple):
    """Sums over people; a person is in one group only."""

    n_people: int
    kk: float
    kn: float
    nn: float


@dataclass(frozen=True)
class Group:
    """What was counted of a group; without `people` it is one model, which is no sample of anything."""

    items: Mapping[str, ItemSum]
    people: PeopleSums | None = None

    @property
    def n(self) -> float:
        return sum(one.n for one in self.items.values())

    @property
    def rate(self) -> float | None:
        return sum(one.total for one in self.items.values()) / self.n if self.n else None

    @property
    def freedom(self) -> int:
        """Count the units that vary: the fewer of people and items, less one."""
        n_people = self.people.n_people if self.people else len(self.items)
        return min(n_people, len(self.items)) - 1


class Estimate(NamedTuple):
    """A number with its interval and standard error; `reason` says why one is missing."""

    estimate: float | None
    low: float | None
    high: float | None
    se: float | None
    reason: str = ""


NOTHING = Estimate(None, None, None, None, "no answers")


def rate_of(group: Group, level: float = 0.95) -> Estimate:
    """Estimate a group's share of 1s with a two-way standard error.

    Notes
    -----
    With p the share, N the answers, and n, t the answers to item i and their sum: its influence is (t - pn) / N; that
    of all people squared and summed is (Σk² - 2pΣkn + p²Σn²) / N²; that of single answers Σ(y - p)² / N². The
    variance is that between people plus that between items less that of single answers, not below the larger of
    the two; t with min(people, items) - 1 degrees of freedom, cut to [0, 1]. A model has items alone.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249. Equal to `rates.rate` on the answers themselves.
    """
    if group.rate is None:
        return NOTHING
    return _interval(group.rate, _variance([group], _influence(group)), group.freedom, level, least=0.0)


def difference_of(first: Group, second: Group, level: float = 0.95) -> Estimate:
    """Estimate the first group's share less the second's; items in both are one cluster each, people are apart.

    Equal to `rates.difference` on the answers themselves.
    """
    if first.rate is None or second.rate is None:
        return NOTHING
    by_item = _influence(first)
    for item, one in _influence(second).items():
        by_item[item] = by_item.get(item, 0.0) - one
    freedom = min(first.freedom, second.freedom)
    return _interval(first.rate - second.rate, _variance([first, second], by_item), freedom, level)


def item_by_item(first: Group, second: Group, level: float = 0.95) -> Estimate:
    """Estimate the mean difference over the items that both judged, each counted once, with an interval over items."""
    shared = sorted(set(first.items) & set(second.items))
    if not shared:
        return NOTHING._replace(reason="no item in common")
    gaps = [first.items[item].rate - second.items[item].rate for item in shared]
    mean = sum(gaps) / len(gaps)
    spread = sum((gap - mean) ** 2 for gap in gaps)
    variance = spread / (len(gaps) - 1) / len(gaps) if len(gaps) > 1 else 0.0
    return _interval(mean, variance, len(gaps) - 1, level)


def correlation(first: Group, second: Group) -> float | None:
    """Give Pearson's correlation of the shares over the items that both judged."""
    shared = sorted(set(first.items) & set(second.items))
    xs, ys = ([group.items[item].rate for item in shared] for group in (first, second))
    if len(shared) < 3:
        return None
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    xx, yy = sum((x - x_mean) ** 2 for x in xs), sum((y - y_mean) ** 2 for y in ys)
    if min(xx, yy) < NEGLIGIBLE:
        return None
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / math.sqrt(xx * yy)


def alpha_of(group: Group, level: float = 0.95) -> Estimate:
    """Estimate Krippendorff's alpha (nominal) with an interval over items.

    Notes
    -----
    Of items with at least two answers: alpha = 1 - Do / De with Do = Σ 2k(n-k)/(n-1) / N and De = 2K(N-K) / (N(N-1)).
    The interval is that of the linearised items; that the same people answer many items is not in it, so it is
    somewhat narrow where few people answer much (the analysis has the two-way one).

    References
    ----------
    Krippendorff (2011), "Computing Krippendorff's alpha-reliability".
    """
    paired = [one for one in group.items.values() if one.n >= 2]
    n, k = sum(one.n for one in paired), sum(one.total for one in paired)
    if not paired or not 0 < k < n:
        return NOTHING._replace(reason="all answers alike" if paired else "no item with two answers")
    unlike = [2 * one.total * (one.n - one.total) / (one.n - 1) for one in paired]
    observed, share = sum(unlike) / n, k / n
    expected = 2 * share * (1 - share) * n / (n - 1)
    influence = [
        -(a - observed * one.n) / n / expected
        + observed / expected**2 * 2 * (1 - 2 * share) * n / (n - 1) * (one.total - share * one.n) / n
        for a, one in zip(unlike, paired, strict=True)
    ]
    return _interval(1 - observed / expected, sum(one * one for one in influence), len(paired) - 1, level)


def _influence(group: Group) -> dict[str, float]:
    share, n = group.rate or 0.0, group.n
    return {item: (one.total - share * one.n) / n for item, one in group.items.items()}


def _variance(groups: Sequence[Group], by_item: Mapping[str, float]) -> float:
    items = sum(one * one for one in by_item.values())
    people = answers = 0.0
    for group in groups:
        if group.people is not None:
            share, n = group.rate or 0.0, group.n
            sums = group.people
            people += (sums.kk - 2 * share * sums.kn + share**2 * sums.nn) / n**2
            answers += (
                sum(one.squares - 2 * share * one.total + share**2 * one.n for one in group.items.values()) / n**2
            )
    return max(people + items - answers, people, items)


def _interval(estimate: float, variance: float, freedom: int, level: float, least: float = -1.0) -> Estimate:
    """Form the t interval, cut at `least` and 1: shares, their differences and alpha end there."""
    if freedom < 1:
        return Estimate(estimate, None, None, None, "fewer than two people or items")
    se = math.sqrt(variance)
    if se < NEGLIGIBLE:
        return Estimate(estimate, None, None, None, "no variation between people or items")
    half = t_quantile(0.5 + level / 2, freedom) * se
    return Estimate(estimate, max(estimate - half, least), min(estimate + half, 1.0), se)
