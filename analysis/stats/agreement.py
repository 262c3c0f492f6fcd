"""How far people agree about the same item: plain and chance-corrected measures with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.agreement_influence import Influence, influences
from analysis.stats.agreement_points import NAN, NO_PAIR, ONE_CATEGORY, agreement_from_counts
from analysis.stats.observations import Codes, Floats, count_used
from analysis.stats.rated import Rated, read_rated
from analysis.stats.twoway import TwoWaySE, require_level, t_test, why_no_interval

MEASURES = ("pairwise_agreement", "alpha", "ac1", "brennan_prediger", "fleiss_kappa")
LOWEST = {"pairwise_agreement": 0.0}  # a measure that takes chance away is -1 at the lowest, with two answers or more
WITHOUT_END = (
    "fleiss_kappa"  # takes chance from items with one answer, too, and has no lowest value where there are any
)


@dataclass(frozen=True)
class AgreementEstimate:
    """One agreement measure with its clustered interval; `reason` says why a number is missing."""

    measure: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    df: float
    n: int
    n_respondents: int
    n_items: int
    se_respondent: float
    se_item: float
    se_naive: float
    reason: str


class Sizes(NamedTuple):
    """How many answers, respondents and items carry an estimate."""

    n: int
    n_respondents: int
    n_items: int


class Counted(NamedTuple):
    """Answers, their places in a table of units by categories, its counts, and how much carries an estimate."""

    rated: Rated
    place: Codes
    counts: Floats
    sizes: Sizes


def agreement(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    cluster: str | Sequence[str] | None = None,
    categories: Sequence[float] = (0.0, 1.0),
    level: float = 0.95,
) -> tuple[AgreementEstimate, ...]:
    """Estimate five agreement measures with intervals clustered by respondent and by item.

    Parameters
    ----------
    frame : DataFrame
        One answer per row and at most one per respondent and item; missing answers are left out.
    value, respondent : str
        Columns: the answers, coded as in `categories`, and who answered.
    item : str or sequence of str
        What was judged; several columns together name one unit (item and respondent country, say).
    cluster : str or sequence of str, optional
        Columns that name the item when `item` names units inside of it: an item judged in two countries is two
        units and one cluster. Without it every unit is a cluster.
    categories : sequence of float
        The possible answers, used or not.
    level : float
        Confidence level.

    Returns
    -------
    tuple of AgreementEstimate
        In the order of `MEASURES`; `n_items` counts clusters.

    Notes
    -----
    Formulas as in `agreement_from_counts`. Standard errors: infinitesimal jackknife in which a pair of
    answers weighs w_r w_s (r ≠ s, so nobody is paired with themselves, as happens when respondents are
    bootstrapped), summed by respondent and by item. Alpha weighs items by their answers; the others
    count every item once, so their item part is each item's own deviation from the mean. Interval on the t
    distribution with min(respondents, items) - 1 degrees of freedom over items with two answers, cut to the
    measure's largest value 1.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Gwet (2008), BJMSP 61, 29-48; Krippendorff (2011).
    R (points): irr::kripp.alpha, irrCAC::gwet.ac1.raw, irrCAC::fleiss.kappa.raw, irrCAC::bp.coeff.raw.
    """
    require_level(level)
    rated = read_rated(frame, value, respondent, item, cluster, categories)
    return estimates(rated, level)


def estimates(rated: Rated, level: float, measures: Sequence[str] = MEASURES) -> tuple[AgreementEstimate, ...]:
    """Estimate the measures from codes."""
    counted = count(rated)
    point = agreement_from_counts(counted.counts)
    if point.n_paired_items == 0:
        return tuple(interval_of(measure, NAN, None, counted, NO_PAIR, level) for measure in measures)
    moved = influences(counted.counts, point)
    found = []
    for measure in measures:
        estimate = getattr(point, measure)
        reason = ONE_CATEGORY if np.isnan(estimate) else ""
        found.append(interval_of(measure, estimate, moved[measure], counted, reason, level))
    return tuple(found)


def interval_of(
    measure: str, estimate: float, influence: Influence | None, counted: Counted, reason: str, level: float
) -> AgreementEstimate:
    """Put an interval around an estimate from its influences, unless there is a reason why not."""
    sizes = counted.sizes
    se = TwoWaySE(NAN, NAN, NAN, NAN)
    if influence is not None and not reason:
        se = spread(influence, counted)
        reason = why_no_interval(se.twoway, sizes.n_respondents, sizes.n_items)
    if reason:
        return AgreementEstimate(measure, estimate, NAN, NAN, NAN, NAN, *sizes, NAN, NAN, NAN, reason)
    df = min(sizes.n_respondents, sizes.n_items) - 1
    test = t_test(estimate, se.twoway, df, level)
    return AgreementEstimate(
        measure=measure,
        estimate=estimate,
        se=se.twoway,
        ci_low=max(test.ci_low, lowest(measure, counted.counts)),
        ci_high=min(test.ci_high, 1.0),
        df=df,
        **sizes._asdict(),
        se_respondent=se.respondent,
        se_item=se.item,
        se_naive=se.naive,
        reason="",
    )


def lowest(measure: str, *counts: Floats) -> float:
    """Give the lowest value that a measure can have in these counts."""
    if measure == WITHOUT_END and any((table.sum(axis=1) == 1).any() for table in counts):
        return -np.inf
    return LOWEST.get(measure, -1.0)


def count(rated: Rated) -> Counted:
    """Count the answers of units, and what carries the estimates."""
    place = rated.place
    counts = rated.counts(place)
    return Counted(rated, place, counts, sizes_of(rated, counts))


def sizes_of(rated: Rated, counts: Floats) -> Sizes:
    """Count what stands in units with two answers or more."""
    per_unit = counts.sum(axis=1)
    paired = per_unit >= 2
    if not paired.any():
        return Sizes(0, 0, 0)
    used = rated.respondent if paired.all() else rated.respondent[paired[rated.unit]]
    return Sizes(int(per_unit[paired].sum()), count_used(used), count_used(rated.cluster[paired]))


def spread(influence: Influence, counted: Counted) -> TwoWaySE:
    """Give the two-way standard errors of a table of influences; see `twoway.twoway_se`."""
    totals = np.bincount(counted.rated.respondent, influence.by_answer.ravel()[counted.place])
    by_respondent = float((totals**2).sum())
    by_item = float((np.bincount(counted.rated.cluster, influence.by_item) ** 2).sum())
    naive = float((counted.counts * influence.by_answer**2).sum())
    both = max(by_respondent + by_item - naive, by_respondent, by_item)
    return TwoWaySE(by_respondent**0.5, by_item**0.5, naive**0.5, both**0.5)
