"""Is agreement higher in one group than in another? Differences of the measures of agreement."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from analysis.stats.agreement import MEASURES, Sizes, sizes_of
from analysis.stats.agreement_influence import Influence, influences
from analysis.stats.agreement_points import NAN, ONE_CATEGORY, agreement_from_counts
from analysis.stats.observations import count_used
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
    cluster. Degrees of freedom: the smaller group's, on the cautious side.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Vanbelle (2017), Psychometrika 82, 399-419 (comparing
    dependent kappas by the delta method).
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
    first, second = (part.by_answer.ravel()[one.place] for part, one in zip(parts, pair, strict=True))
    items = np.bincount(pair[0].cluster, parts[0].by_item - parts[1].by_item).astype(float)
    se = twoway_se(np.concatenate([first, -second]), respondents, clusters, items).twoway
    smallest = min(sizes, key=lambda size: min(size.n_respondents, size.n_items))
    reason = why_no_interval(se, smallest.n_respondents, smallest.n_items)
    if reason:
        return AgreementDifference(measure, estimate, NAN, NAN, NAN, NAN, NAN, NAN, *total, reason)
    df = min(smallest.n_respondents, smallest.n_items) - 1
    test = t_test(estimate, se, df, level)
    return AgreementDifference(
        measure, estimate, se, test.ci_low, test.ci_high, test.statistic, df, test.p_value, *total, reason=""
    )
