"""Standard errors of functions of item means, when people and items are both sampled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.stats.observations import Floats, Observations
from analysis.stats.twoway import t_test, twoway_se, why_no_interval

NAN = float("nan")
STEP = 1e-30  # of the complex-step derivative: exact to rounding, whatever its size
SMALL = 1e-12
Means = Mapping[str, complex]
Function = Callable[[Means], complex]


class Part(NamedTuple):
    """What each item adds to a mean, and how that moves when an answer of 1, or of 0, weighs more."""

    value: Floats
    one: Floats
    zero: Floats


@dataclass(frozen=True)
class Estimated:
    """An estimate with its two-way interval and test of zero; `reason` says why a number is missing."""

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    df: float
    p_value: float
    reason: str = ""


def fixed(value: Floats) -> Part:
    """Make a part that does not depend on people's answers."""
    return Part(value, np.zeros_like(value), np.zeros_like(value))


def of_rate(p: Floats, n: Floats, value: Floats, slope: Floats) -> Part:
    """Make a part that is a function of the people's rate; `slope` is its derivative."""
    return Part(value, slope * (1 - p) / n, -slope * p / n)


def of_disagreement(p: Floats, n: Floats) -> Part:
    """Make the part u = n p (1 - p) / (n - 1): half the chance that two people differ; 0 below two answers."""
    pairs = np.where(n >= 2, n * (n - 1), 1.0)
    ones, zeros, enough = n * p, n * (1 - p), n >= 2
    value = np.where(enough, ones * zeros / pairs, 0.0)
    return Part(
        value,
        np.where(enough, zeros / pairs - 2 * value / n, 0.0),
        np.where(enough, ones / pairs - 2 * value / n, 0.0),
    )


def of_both_ones(p: Floats, n: Floats) -> Part:
    """Make the part a (a - 1) / (n (n - 1)), unbiased for p²; 0 below two answers."""
    pairs, ones, enough = np.where(n >= 2, n * (n - 1), 1.0), n * p, n >= 2
    value = np.where(enough, ones * (ones - 1) / pairs, 0.0)
    return Part(
        value,
        np.where(enough, 2 * (ones - 1) / pairs - 2 * value / n, 0.0),
        np.where(enough, -2 * value / n, 0.0),
    )


def combine(*terms: tuple[float | Floats, Part]) -> Part:
    """Add parts, each times its factor."""
    columns = [[factor * column for column in part] for factor, part in terms]
    return Part(*(np.sum([column[at] for column in columns], axis=0) for at in range(3)))


def only(part: Part, mask: np.ndarray) -> Part:
    """Set a part to zero outside of `mask`."""
    return Part(*(np.where(mask, column, 0.0) for column in part))


def delta(
    parts: Mapping[str, Part],
    function: Function,
    answers: Observations,
    *,
    level: float,
    undefined: str,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    as_correlation: bool = False,
) -> Estimated:
    """Estimate a function of item means with a standard error clustered by respondent and by item.

    Parameters
    ----------
    parts : mapping of str to Part
        Arrays over the I items.
    function : callable
        Takes the means of the parts by name and gives the estimate; analytic, since it is also given complex
        numbers; NaN where it is not defined.
    answers : Observations
        The people's answers, items coded 0 to I - 1.
    level, undefined, bounds : float, str, pair of float
        Confidence level, the reason to give for NaN, and where the interval is cut.
    as_correlation : bool
        Whether to form the interval on Fisher's z.

    Returns
    -------
    Estimated

    Notes
    -----
    With means T = Σ t_i / I and gradient g of the function: the influence of an item is (t_i - T)·g / I; that of an
    answer of item i is the derivative of t_i by the answer's weight, times g / I. Variance: respondents + items -
    answers (`twoway_se`). t with min(respondents, items) - 1 degrees of freedom.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Squire & Trapp (1998), SIAM Review 40, 110-112 (derivatives
    by a complex step). R: no package; for a mean of differences `sandwich::vcovCL(~ respondent + item)`.
    """
    found = influences(parts, function)
    n_items = len(found.item)
    estimate = found.estimate
    if not np.isfinite(estimate):
        return Estimated(NAN, NAN, NAN, NAN, NAN, NAN, undefined)
    by_answer = np.where(answers.value > 0.5, found.one[answers.item], found.zero[answers.item])
    se = twoway_se(by_answer, answers.respondent, answers.item, found.item).twoway
    n_respondents = answers.n_respondents
    reason = why_no_interval(se, n_respondents, n_items)
    if reason:
        return Estimated(estimate, NAN, NAN, NAN, NAN, NAN, reason)
    df = min(n_respondents, n_items) - 1
    if as_correlation:
        return fisher(estimate, se, df, level)
    test = t_test(estimate, se, df, level)
    return Estimated(estimate, se, max(test.ci_low, bounds[0]), min(test.ci_high, bounds[1]), df, test.p_value)


class Influences(NamedTuple):
    """An estimate and, per item, its derivatives by the weight of an answer of 1, of 0, and of the item."""

    estimate: float
    one: Floats
    zero: Floats
    item: Floats


def influences(parts: Mapping[str, Part], function: Function) -> Influences:
    """Evaluate a function of item means and its derivatives; the latter are missing where it is not defined."""
    names = list(parts)
    values, ones, zeros = (np.column_stack([parts[name][at] for name in names]) for at in range(3))
    means = values.mean(axis=0)
    estimate = function(dict(zip(names, means.astype(complex).tolist(), strict=True))).real
    nothing = np.full(len(values), NAN)
    if not np.isfinite(estimate):
        return Influences(NAN, nothing, nothing, nothing)
    per_item = _gradient(function, names, means) / len(values)
    return Influences(estimate, ones @ per_item, zeros @ per_item, (values - means) @ per_item)


def fisher(r: float, se: float, df: float, level: float) -> Estimated:
    """Form the interval of a correlation on z = atanh(r), whose standard error is se / (1 - r²)."""
    if abs(r) >= 1 - SMALL:
        return Estimated(r, se, NAN, NAN, df, NAN, "the correlation is perfect: no interval")
    z = t_test(float(np.arctanh(r)), se / (1 - r * r), int(df), level)
    return Estimated(r, se, float(np.tanh(z.ci_low)), float(np.tanh(z.ci_high)), df, z.p_value)


def _gradient(function: Function, names: list[str], means: Floats) -> Floats:
    gradient = np.empty(len(names))
    for at in range(len(names)):
        moved = means.astype(complex)
        moved[at] += 1j * STEP
        gradient[at] = function(dict(zip(names, moved.tolist(), strict=True))).imag / STEP
    return gradient
