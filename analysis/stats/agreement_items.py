"""Agreement about each single item: who disagrees about what, and how much of that is noise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import bdtr, bdtrc

from analysis.stats.agreement_points import NAN
from analysis.stats.observations import Codes, Floats, binary, has_repeats
from analysis.stats.twoway import require_level
from analysis.stats.wilson import wilson_interval


def item_agreement(
    frame: pd.DataFrame, *, value: str, respondent: str, item: str | Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Describe the answers to each item: its rate and how far people disagree about it.

    Parameters
    ----------
    frame : DataFrame
        One answer per row and at most one per respondent and item; missing answers are left out.
    value, respondent : str
        Columns: 0/1 answers, and who answered.
    item : str or sequence of str
        What was judged; several columns together name one unit (item and respondent country, say).
    level : float
        Confidence level of the rate's interval.

    Returns
    -------
    DataFrame
        One row per unit with an answer, in the order of the columns `item`: those columns, `n`, `n_ones` and what
        the notes name. What needs two answers is missing where there is one, with the reason.

    Notes
    -----
    With a ones and b zeros among n answers and p = a / n: pairwise agreement 1 - 2ab / (n(n-1)); disagreement
    u = n p(1-p) / (n-1), unbiased for the variance of one answer and half the chance that two people
    disagree; entropy H of (p, 1-p) in bits, biased downwards, and with Miller and Madow's correction (m - 1) /
    (2n ln 2), m the categories that occur (no estimator of entropy is unbiased: read it with n). The answers to
    one item come from different people, so the rate has Wilson's interval. Majority agreement max(a, b) / n is
    biased upwards: beside it stands its expectation where people are split in halves.

    References
    ----------
    Miller (1955), "Note on the bias of information estimates"; Paninski (2003), Neural Computation 15,
    1191-1253; Wilson (1927), JASA 22, 209-212. R: entropy::entropy(method = "MM"), binom::binom.wilson.
    """
    require_level(level)
    units = [item] if isinstance(item, str) else list(item)
    answered = binary(frame, value, respondent, units)
    if has_repeats(answered.respondent, answered.item):
        raise ValueError("agreement needs at most one answer per respondent and item")
    n = np.bincount(answered.item).astype(float)
    ones = np.bincount(answered.item, answered.value).astype(float)
    rows = frame.loc[frame[value].notna(), units]
    named = rows.iloc[_first_of_each(answered.item)].reset_index(drop=True)
    return named.assign(**_described(n, ones, level)).sort_values(units, ignore_index=True)


def entropy_bits(n: Floats, ones: Floats, *, corrected: bool) -> Floats:
    """Give the entropy of two categories in bits, plain or with Miller and Madow's correction."""
    shares = np.stack([ones, n - ones]) / n
    used = shares > 0
    plain = -(shares * np.log2(np.where(used, shares, 1.0))).sum(axis=0)
    return np.asarray(plain + corrected * (used.sum(axis=0) - 1) / (2 * n * np.log(2)))


def expected_majority_agreement(p: float, n: int) -> float:
    """Give E[max(K, n - K) / n] with K of n answers 1, each with chance `p`: what majority agreement is by noise.

    E[max] = E[K; K > n/2] + E[n - K; K <= n/2], with E[K; K > c] = n p P(Binomial(n - 1, p) >= c).
    """
    half = n // 2
    above = p * float(bdtrc(half - 1, n - 1, p)) if half > 0 else p
    below = (1 - p) * float(bdtr(half, n - 1, p)) if half < n else 1 - p
    return above + below


def _described(n: Floats, ones: Floats, level: float) -> dict[str, Any]:
    rate = ones / n
    low, high = wilson_interval(ones, n, level)
    paired = n >= 2
    disagreement = np.where(paired, n * rate * (1 - rate) / np.where(paired, n - 1, 1.0), NAN)
    halves = {int(size): expected_majority_agreement(0.5, int(size)) for size in np.unique(n)}
    return {
        "n": n.astype(int),
        "n_ones": ones.astype(int),
        "rate": rate,
        "ci_low": low,
        "ci_high": high,
        "pairwise_agreement": 1 - 2 * disagreement,
        "disagreement": disagreement,
        "entropy_bits": entropy_bits(n, ones, corrected=False),
        "entropy_miller_madow_bits": entropy_bits(n, ones, corrected=True),
        "majority_agreement": np.maximum(rate, 1 - rate),
        "majority_agreement_if_half": [halves[int(size)] for size in n],
        "reason": np.where(paired, "", "one answer"),
    }


def _first_of_each(numbers: Codes) -> Codes:
    """Give the place where each code comes first; codes are numbered as they come."""
    return np.unique(numbers, return_index=True)[1]
