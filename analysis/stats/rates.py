"""Shares of answers, and differences of shares, when respondents and items repeat."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Codes, Floats, Mask, Observations, binary, codes, require
from analysis.stats.twoway import (
    GroupVariances,
    count_by,
    intervals_by,
    require_level,
    t_test,
    twoway_se,
    variances_by,
    why_no_interval,
)

NAN = float("nan")


class Target(StrEnum):
    """What an interval speaks about: new people judging other items of these kinds, or exactly these items."""

    NEW_ITEMS = "new_items"
    THESE_ITEMS = "these_items"


@dataclass(frozen=True)
class Rate:
    """A share of 1s with its clustered interval; `reason` says why a number is missing."""

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    df: float
    n: int
    n_respondents: int
    n_items: int
    design_effect: float
    se_respondent: float
    se_item: float
    se_naive: float
    reason: str


@dataclass(frozen=True)
class Difference:
    """A difference of two shares with its clustered interval and test; `reason` as in `Rate`."""

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    df: float
    p_value: float
    n: int
    n_respondents: int
    n_items: int
    reason: str


class _Side(NamedTuple):
    """One of the two answers of a gap, by group."""

    name: str
    given: Mask
    share: Floats
    n: Codes
    n_respondents: Codes
    n_items: Codes


class _Share(NamedTuple):
    value: float
    influence: Floats


RATE_COLUMNS = [field.name for field in fields(Rate)]
DIFFERENCE_COLUMNS = [field.name for field in fields(Difference)]


def rate(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    target: Target = Target.NEW_ITEMS,
    level: float = 0.95,
) -> Rate:
    """Estimate the share of 1s with a standard error clustered by respondent and by item.

    Parameters
    ----------
    frame : DataFrame
        One answer per row; missing answers are left out.
    value : str
        Column of 0/1 answers.
    respondent, item : str
        Columns that name who answered and about what; several item columns together name one unit.
    target : Target
        Whether the interval speaks about new respondents and new items of the same kinds, or about new respondents
        judging these items.
    level : float
        Confidence level.

    Returns
    -------
    Rate

    Notes
    -----
    Influence of an answer: (y - p) / n. Interval: p ± t * SE, cut to [0, 1]. For new items the variance is two-way
    with min(respondents, items) - 1 degrees of freedom; for these items it is that between respondents with
    respondents - 1. Design effect: that variance over the one of independent answers, p(1 - p) / n.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Miller (2024), "Adding error bars to evals". R: the
    HC0 `sandwich::vcovCL` of `lm(y ~ 1)`, two-way or by respondent; survey::svymean.
    """
    require_level(level)
    answers = binary(frame, value, respondent, item)
    table = _grouped(answers, np.zeros(len(answers.value), dtype=np.intp), 1, level, target)
    return Rate(**{name: np.asarray(column)[0].item() for name, column in table.items()})


def rates_by(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    by: Sequence[str],
    target: Target = Target.NEW_ITEMS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate `rate` in every group of `by`, in sorted order; a missing group value is a group.

    Several columns in `by` are crossed. All groups are done in one pass over the answers.
    """
    require_level(level)
    require(frame, [value, *by])
    group, names = grouped(frame, by)
    answered = frame[value].notna().to_numpy()
    table = _grouped(binary(frame, value, respondent, item), group[answered], len(names), level, target)
    return names.assign(**table)[[*by, *RATE_COLUMNS]]


def grouped(frame: pd.DataFrame, by: Sequence[str]) -> tuple[Codes, pd.DataFrame]:
    """Number the groups of `by` in sorted order, missing values as groups of their own, and give their names."""
    if frame.empty:
        return np.zeros(0, dtype=np.intp), frame[list(by)].copy()
    numbers = frame.groupby(list(by), dropna=False, observed=True).ngroup().to_numpy().astype(np.intp)
    first = np.unique(numbers, return_index=True)[1]
    return numbers, frame[list(by)].iloc[first].reset_index(drop=True)


def difference(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str,
    group: str,
    first: str,
    second: str,
    level: float = 0.95,
) -> Difference:
    """Estimate the rate among rows with `group` = `first` minus that among rows with `second`.

    Parameters
    ----------
    frame : DataFrame
        One answer per row; rows of other groups are ignored.
    value, respondent, item, group : str
        Columns: 0/1 answers, who answered, about what, and in which group.
    first, second : str
        The two levels of `group`.
    level : float
        Confidence level.

    Returns
    -------
    Difference

    Notes
    -----
    Influence of an answer: (y - p_first) / n_first, or -(y - p_second) / n_second; respondents or items in
    both groups are one cluster each, so paired designs gain from their pairing. Degrees of freedom: the
    smaller group's min(respondents, items) - 1, on the cautious side.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249. R: the HC0 two-way `sandwich::vcovCL` of `lm(y ~
    group)`.
    """
    require_level(level)
    require(frame, [value, group])
    if first == second:
        raise ValueError(f"a difference needs two groups, not {first} twice")
    rows = frame[frame[group].isin([first, second]) & frame[value].notna()]
    answers = binary(rows, value, respondent, item)
    return _difference(answers, (rows[group] == first).to_numpy(bool), (first, second), level)


def gap(frame: pd.DataFrame, *, first: str, second: str, respondent: str, item: str, level: float = 0.95) -> Difference:
    """Estimate the rate in column `first` minus that in column `second` of the same rows.

    Notes
    -----
    As `difference`, with both answers of a person to an item in one cell; a row with one answer counts in its
    column. R: the HC0 two-way
    `sandwich::vcovCL` of `lm(y ~ question)` on stacked answers.
    """
    require(frame, [first, second, respondent, item])
    parts = [
        frame[[respondent, item]].assign(answer=frame[column].astype(float), question=column)
        for column in (first, second)
    ]
    stacked = pd.concat(parts, ignore_index=True)
    return difference(
        stacked,
        value="answer",
        respondent=respondent,
        item=item,
        group="question",
        first=first,
        second=second,
        level=level,
    )


def gaps_by(
    frame: pd.DataFrame, *, first: str, second: str, respondent: str, item: str, by: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Estimate `gap` in every group of `by`, as `rates_by` does rates; one row per respondent and item."""
    require_level(level)
    require(frame, [first, second, respondent, item, *by])
    group, names = grouped(frame, by)
    people, items = codes(frame, [respondent]), codes(frame, [item])
    n_groups = len(names)
    influence = np.zeros(len(frame))
    sides = []
    for column, sign in ((first, 1.0), (second, -1.0)):
        values = frame[column].to_numpy(float, na_value=NAN)
        given = ~np.isnan(values)
        own = group[given]
        n = np.bincount(own, minlength=n_groups)
        share = np.bincount(own, values[given], minlength=n_groups) / np.where(n > 0, n, NAN)
        influence[given] += sign * (values[given] - share[own]) / n[own]
        clusters = [count_by(own, part[given], n_groups) for part in (people, items)]
        sides.append(_Side(column, given, share, n, clusters[0], clusters[1]))
    any_given = sides[0].given | sides[1].given
    used = group[any_given], people[any_given], items[any_given]
    found = variances_by(influence[any_given], *used, n_groups)
    se = np.sqrt(found.twoway)
    reasons = [_why_not(se[place], sides, place) for place in range(n_groups)]
    clusters = np.minimum.reduce([np.minimum(side.n_respondents, side.n_items) for side in sides])
    estimate = sides[0].share - sides[1].share
    is_told = np.array([not reason for reason in reasons], dtype=bool)
    told = intervals_by(estimate, se, (clusters - 1).astype(float), is_told, level, most=1.0)
    sizes = {"n": sides[0].n + sides[1].n, "n_respondents": found.n_respondents, "n_items": found.n_items}
    return names.assign(**told, **sizes, reason=reasons)[[*by, *DIFFERENCE_COLUMNS]]


def _grouped(answers: Observations, group: Codes, n_groups: int, level: float, target: Target) -> dict[str, Any]:
    """Estimate the rate of every group: columns of `Rate`, an array each."""
    n = np.bincount(group, minlength=n_groups)
    share = np.bincount(group, answers.value, minlength=n_groups) / np.where(n > 0, n, NAN)
    influence = (answers.value - share[group]) / n[group]
    found = variances_by(influence, group, answers.respondent, answers.item, n_groups)
    is_new = target is Target.NEW_ITEMS
    variance = found.twoway if is_new else found.respondent
    clusters = np.minimum(found.n_respondents, found.n_items) if is_new else found.n_respondents
    reasons = [
        why_no_interval(v**0.5, r, i if is_new else r) if size else "no answers"
        for v, r, i, size in zip(variance, found.n_respondents, found.n_items, n, strict=True)
    ]
    naive = np.bincount(group, influence**2, minlength=n_groups).astype(float)
    return {**rate_columns(share, found, variance, naive, clusters - 1, reasons, level), "n": n}


def rate_columns(
    estimate: Floats,
    found: GroupVariances,
    variance: Floats,
    naive: Floats,
    df: Codes,
    reasons: list[str],
    level: float,
) -> dict[str, Any]:
    """Give the columns of `Rate` but `n`, an array each; without interval where there is a reason."""
    is_told = np.array([not reason for reason in reasons], dtype=bool)
    told = intervals_by(estimate, np.sqrt(variance), df.astype(float), is_told, level)
    return {
        "estimate": estimate,
        "se": told["se"],
        "ci_low": np.maximum(told["ci_low"], 0.0),
        "ci_high": np.minimum(told["ci_high"], 1.0),
        "df": told["df"],
        "n_respondents": found.n_respondents,
        "n_items": found.n_items,
        "design_effect": np.where(is_told, variance / np.where(is_told, naive, 1.0), NAN),
        "se_respondent": np.where(is_told, np.sqrt(found.respondent), NAN),
        "se_item": np.where(is_told, np.sqrt(found.item), NAN),
        "se_naive": np.where(is_told, np.sqrt(found.cell), NAN),
        "reason": reasons,
    }


def _why_not(se: float, sides: Sequence[_Side], place: int) -> str:
    empty = next((side.name for side in sides if side.n[place] == 0), None)
    if empty is not None:
        return f"no answers: {empty}"
    reasons = ((side, why_no_interval(se, side.n_respondents[place], side.n_items[place])) for side in sides)
    return next((f"{reason}: {side.name}" for side, reason in reasons if reason), "")


def _share(value: Floats) -> _Share:
    share = float(value.mean())
    return _Share(share, (value - share) / len(value))


def _difference(answers: Observations, is_first: Mask, labels: tuple[str, str], level: float) -> Difference:
    groups = answers.where(is_first), answers.where(~is_first)
    counts = len(answers.value), answers.n_respondents, answers.n_items
    for label, group in zip(labels, groups, strict=True):
        if len(group.value) == 0:
            return Difference(NAN, NAN, NAN, NAN, NAN, NAN, NAN, *counts, f"no answers: {label}")
    influence = np.empty(len(answers.value))
    first, influence[is_first] = _share(groups[0].value)
    second, part = _share(groups[1].value)
    influence[~is_first] = -part
    estimate = first - second
    se = twoway_se(influence, answers.respondent, answers.item).twoway
    for label, group in zip(labels, groups, strict=True):
        reason = why_no_interval(se, group.n_respondents, group.n_items)
        if reason:
            return Difference(estimate, NAN, NAN, NAN, NAN, NAN, NAN, *counts, f"{reason}: {label}")
    df = min(min(group.n_respondents, group.n_items) for group in groups) - 1
    test = t_test(estimate, se, df, level, most=1.0)
    return Difference(estimate, se, test.ci_low, test.ci_high, test.statistic, df, test.p_value, *counts, reason="")
