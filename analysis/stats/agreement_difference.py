"""Is agreement higher in one group than in another? Differences of the measures of agreement."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.agreement import MEASURES, Sizes, lowest, sizes_of
from analysis.stats.agreement_influence import Influence, influences
from analysis.stats.agreement_points import NAN, ONE_CATEGORY, agreement_from_counts
from analysis.stats.observations import Codes, Floats, count_used
from analysis.stats.rated import Rated, read_pair
from analysis.stats.twoway import require_level, t_test, twoway_se, why_no_interval


@dataclass(frozen=True)
class AgreementDifference:
    """A difference of one agreement measure between two groups, with interval and test; `reason` as above."""

    measure: str
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


ITEMS_ONCE = frozenset(MEASURES) - {"alpha"}
SHARES = ("pairwise_agreement", "disagreement", "from_mean", "given_mean")  # the others range from -1 to 1
DIFFERENCE_COLUMNS = [field.name for field in fields(AgreementDifference)]


def agreement_difference(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    group: str,
    first: str,
    second: str,
    cluster: str | Sequence[str] | None = None,
    categories: Sequence[float] = (0.0, 1.0),
    level: float = 0.95,
) -> tuple[AgreementDifference, ...]:
    """Estimate each measure among rows with `group` = `first` minus that among rows with `second`.

    Parameters
    ----------
    frame, value, respondent, item, cluster, categories, level
        As in `agreement`, with at most one answer per respondent, item and group.
    group, first, second : str
        The column of groups and the two levels that are compared; other rows are ignored.

    Returns
    -------
    tuple of AgreementDifference
        In the order of `MEASURES`.

    Notes
    -----
    The influences of `agreement`, those of the second group negative; a respondent or an item in both groups is one
    cluster. With some thirty items a group its standard errors would be too small and t intervals too short, so that:
    the total of a cluster with a share h of its group's answers (of its units, where every item counts once) counts as
    total / (1 - h), nearly what leaving it out changes; the degrees of freedom are Satterthwaite's of a sum of squared
    totals g that differ, (sum g²)² / sum g⁴ over respondents and items, and no more than the smaller group's clusters
    less one.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Vanbelle (2017), Psychometrika 82, 399-419 (comparing
    dependent kappas by the delta method). Mancl & DeRouen (2001), Biometrics 57, 126-134 (leverage); Fay & Graubard
    (2001), Biometrics 57, 1198-1206 (degrees of freedom); in R, for regressions, `clubSandwich` with type "CR3".
    """
    require_level(level)
    pair = read_pair(frame, value, respondent, item, group, (first, second), cluster, categories)
    points = [agreement_from_counts(part.counts()) for part in pair]
    both = list(zip(pair, points, strict=True))
    moved = [influences(part.counts(), point) if point.n_paired_items else {} for part, point in both]
    found = []
    for measure in MEASURES:
        first_value, second_value = (getattr(point, measure) for point in points)
        reason = next((point.reason or ONE_CATEGORY for point in points if np.isnan(getattr(point, measure))), "")
        parts = [] if reason else [by_measure[measure] for by_measure in moved]
        found.append(compare(measure, first_value - second_value, pair, parts, reason, level))
    return tuple(found)


def compare(
    measure: str, estimate: float, pair: Sequence[Rated], parts: Sequence[Influence], reason: str, level: float
) -> AgreementDifference:
    """Put the interval of a difference together from the influences of both groups, the second's still positive."""
    counts = [part.counts() for part in pair]
    sizes = [sizes_of(part, count) for part, count in zip(pair, counts, strict=True)]
    respondents = np.concatenate([part.respondent for part in pair])
    clusters = np.concatenate([part.cluster[part.unit] for part in pair])
    total = Sizes(len(respondents), count_used(respondents), count_used(clusters)) if len(respondents) else (0, 0, 0)
    if reason:
        return AgreementDifference(measure, estimate, NAN, NAN, NAN, NAN, NAN, NAN, *total, reason)
    smallest = min(sizes, key=lambda size: min(size.n_respondents, size.n_items))
    weights = [_weights(measure, count) for count in counts]
    error = _error(pair, parts, weights, respondents, clusters)
    reason = why_no_interval(error.se, smallest.n_respondents, smallest.n_items)
    if reason:
        return AgreementDifference(measure, estimate, NAN, NAN, NAN, NAN, NAN, NAN, *total, reason)
    se, df = error.se, min(error.df, smallest.n_respondents - 1, smallest.n_items - 1)
    most = 1.0 if measure in SHARES else 1.0 - lowest(measure, *counts)
    test = t_test(estimate, se, df, level, most=most)
    return AgreementDifference(
        measure, estimate, se, test.ci_low, test.ci_high, test.statistic, df, test.p_value, *total, reason=""
    )


class _Error(NamedTuple):
    """A two-way standard error and its degrees of freedom."""

    se: float
    df: float


def _weights(measure: str, counts: Floats) -> Floats:
    """Give the weight of each unit in a measure: its answers, or one, where two people answered."""
    sizes = counts.sum(axis=1)
    return np.where(sizes >= 2, np.ones_like(sizes) if measure in ITEMS_ONCE else sizes, 0.0)


def _error(
    pair: Sequence[Rated], parts: Sequence[Influence], weights: Sequence[Floats], respondents: Codes, clusters: Codes
) -> _Error:
    """Estimate the error of a difference, corrected for few clusters."""
    sides = [part.by_answer.ravel()[one.place] for part, one in zip(parts, pair, strict=True)]
    by_item = [
        np.bincount(one.cluster, part.by_item) / _rest(np.bincount(one.cluster, weight))
        for one, part, weight in zip(pair, parts, weights, strict=True)
    ]
    by_person = [
        side / _rest(np.bincount(one.respondent, weight[one.unit] > 0))[one.respondent]
        for one, side, weight in zip(pair, sides, weights, strict=True)
    ]
    items = by_item[0] - by_item[1]
    people = np.bincount(respondents, np.concatenate([by_person[0], -by_person[1]]))
    plain = twoway_se(np.concatenate([sides[0], -sides[1]]), respondents, clusters)
    squares = np.concatenate([people, items]) ** 2
    of_people, of_items = float((people**2).sum()), float((items**2).sum())
    variance = max(of_people + of_items - plain.naive**2, of_people, of_items)
    total = float((squares**2).sum())
    return _Error(float(np.sqrt(variance)), float(squares.sum() ** 2 / total) if total > 0 else NAN)


def _rest(weights: Floats | Codes) -> Floats:
    """Give the share that each cluster leaves to the others; no less than a half."""
    return np.asarray(np.maximum(1 - weights / max(float(weights.sum()), 1.0), 0.5), dtype=np.float64)
