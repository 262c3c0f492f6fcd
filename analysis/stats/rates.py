"""Shares of answers, and differences of shares, when respondents and items repeat."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Floats, Mask, Observations, binary, require
from analysis.stats.twoway import require_level, t_test, twoway_se, why_no_interval

NAN = float("nan")


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


class _Share(NamedTuple):
    value: float
    influence: Floats


RATE_COLUMNS = [field.name for field in fields(Rate)]
DIFFERENCE_COLUMNS = [field.name for field in fields(Difference)]


def rate(frame: pd.DataFrame, *, value: str, respondent: str, item: str | Sequence[str], level: float = 0.95) -> Rate:
    """Estimate the share of 1s with a standard error clustered by respondent and by item.

    Parameters
    ----------
    frame : DataFrame
        One answer per row; missing answers are left out.
    value : str
        Column of 0/1 answers.
    respondent, item : str
        Columns that name who answered and about what; several item columns together name one unit.
    level : float
        Confidence level.

    Returns
    -------
    Rate

    Notes
    -----
    Influence of an answer: (y - p) / n. Interval: p ± t * SE with min(respondents, items) - 1 degrees of
    freedom, cut to [0, 1]; it speaks about new respondents and new items of the same kinds. Design effect:
    the two-way variance over that of independent answers, p(1 - p) / n.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Miller (2024), "Adding error bars to evals". R: the
    HC0 two-way `sandwich::vcovCL` of `lm(y ~ 1)`.
    """
    require_level(level)
    return _rate(binary(frame, value, respondent, item), level)


def rates_by(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    by: Sequence[str],
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate `rate` in every group of `by`, in sorted order; a missing group value is a group."""
    require(frame, by)
    groups = frame.groupby(list(by), dropna=False, observed=True)
    rows = [
        {
            **dict(zip(by, key, strict=True)),
            **asdict(rate(group, value=value, respondent=respondent, item=item, level=level)),
        }
        for key, group in groups
    ]
    return pd.DataFrame(rows, columns=[*by, *RATE_COLUMNS])


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


def _rate(answers: Observations, level: float) -> Rate:
    n, n_respondents, n_items = len(answers.value), answers.n_respondents, answers.n_items
    if n == 0:
        return Rate(NAN, NAN, NAN, NAN, NAN, 0, 0, 0, NAN, NAN, NAN, NAN, "no answers")
    share, influence = _share(answers.value)
    se = twoway_se(influence, answers.respondent, answers.item)
    reason = why_no_interval(se.twoway, n_respondents, n_items)
    if reason:
        return Rate(share, NAN, NAN, NAN, NAN, n, n_respondents, n_items, NAN, NAN, NAN, NAN, reason)
    df = min(n_respondents, n_items) - 1
    interval = t_test(share, se.twoway, df, level)
    return Rate(
        estimate=share,
        se=se.twoway,
        ci_low=max(interval.ci_low, 0.0),
        ci_high=min(interval.ci_high, 1.0),
        df=df,
        n=n,
        n_respondents=n_respondents,
        n_items=n_items,
        design_effect=se.twoway**2 / float((influence**2).sum()),
        se_respondent=se.respondent,
        se_item=se.item,
        se_naive=se.naive,
        reason="",
    )


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
    test = t_test(estimate, se, df, level)
    return Difference(estimate, se, test.ci_low, test.ci_high, test.statistic, df, test.p_value, *counts, reason="")
