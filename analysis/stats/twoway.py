"""Standard errors when answers share respondents and items, from each answer's influence on the estimate."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.stats.observations import Codes, Floats

NEGLIGIBLE = 1e-12


class TwoWaySE(NamedTuple):
    """Standard errors by cluster: respondents only, items only, neither (`naive`), and both (`twoway`)."""

    respondent: float
    item: float
    naive: float
    twoway: float


class Test(NamedTuple):
    """An interval and the test of a true value of zero, on the t distribution."""

    ci_low: float
    ci_high: float
    statistic: float
    p_value: float


def twoway_se(influence: Floats, respondent: Codes, item: Codes, item_influence: Floats | None = None) -> TwoWaySE:
    """Estimate standard errors from influence values, clustered by respondent and by item.

    Parameters
    ----------
    influence : array
        Derivative of the estimate with respect to each answer's weight.
    respondent, item : array of int
        Codes from 0, one per answer.
    item_influence : array, optional
        Derivative with respect to each item's weight, where that is not the sum over its answers (a mean
        over items that counts every item once).

    Returns
    -------
    TwoWaySE

    Notes
    -----
    V = V_respondent + V_item - V_cell, each the sum of squared cluster totals of the influence; not smaller
    than the larger one-way variance. No small-sample factor.

    References
    ----------
    Cameron, Gelbach & Miller (2011), Journal of Business & Economic Statistics 29, 238-249. R:
    sandwich::vcovCL with `cluster = ~ respondent + item`, `type = "HC0"`, `cadjust = FALSE`, apart from the
    floor.
    """
    if len(influence) == 0:
        return TwoWaySE(np.nan, np.nan, np.nan, np.nan)
    cell = np.unique(respondent.astype(np.int64) * (int(item.max()) + 1) + item, return_inverse=True)[1]
    items = np.bincount(item, influence) if item_influence is None else item_influence
    by_respondent = float((np.bincount(respondent, influence) ** 2).sum())
    by_item = float((items**2).sum())
    by_cell = float((np.bincount(cell, influence) ** 2).sum())
    both = max(by_respondent + by_item - by_cell, by_respondent, by_item)
    return TwoWaySE(by_respondent**0.5, by_item**0.5, by_cell**0.5, both**0.5)


def t_test(estimate: float, se: float, df: int, level: float) -> Test:
    """Form the t interval at `level` and the two-sided test against zero."""
    half = float(stdtrit(df, 0.5 + level / 2.0)) * se
    statistic = estimate / se
    return Test(estimate - half, estimate + half, statistic, float(2.0 * stdtr(df, -abs(statistic))))


def require_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"confidence level must lie between 0 and 1, not {level}")


def why_no_interval(se: float, n_respondents: int, n_items: int) -> str:
    """Say why a clustered interval cannot be given; empty when it can."""
    if n_respondents < 2:
        return "fewer than two respondents"
    if n_items < 2:
        return "fewer than two items"
    if not se > NEGLIGIBLE:
        return "no variation between respondents or items"
    return ""
