"""Rates made comparable: the same people in every group (poststratified), or the same items on both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Codes, Floats, Mask, Observations, binary, count_used, require
from analysis.stats.rates import DIFFERENCE_COLUMNS, RATE_COLUMNS, Difference, Target, grouped, rate_columns
from analysis.stats.twoway import (
    GroupVariances,
    count_by,
    require_level,
    t_test,
    twoway_se,
    variances_by,
    why_no_interval,
)

NAN = float("nan")
NO_SHARED = "no item was judged in both"


def poststratified_by(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str,
    by: Sequence[str],
    cell: str,
    weights: Mapping[str, float] | None = None,
    target: Target = Target.NEW_ITEMS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate the rate of every group as if its people were spread over demographic cells in given shares.

    Parameters
    ----------
    frame : DataFrame
        One answer per row; missing answers, and those of people without a cell, are left out.
    value, respondent, item : str
        Columns: 0/1 answers, who answered, about what.
    by : sequence of str
        Columns that make the groups, crossed.
    cell : str
        Column with the respondent's demographic cell (age and gender, say).
    weights : mapping, optional
        Share of the population in each cell; scaled to sum to 1. Without it all cells that occur weigh the same.
    target, level
        As in `rates.rate`.

    Returns
    -------
    DataFrame
        The columns `by` and those of `rates.Rate`, one row per group in sorted order.

    Notes
    -----
    p = sum_c w_c p_c over cells c, p_c the rate of the group's people in the cell; influence of an answer w_c (y - p_c)
    / n_c. One degree of freedom less than there are items, or as many less than respondents as there are cells,
    whichever is smaller. A cell in which nobody answered leaves the group without a rate, a cell with one respondent
    without an interval: no other people stand in for them.

    References
    ----------
    Holt & Smith (1979), JRSS A 142, 33-46; Cameron, Gelbach & Miller (2011), JBES 29, 238-249. R:
    survey::postStratify and survey::svymean.
    """
    require_level(level)
    require(frame, [value, cell, *by])
    kept = frame[frame[cell].notna()]
    group, names = grouped(kept, by)
    answers = binary(kept, value, respondent, item)
    answered = kept[value].notna().to_numpy()
    cells, shares = _cells(kept.loc[answered, cell], weights)
    crossed = _cross(answers, group[answered], len(names), cells, np.array(list(shares.values())))
    found = variances_by(crossed.influence, crossed.group, answers.respondent, answers.item, len(names))
    variance, df = _error(found, target, len(shares))
    reasons = _reasons(crossed, shares, variance, df)
    naive = np.bincount(crossed.group, crossed.influence**2, minlength=len(names)).astype(float)
    table = rate_columns(crossed.rate, found, variance, naive, df, reasons, level)
    return names.assign(**table, n=np.bincount(crossed.group, minlength=len(names)))[[*by, *RATE_COLUMNS]]


def shared_differences(
    frame: pd.DataFrame, *, value: str, respondent: str, item: str, group: str, level: float = 0.95
) -> pd.DataFrame:
    """Estimate the difference of rates between all pairs of groups on the items that both judged.

    Parameters
    ----------
    frame : DataFrame
        One answer per row; missing answers, and those without a group, are left out. Keep only the core items to
        compare all pairs on the same.
    value, respondent, item, group : str
        Columns: 0/1 answers, who answered, about what, and the respondent's group (their country).
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `first`, `second` and the columns of `rates.Difference`, first minus second, one row per pair in sorted order;
        `n`, `n_respondents` and `n_items` count shared items only.

    Notes
    -----
    Regression on group with a constant for each item: per shared item the difference of the two rates, weighed by n1 n2
    / (n1 + n2). What differs between items that only one group judged plays no part. Influence of an answer x~ e / sum
    x~², with x~ the group's indicator less its mean in the item and e the residual; two-way. Degrees of freedom: the
    smaller group's min(respondents, shared items) - 1.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Judd, Westfall & Kenny (2012), JPSP 103, 54-69. R:
    fixest::feols(y ~ group | item, cluster = ~ respondent + item), without its small-sample factors.
    """
    require_level(level)
    require(frame, [group])
    frame = frame[frame[group].notna()]
    answers = binary(frame, value, respondent, item)
    of_answer = frame.loc[frame[value].notna(), group].astype(str).to_numpy()
    rows = []
    for first, second in combinations(sorted(set(of_answer)), 2):
        found = _shared_difference(answers, of_answer == first, of_answer == second, level)
        rows.append({"first": first, "second": second, **asdict(found)})
    return pd.DataFrame(rows, columns=["first", "second", *DIFFERENCE_COLUMNS])


def _cells(cell: "pd.Series[str]", weights: Mapping[str, float] | None) -> tuple[Codes, dict[str, float]]:
    """Number the cells, and give the share of each."""
    seen = cell.astype(str)
    given = dict.fromkeys(sorted(seen.unique()), 1.0) if weights is None else dict(weights)
    if unknown := set(seen) - set(given):
        raise ValueError(f"no weight for the cells {', '.join(sorted(unknown))}")
    total = sum(given.values())
    if min(given.values(), default=1.0) < 0 or (given and not total > 0):
        raise ValueError("weights must not be negative and must sum to more than zero")
    numbers = {name: number for number, name in enumerate(given)}
    return seen.map(numbers).to_numpy().astype(np.intp), {name: share / total for name, share in given.items()}


class _Crossed(NamedTuple):
    """Answers in groups crossed with cells: by answer its group and influence, by group its weighed rate.

    `people` counts the respondents of each group in each cell.
    """

    group: Codes
    influence: Floats
    rate: Floats
    people: Codes


def _cross(answers: Observations, group: Codes, n_groups: int, cells: Codes, shares: Floats) -> _Crossed:
    shape = n_groups, len(shares)
    place = group * len(shares) + cells
    n = np.bincount(place, minlength=n_groups * len(shares))
    rates = np.bincount(place, answers.value, minlength=len(n)) / np.where(n > 0, n, NAN)
    weight = np.tile(shares, n_groups)
    influence = weight[place] * (answers.value - rates[place]) / n[place]
    rate = np.where(weight > 0, weight * rates, 0.0).reshape(shape).sum(axis=1)
    return _Crossed(group, influence, rate, count_by(place, answers.respondent, len(n)).reshape(shape))


def _error(found: GroupVariances, target: Target, n_cells: int) -> tuple[Floats, Codes]:
    """Give variances and degrees of freedom by group."""
    left = found.n_respondents - n_cells
    if target is Target.NEW_ITEMS:
        return found.twoway, np.minimum(left, found.n_items - 1)
    return found.respondent, left


def _reasons(crossed: _Crossed, shares: Mapping[str, float], variance: Floats, df: Codes) -> list[str]:
    """Say why groups have no rate or no interval."""
    return [
        _why_no_rate({name: n for name, n, share in zip(shares, people, shares.values(), strict=True) if share > 0})
        or why_no_interval(variance[at] ** 0.5, max(df[at] + 1, 0), 2)
        for at, people in enumerate(crossed.people)
    ]


def _why_no_rate(people: Mapping[str, int]) -> str:
    for least, reason in ((1, "no answers"), (2, "fewer than two respondents")):
        for name, n in people.items():
            if n < least:
                return f"{reason}: {name}"
    return ""


def _shared_difference(answers: Observations, is_first: Mask, is_second: Mask, level: float) -> Difference:
    n_items = int(answers.item.max(initial=-1)) + 1
    sizes = [np.bincount(answers.item[side], minlength=n_items) for side in (is_first, is_second)]
    shared = (sizes[0] > 0) & (sizes[1] > 0)
    kept = (is_first | is_second) & shared[answers.item]
    if not kept.any():
        return Difference(NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0, 0, NO_SHARED)
    used, x = answers.where(kept), is_first[kept].astype(float)
    n = np.where(shared, sizes[0] + sizes[1], 1)
    within = x - (np.where(shared, sizes[0], 0) / n)[used.item]
    squares = float((within**2).sum())
    estimate = float((within * used.value).sum()) / squares
    centred = used.value - (np.bincount(used.item, used.value, minlength=n_items) / n)[used.item]
    influence = within * (centred - estimate * within) / squares
    se = twoway_se(influence, used.respondent, used.item).twoway
    counts = len(used.value), used.n_respondents, used.n_items
    people = min(count_used(used.respondent[x == side]) for side in (1.0, 0.0))
    if reason := why_no_interval(se, people, counts[2]):
        return Difference(estimate, NAN, NAN, NAN, NAN, NAN, NAN, *counts, reason)
    df = min(people, counts[2]) - 1
    test = t_test(estimate, se, df, level, most=1.0)
    return Difference(estimate, se, test.ci_low, test.ci_high, test.statistic, df, test.p_value, *counts, reason="")
