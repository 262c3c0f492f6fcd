"""How large a factor's effect is, on one scale for all factors: the spread of its levels, freed of sampling noise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Codes, Floats, binary, codes, require
from analysis.stats.twoway import NEGLIGIBLE, count_by, intervals_by, require_level

NAN = float("nan")
NO_VARIATION = "no variation between respondents or items"
N_DRAWS = 4000
STEPS = 60  # halvings of the bracket in which an end of an interval is looked for
LEAST_SEEN = 0.16  # an interval ends no lower than if this much of pure noise lay below what was observed


@dataclass(frozen=True)
class LevelSpread:
    """The standard deviation of a factor's level effects on the share of 1s; `reason` says why it is missing.

    `estimate` is without sampling variance, and 0 where that is more than what was observed (`is_truncated`).
    `sd_observed`, `mean_abs_difference` and `largest_difference` are of the rates as observed: they grow by noise.
    """

    estimate: float
    ci_low: float
    ci_high: float
    p_value: float
    is_truncated: bool
    sd_observed: float
    sd_sampling: float
    mean_abs_difference: float
    largest_difference: float
    n_levels: int
    df: float
    n: int
    n_respondents: int
    n_items: int
    reason: str


class _Levels(NamedTuple):
    """Rates of levels with their two-way covariance, and what they rest on."""

    names: list[str]
    size: Codes
    rate: Floats
    covariance: Floats
    df: int
    n: int
    n_respondents: int
    n_items: int


CONTRAST_COLUMNS = ["estimate", "se", "ci_low", "ci_high", "statistic", "df", "p_value", "n", "n_items", "reason"]
SPREAD_COLUMNS = [field.name for field in fields(LevelSpread)]


def level_spread(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str | None,
    item: str,
    factor: str,
    seed: int,
    level: float = 0.95,
) -> LevelSpread:
    """Estimate the standard deviation of the levels of a factor in the share of 1s.

    Parameters
    ----------
    frame : DataFrame
        One answer per row; missing answers, and those without a level, are left out.
    value, item : str
        Columns: 0/1 answers, and about what.
    respondent : str or None
        Column that names who answered; None where there is nobody to draw anew, as with the answers of one model: then
        items alone are sampled.
    factor : str
        Column of levels. Levels with fewer than two respondents or two items are left out.
    seed : int
        Of the draws behind the interval.
    level : float
        Confidence level.

    Returns
    -------
    LevelSpread

    Notes
    -----
    With rates p_l of L levels: s² = sum_l (p_l - mean)² / (L - 1) - tr(C V) / (L - 1), truncated at 0, where V is the
    two-way covariance of the rates (respondents and items that several levels share are counted once) and C centres.
    With two levels s is their difference over the square root of 2: the same scale for all factors, which a range or
    a difference is not. Interval: the values of s at which a spread as observed lies within the middle `level` of
    those drawn, V's noise added on the t scale to effects in the observed direction; it may begin at 0. Where levels
    lie closer together than noise lets them (below its 16 % quantile) the interval ends where that quantile's would:
    luck shall not look like certainty. The p value is that of no effect at all.

    References
    ----------
    Gelman (2005), Annals of Statistics 33, 1-53 (standard deviations of batches of effects); Cochran (1954),
    Biometrics 10, 101-129 (subtracting sampling variance); Cameron, Gelbach & Miller (2011), JBES 29, 238-249. R:
    metafor::rma(method = "HE") is the same point where the rates are independent. Cowan, Cranmer, Gross & Vitells
    (2011), "Power-constrained limits", arXiv:1105.3166 (the end of the interval).
    """
    require_level(level)
    require(frame, [factor])
    levels = _levels(frame[frame[factor].notna()], value, respondent, item, factor)
    if len(levels.rate) < 2:
        return _missing(levels, "fewer than two levels with two respondents and two items")
    return _spread(levels, np.random.default_rng(seed), level)


def spread_by_factor(
    frame: pd.DataFrame,
    *,
    value: str,
    respondent: str | None,
    item: str,
    factors: Mapping[str, str],
    seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate `level_spread` of several factors: a row per factor, named by the keys of `factors`."""
    rows = [
        {
            "factor": name,
            **asdict(
                level_spread(
                    frame, value=value, respondent=respondent, item=item, factor=column, seed=seed, level=level
                )
            ),
        }
        for name, column in factors.items()
    ]
    return pd.DataFrame(rows, columns=["factor", *SPREAD_COLUMNS])


def level_contrasts(
    frame: pd.DataFrame, *, value: str, respondent: str | None, item: str, factor: str, level: float = 0.95
) -> pd.DataFrame:
    """Estimate how far each level of a factor lies above the mean of the levels in the share of 1s.

    Parameters
    ----------
    frame, value, respondent, item, factor, level
        As in `level_spread`.

    Returns
    -------
    DataFrame
        `factor_level`, in sorted order, with `CONTRAST_COLUMNS`.

    Notes
    -----
    C p with p the rates and C centring, every level weighing the same; standard errors from C V C with V as in
    `level_spread`, so that what levels share on the same items takes itself away. t with one degree of freedom less
    than there are clusters.

    References
    ----------
    Cameron, Gelbach & Miller (2011), JBES 29, 238-249. R: contr.sum in a regression of the 0/1 answers, with the HC0
    two-way `sandwich::vcovCL`.
    """
    require_level(level)
    require(frame, [factor])
    levels = _levels(frame[frame[factor].notna()], value, respondent, item, factor)
    if len(levels.rate) < 2:
        return pd.DataFrame(columns=["factor_level", *CONTRAST_COLUMNS])
    se = np.sqrt(np.maximum(np.diag(_centred(levels.covariance)), 0.0))
    is_told = se > NEGLIGIBLE
    df = np.full(len(se), float(levels.df))
    told = intervals_by(levels.rate - levels.rate.mean(), se, df, is_told, level, most=1.0)
    table = pd.DataFrame(told).assign(
        factor_level=levels.names, n=levels.size, n_items=levels.n_items, reason=np.where(is_told, "", NO_VARIATION)
    )
    return table.sort_values("factor_level", ignore_index=True)[["factor_level", *CONTRAST_COLUMNS]]


def _levels(frame: pd.DataFrame, value: str, respondent: str | None, item: str, factor: str) -> _Levels:
    answers = binary(frame, value, respondent or item, item)
    given = frame.loc[frame[value].notna(), factor]
    of_answer = codes(given.to_frame(), [factor])
    n_levels = int(of_answer.max(initial=-1)) + 1
    clusters = [answers.item] if respondent is None else [answers.respondent, answers.item]
    enough = np.minimum.reduce([count_by(of_answer, cluster, n_levels) for cluster in clusters]) >= 2
    names = [str(name) for name, is_enough in zip(given.unique(), enough, strict=True) if is_enough]
    kept = enough[of_answer]
    used, of_answer = answers.where(kept), (np.cumsum(enough) - 1)[of_answer[kept]].astype(np.intp)
    n_levels = int(enough.sum())
    n = np.bincount(of_answer, minlength=n_levels)
    rate = np.bincount(of_answer, used.value, minlength=n_levels) / n
    influence = (used.value - rate[of_answer]) / n[of_answer]
    by_item = _covariance(influence, of_answer, used.item, n_levels)
    n_items, n_respondents = used.n_items, 0 if respondent is None else used.n_respondents
    if respondent is None:
        return _Levels(names, n, rate, by_item, n_items - 1, len(used.value), 0, n_items)
    by_respondent = _covariance(influence, of_answer, used.respondent, n_levels)
    cell = codes(pd.DataFrame({"r": used.respondent, "i": used.item}), ["r", "i"])
    both = by_respondent + by_item - _covariance(influence, of_answer, cell, n_levels)
    covariance = max((both, by_respondent, by_item), key=lambda matrix: float(np.trace(_centred(matrix))))
    return _Levels(names, n, rate, covariance, min(n_respondents, n_items) - 1, len(used.value), n_respondents, n_items)


def _covariance(influence: Floats, of_answer: Codes, cluster: Codes, n_levels: int) -> Floats:
    n_clusters = int(cluster.max(initial=-1)) + 1
    totals = np.bincount(cluster * n_levels + of_answer, influence, minlength=n_clusters * n_levels)
    table = totals.reshape(n_clusters, n_levels)
    return np.asarray(table.T @ table)


def _centred(matrix: Floats) -> Floats:
    centre = np.eye(len(matrix)) - 1 / max(len(matrix), 1)
    return np.asarray(centre @ matrix @ centre)


def _spread(levels: _Levels, rng: np.random.Generator, level: float) -> LevelSpread:
    freedom = len(levels.rate) - 1
    effects = levels.rate - levels.rate.mean()
    observed = float((effects**2).sum()) / freedom
    roots, axes = np.linalg.eigh(_centred(levels.covariance))
    roots = np.maximum(roots, 0.0)
    sampling = float(roots.sum()) / freedom
    sizes = levels.df, levels.n, levels.n_respondents, levels.n_items
    pairs = np.abs(levels.rate[:, None] - levels.rate)[np.triu_indices(len(levels.rate), 1)]
    beside = observed**0.5, sampling**0.5, float(pairs.mean()), float(pairs.max()), len(levels.rate)
    estimate = max(observed - sampling, 0.0) ** 0.5
    if not sampling > NEGLIGIBLE**2:
        return LevelSpread(estimate, NAN, NAN, NAN, False, *beside, *sizes, NO_VARIATION)
    scale = np.sqrt(levels.df / rng.chisquare(levels.df, size=(N_DRAWS, 1)))
    noise = rng.normal(size=(N_DRAWS, len(roots))) * np.sqrt(roots) * scale
    length = np.linalg.norm(effects)
    direction = axes.T @ (effects / length) if length > 0 else np.eye(len(roots))[-1]
    # With noise e, a spread s in the direction u is seen as s² + 2 s u·e / sqrt(L - 1) + |e|² / (L - 1).
    cross, square = noise @ direction / freedom**0.5, (noise**2).sum(axis=1) / freedom
    p_value = (1 + int((square >= observed).sum())) / (N_DRAWS + 1)
    tail = (1 - level) / 2
    low = _where_below(cross, square, observed, 1 - tail)
    high = _where_below(cross, square, max(observed, float(np.quantile(square, LEAST_SEEN))), tail)
    return LevelSpread(estimate, low, high, p_value, observed < sampling, *beside, *sizes, reason="")


def _where_below(cross: Floats, square: Floats, observed: float, share: float) -> float:
    """Find the spread at which `share` of the draws lie below what was observed; 0 where fewer do already there."""

    def below(spread: float) -> float:
        return float((spread**2 + 2 * spread * cross + square <= observed).mean())

    if below(0.0) < share:
        return 0.0
    low, high = 0.0, 2 * (observed**0.5 + float(square.max()) ** 0.5)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) >= share else (low, middle)
    return low


def _missing(levels: _Levels, reason: str) -> LevelSpread:
    sizes = levels.n, levels.n_respondents, levels.n_items
    return LevelSpread(NAN, NAN, NAN, NAN, False, NAN, NAN, NAN, NAN, len(levels.rate), NAN, *sizes, reason)
