"""How far people agree about the same item: plain and chance-corrected measures with intervals."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.stats.observations import Codes, Floats, Observations, answers, require
from analysis.stats.twoway import require_level, t_test, twoway_se, why_no_interval

NAN = float("nan")
MEASURES = ("pairwise_agreement", "alpha", "ac1", "brennan_prediger")
NO_PAIR = "no item has two answers"
ONE_CATEGORY = "every answer is the same"


@dataclass(frozen=True)
class AgreementPoint:
    """Agreement in one count matrix, without intervals; `reason` says why alpha (or all) is missing."""

    pairwise_agreement: float
    pair_weighted_agreement: float
    alpha: float
    ac1: float
    brennan_prediger: float
    majority_agreement: float
    n_items: int
    n_paired_items: int
    n_ratings: int
    reason: str


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


class _Sizes(NamedTuple):
    n: int
    n_respondents: int
    n_items: int


class _Influence(NamedTuple):
    """Derivatives of one measure by the weight of each answer and by the weight of each item."""

    answer: Floats
    item: Floats


AGREEMENT_COLUMNS = [field.name for field in fields(AgreementEstimate)]


def agreement_from_counts(counts: npt.ArrayLike) -> AgreementPoint:
    """Compute agreement from a matrix of counts, items by categories.

    Parameters
    ----------
    counts : array of shape (items, categories)
        How many people gave each answer; items may have different totals, and categories nobody used still
        count as categories for AC1 and Brennan-Prediger.

    Returns
    -------
    AgreementPoint

    Notes
    -----
    With n_ic answers c of n_i to item i, and items with n_i >= 2 unless said otherwise:
    pairwise agreement A_i = sum_c n_ic (n_ic - 1) / (n_i (n_i - 1)), unbiased for the chance that two
    people agree; its mean over items and its mean over pairs; alpha = 1 - D_o / D_e with D_o = sum_i n_i (1
    - A_i) / W and D_e = (W² - sum_c N_c²) / (W (W - 1)); AC1 = (A - e) / (1 - e) with e = sum_c pi_c (1 -
    pi_c) / (K - 1) and pi_c the mean share over all items with an answer; Brennan-Prediger the same with e
    = 1 / K. `majority_agreement` is the mean share of the largest category over all items with an answer:
    biased upwards, for comparison only.

    References
    ----------
    Krippendorff (2011), "Computing Krippendorff's alpha-reliability"; Gwet (2008), BJMSP 61, 29-48; Brennan
    & Prediger (1981), EPM 41, 687-699. R: irr::kripp.alpha, irrCAC::gwet.ac1.raw, irrCAC::bp.coeff.raw.
    """
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError("counts must be a matrix with a row per item and at least two categories")
    if not (np.isfinite(table).all() and (table >= 0).all()):
        raise ValueError("counts must be finite and not negative")
    sizes = table.sum(axis=1)
    table, sizes = table[sizes > 0], sizes[sizes > 0]
    paired = sizes >= 2
    totals = len(sizes), int(paired.sum()), int(sizes.sum())
    majority = float((table.max(axis=1) / sizes).mean()) if len(sizes) else NAN
    if not paired.any():
        return AgreementPoint(NAN, NAN, NAN, NAN, NAN, majority, *totals, reason=NO_PAIR)
    pairs = sizes[paired] * (sizes[paired] - 1)
    disagreeing = sizes[paired] ** 2 - (table[paired] ** 2).sum(axis=1)
    mean = float((1 - disagreeing / pairs).mean())
    chance, uniform = _ac1_chance(table, sizes), 1 / table.shape[1]
    alpha = _alpha(table[paired], sizes[paired])
    return AgreementPoint(
        pairwise_agreement=mean,
        pair_weighted_agreement=float(1 - disagreeing.sum() / pairs.sum()),
        alpha=alpha,
        ac1=(mean - chance) / (1 - chance),
        brennan_prediger=(mean - uniform) / (1 - uniform),
        majority_agreement=majority,
        n_items=totals[0],
        n_paired_items=totals[1],
        n_ratings=totals[2],
        reason=ONE_CATEGORY if np.isnan(alpha) else "",
    )


def agreement(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    categories: Sequence[float] = (0.0, 1.0),
    level: float = 0.95,
) -> tuple[AgreementEstimate, ...]:
    """Estimate four agreement measures with intervals clustered by respondent and by item.

    Parameters
    ----------
    frame : DataFrame
        One answer per row and at most one per respondent and item; missing answers are left out.
    value, respondent : str
        Columns: the answers, coded as in `categories`, and who answered.
    item : str or sequence of str
        What was judged; several columns together name one unit (item and respondent country, say).
    categories : sequence of float
        The possible answers, used or not.
    level : float
        Confidence level.

    Returns
    -------
    tuple of AgreementEstimate
        In the order of `MEASURES`.

    Notes
    -----
    Formulas as in `agreement_from_counts`. Standard errors: infinitesimal jackknife in which a pair of
    answers weighs w_r w_s (r ≠ s, so nobody is paired with themselves, as happens when respondents are
    bootstrapped), summed by respondent and by item. Alpha weighs items by their answers; the other three
    count every item once, so their item part is each item's own deviation from the mean. Interval on the t
    distribution with min(respondents, items) - 1 degrees of freedom over items with two answers, cut to the
    measure's largest value 1.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249; Gwet (2008), BJMSP 61, 29-48; Krippendorff (2011).
    R (points): irr::kripp.alpha, irrCAC::gwet.ac1.raw, irrCAC::bp.coeff.raw.
    """
    require_level(level)
    rated = answers(frame, value, respondent, item)
    category = _categories(rated.value, categories, value)
    cells = rated.respondent * (int(rated.item.max(initial=0)) + 1) + rated.item
    if len(np.unique(cells)) < len(cells):
        raise ValueError("agreement needs at most one answer per respondent and item")
    return _estimates(rated, category, len(categories), level)


def agreement_by(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    by: Sequence[str],
    categories: Sequence[float] = (0.0, 1.0),
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate `agreement` in every group of `by`: one row per group and measure."""
    require(frame, by)
    rows = []
    for key, group in frame.groupby(list(by), dropna=False, observed=True):
        estimates = agreement(group, value=value, respondent=respondent, item=item, categories=categories, level=level)
        rows += [{**dict(zip(by, key, strict=True)), **asdict(estimate)} for estimate in estimates]
    return pd.DataFrame(rows, columns=[*by, *AGREEMENT_COLUMNS])


def reliability_of_mean(alpha: float, n: float) -> float:
    """Give the reliability of an item's rate from `n` answers (Spearman-Brown: n a / (1 + (n - 1) a))."""
    return n * alpha / (1 + (n - 1) * alpha)


def answers_for_reliability(alpha: float, reliability: float) -> float:
    """Give the answers per item at which a rate reaches `reliability`; missing when alpha is not positive."""
    if not 0 < reliability < 1:
        raise ValueError(f"reliability must lie between 0 and 1, not {reliability}")
    return reliability * (1 - alpha) / (alpha * (1 - reliability)) if alpha > 0 else NAN


def _alpha(table: Floats, sizes: Floats) -> float:
    total = sizes.sum()
    observed = float((sizes * (sizes**2 - (table**2).sum(axis=1)) / (sizes * (sizes - 1))).sum() / total)
    expected = float((total**2 - (table.sum(axis=0) ** 2).sum()) / (total * (total - 1)))
    return 1 - observed / expected if expected > 0 else NAN


def _ac1_chance(table: Floats, sizes: Floats) -> float:
    shares = (table / sizes[:, None]).mean(axis=0)
    return float((shares * (1 - shares)).sum() / (table.shape[1] - 1))


def _categories(values: Floats, categories: Sequence[float], name: str) -> Codes:
    order = np.argsort(categories)
    ordered = np.asarray(categories, dtype=float)[order]
    if len(np.unique(ordered)) < 2 or len(np.unique(ordered)) < len(ordered):
        raise ValueError("categories must be at least two different numbers")
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    if not np.array_equal(ordered[place], values):
        raise ValueError(f"{name}: answers outside the categories {list(categories)}")
    return order[place]


def _counts(category: Codes, item: Codes, n_categories: int) -> Floats:
    n_items = int(item.max()) + 1 if len(item) else 0
    flat = np.bincount(item * n_categories + category, minlength=n_items * n_categories)
    return flat.reshape(n_items, n_categories).astype(float)


def _influences(counts: Floats, category: Codes, item: Codes, point: AgreementPoint) -> dict[str, _Influence]:
    pairwise = _pairwise_influence(counts, category, item, point.pairwise_agreement)
    uniform = 1 / counts.shape[1]
    scaled = _Influence(pairwise.answer / (1 - uniform), pairwise.item / (1 - uniform))
    return {
        "pairwise_agreement": pairwise,
        "alpha": _alpha_influence(counts, category, item),
        "ac1": _ac1_influence(counts, category, item, pairwise, point.pairwise_agreement),
        "brennan_prediger": scaled,
    }


def _pairwise_influence(counts: Floats, category: Codes, item: Codes, mean: float) -> _Influence:
    sizes = counts.sum(axis=1)
    paired = sizes >= 2
    pairs = np.where(paired, sizes * (sizes - 1), 1.0)
    disagreeing = sizes**2 - (counts**2).sum(axis=1)
    deviations = np.where(paired, 1 - disagreeing / pairs - mean, 0.0)
    change = 2 * (sizes[item] - counts[item, category]) / pairs[item]
    change -= disagreeing[item] * 2 * (sizes[item] - 1) / pairs[item] ** 2
    return _Influence(-change / paired.sum(), deviations / paired.sum())


def _ac1_influence(counts: Floats, category: Codes, item: Codes, pairwise: _Influence, mean: float) -> _Influence:
    sizes = counts.sum(axis=1)
    shares = counts / sizes[:, None]
    overall = shares.mean(axis=0)
    slope = (1 - 2 * overall) / (counts.shape[1] - 1)
    by_item = (shares - overall) @ slope / len(sizes)
    by_answer = (slope[category] - shares[item] @ slope) / (sizes[item] * len(sizes))
    chance = _ac1_chance(counts, sizes)
    to_mean, to_chance = 1 / (1 - chance), (mean - 1) / (1 - chance) ** 2
    return _Influence(to_mean * pairwise.answer + to_chance * by_answer, to_mean * pairwise.item + to_chance * by_item)


def _alpha_influence(counts: Floats, category: Codes, item: Codes) -> _Influence:
    sizes = counts.sum(axis=1)
    paired = sizes >= 2
    used, total = counts[paired], sizes[paired].sum()
    by_category = used.sum(axis=0)
    expected = (total**2 - (by_category**2).sum()) / total**2
    if expected == 0:
        return _Influence(np.zeros(len(item)), np.zeros(len(counts)))
    pairs = np.where(paired, sizes * (sizes - 1), 1.0)
    disagreeing = sizes**2 - (counts**2).sum(axis=1)
    weighted = float((sizes * disagreeing / pairs)[paired].sum())
    n, own, pair, odd = sizes[item], counts[item, category], pairs[item], disagreeing[item]
    change = odd / pair + 2 * n * (n - own) / pair - n * odd * 2 * (n - 1) / pair**2
    observed_part = (change / total - weighted / total**2) / expected
    expected_change = 2 * (total - by_category[category]) / total**2
    expected_change -= 2 * (total**2 - (by_category**2).sum()) / total**3
    answer = -observed_part + weighted / total * expected_change / expected**2
    return _Influence(answer, np.bincount(item, answer, minlength=len(counts)).astype(float))


def _estimates(rated: Observations, category: Codes, n_categories: int, level: float) -> tuple[AgreementEstimate, ...]:
    counts = _counts(category, rated.item, n_categories)
    point = agreement_from_counts(counts)
    paired = counts.sum(axis=1)[rated.item] >= 2
    used = rated.where(paired)
    sizes = _Sizes(len(used.value), used.n_respondents, used.n_items)
    if point.n_paired_items == 0:
        return tuple(_missing(measure, sizes, NO_PAIR) for measure in MEASURES)
    influences = _influences(counts, category[paired], used.item, point)
    return tuple(
        _estimate(measure, getattr(point, measure), influences[measure], used, sizes, level) for measure in MEASURES
    )


def _estimate(
    measure: str,
    estimate: float,
    influence: _Influence,
    used: Observations,
    sizes: _Sizes,
    level: float,
) -> AgreementEstimate:
    if np.isnan(estimate):
        return _missing(measure, sizes, ONE_CATEGORY)
    se = twoway_se(influence.answer, used.respondent, used.item, influence.item)
    reason = why_no_interval(se.twoway, sizes.n_respondents, sizes.n_items)
    if reason:
        return _missing(measure, sizes, reason, estimate)
    df = min(sizes.n_respondents, sizes.n_items) - 1
    test = t_test(estimate, se.twoway, df, level)
    return AgreementEstimate(
        measure=measure,
        estimate=estimate,
        se=se.twoway,
        ci_low=test.ci_low,
        ci_high=min(test.ci_high, 1.0),
        df=df,
        **sizes._asdict(),
        se_respondent=se.respondent,
        se_item=se.item,
        se_naive=se.naive,
        reason="",
    )


def _missing(measure: str, sizes: _Sizes, reason: str, estimate: float = NAN) -> AgreementEstimate:
    return AgreementEstimate(measure, estimate, NAN, NAN, NAN, NAN, *sizes, NAN, NAN, NAN, reason)
