"""Whether an assignment came out even: dispersion over items, order of options, order by item. Pure, no libraries.

A balance page stands in the web process, where SciPy is not loaded; the two tails needed here have finite sums.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Tested(NamedTuple):
    """One test: statistic, degrees of freedom where it has them, p-value; None where nothing can be said."""

    statistic: float | None
    df: int | None
    p: float | None

    @property
    def p_told(self) -> str:
        """Write the p-value for readers: never a flat zero."""
        if self.p is None:
            return "–"
        return "< 0.0001" if self.p < 0.0001 else f"{self.p:.4f}"


NOTHING = Tested(None, None, None)


def chi2_tail(x: float, df: int) -> float:
    """Give ``P(χ²_df ≥ x)`` for whole degrees of freedom, by its finite sum.

    Even df: ``e^{-x/2} Σ_{k<df/2} (x/2)^k / k!``. Odd df:
    ``erfc(√(x/2)) + e^{-x/2} Σ_{1≤k≤(df-1)/2} (x/2)^{k-1/2} / Γ(k+1/2)``.
    Source: M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions (1964), 26.4.4 and 26.4.5.
    """
    if df < 1:
        raise ValueError(f"{df} degrees of freedom")
    if x <= 0:
        return 1.0
    half = x / 2
    offset = 0.5 * (df % 2)
    powers = range(df // 2) if offset == 0 else range(1, df // 2 + 1)
    # Each term as an exponential of its logarithm: no overflow for large x.
    terms = [math.exp((k - offset) * math.log(half) - half - math.lgamma(k - offset + 1)) for k in powers]
    return min(math.fsum([math.erfc(math.sqrt(half)) if offset else 0.0, *terms]), 1.0)


def binomial_test(k: int, n: int) -> Tested:
    """Test ``k`` of ``n`` against one half, exactly and two-sided: twice the smaller tail, at most 1."""
    if n == 0:
        return NOTHING
    tail = sum(math.comb(n, i) for i in range(min(k, n - k) + 1))
    return Tested(k / n, None, min(2 * tail / 2**n, 1.0))


def dispersion_test(counts: Sequence[int], n_draws: int) -> Tested:
    """Test whether items were drawn less evenly than by chance: each of ``n_draws`` sessions drew some of them.

    Chance here means simple random sampling without replacement within a session, so that the counts ``c_i`` of K
    items with share ``f = Σc / (K n)`` have variance ``n f (1 − f)`` and sum to a constant. Then
    ``(K − 1)/K · Σ (c_i − c̄)² / (n f (1 − f))`` is χ² with K − 1 degrees of freedom for large n. Without the factor
    ``1 − f`` the test would call an assignment even that is worse than chance.
    """
    n_items = len(counts)
    if n_items < 2 or n_draws == 0:
        return NOTHING
    mean = sum(counts) / n_items
    share = mean / n_draws
    if not 0 < share < 1:
        return NOTHING  # nobody drew any, or everybody drew all
    spread = sum((count - mean) ** 2 for count in counts)
    statistic = (n_items - 1) / n_items * spread / (n_draws * share * (1 - share))
    return Tested(statistic, n_items - 1, chi2_tail(statistic, n_items - 1))


def cross_test(pairs: Sequence[tuple[int, int]]) -> Tested:
    """Test whether the share of one order is the same for all items: Pearson's χ² of a table of two columns.

    It takes the showings as independent, which those of one person are not where the order is drawn per person:
    an approximation, good enough to raise an alarm.
    """
    rows = [pair for pair in pairs if sum(pair)]
    columns = [sum(pair[side] for pair in rows) for side in (0, 1)]
    total = sum(columns)
    if len(rows) < 2 or 0 in columns:
        return NOTHING
    statistic = 0.0
    for pair in rows:
        for side in (0, 1):
            expected = sum(pair) * columns[side] / total
            statistic += (pair[side] - expected) ** 2 / expected
    return Tested(statistic, len(rows) - 1, chi2_tail(statistic, len(rows) - 1))
