"""Standard errors when answers share respondents and items, from each answer's influence on the estimate."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from analysis.stats.observations import Codes, Floats, Mask, has_repeats

NAN = float("nan")
NEGLIGIBLE = 1e-12
MOST_PAIRS = 1 << 22  # totals by group and cluster are kept in a table while it is this small


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


class GroupVariances(NamedTuple):
    """Variances by cluster of an estimate per group, and how many clusters each group has."""

    respondent: Floats
    item: Floats
    cell: Floats
    n_respondents: Codes
    n_items: Codes

    @property
    def twoway(self) -> Floats:
        """Add the two, less what they count twice; not below the larger."""
        both = self.respondent + self.item - self.cell
        return np.maximum(both, np.maximum(self.respondent, self.item))


def variances_by(influence: Floats, group: Codes, respondent: Codes, item: Codes, n_groups: int) -> GroupVariances:
    """Estimate the variances of `twoway_se` for many groups of answers in one pass.

    Parameters
    ----------
    influence : array
        Derivative of the group's estimate with respect to each answer's weight.
    group, respondent, item : array of int
        Codes from 0, one per answer.
    n_groups : int
        How many groups there are, with answers or without.

    Returns
    -------
    GroupVariances
    """
    if has_repeats(group * (int(respondent.max(initial=0)) + 1) + respondent, item):
        cells = np.unique(respondent.astype(np.int64) * (int(item.max()) + 1) + item, return_inverse=True)[1]
        by_cell = _squares_by(influence, group, cells.astype(np.intp), n_groups)
    else:
        by_cell = np.bincount(group, influence**2, minlength=n_groups).astype(float)
    return GroupVariances(
        respondent=_squares_by(influence, group, respondent, n_groups),
        item=_squares_by(influence, group, item, n_groups),
        cell=by_cell,
        n_respondents=count_by(group, respondent, n_groups),
        n_items=count_by(group, item, n_groups),
    )


def count_by(group: Codes, cluster: Codes, n_groups: int) -> Codes:
    """Count the clusters of each group."""
    pair, owner = _pairs(group, cluster, n_groups)
    used = np.bincount(pair, minlength=len(owner)) > 0
    return np.bincount(owner[used], minlength=n_groups).astype(np.intp)


def _squares_by(influence: Floats, group: Codes, cluster: Codes, n_groups: int) -> Floats:
    """Sum the squares of the clusters' totals within each group."""
    pair, owner = _pairs(group, cluster, n_groups)
    totals = np.bincount(pair, influence, minlength=len(owner))
    return np.bincount(owner, totals**2, minlength=n_groups).astype(float)


def _pairs(group: Codes, cluster: Codes, n_groups: int) -> tuple[Codes, Codes]:
    """Number the pairs of group and cluster; the second array gives the group of each number."""
    width = int(cluster.max(initial=0)) + 1
    pair = group * width + cluster
    if n_groups * width <= MOST_PAIRS:
        return pair, np.arange(n_groups * width) // width
    used, compact = np.unique(pair, return_inverse=True)
    return compact.astype(np.intp), used // width


def intervals_by(
    estimate: Floats, se: Floats, df: Floats, is_told: Mask, level: float, most: float = np.inf
) -> dict[str, Floats]:
    """Form many t intervals at `level`, cut at plus or minus `most`, and tests; missing where `is_told` is false."""
    freedom = np.where(is_told, df, 1.0)
    error = np.where(is_told, se, NAN)
    half = stdtrit(freedom, 0.5 + level / 2.0) * error
    statistic = estimate / error
    return {
        "estimate": estimate,
        "se": error,
        "ci_low": np.maximum(estimate - half, -most),
        "ci_high": np.minimum(estimate + half, most),
        "statistic": statistic,
        "df": np.where(is_told, df, NAN),
        "p_value": 2.0 * stdtr(freedom, -np.abs(statistic)),
    }


def t_test(estimate: float, se: float, df: float, level: float, most: float = np.inf) -> Test:
    """Form the t interval at `level`, cut at plus or minus the `most` that is possible, and the test against zero."""
    half = float(stdtrit(df, 0.5 + level / 2.0)) * se
    statistic = estimate / se
    low, high = max(estimate - half, -most), min(estimate + half, most)
    return Test(low, high, statistic, float(2.0 * stdtr(df, -abs(statistic))))


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
