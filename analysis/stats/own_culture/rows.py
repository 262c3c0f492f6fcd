"""One row of the own-culture table: an effect by one method, its interval and its two tests."""

from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from scipy.special import stdtr

from analysis.stats.rates import Difference
from analysis.stats.twoway import t_test, why_no_interval

NAN = float("nan")
GAP = "gap"
ALL_COUNTRIES = "all"


class Method(StrEnum):
    """How an effect was estimated; the first is the primary one, the others show how much hangs on it."""

    MIXED = "mixed"
    TWO_WAY = "logit_two_way"
    SCENARIO_COUNTRY = "mixed_scenario_country"
    RANDOM_SLOPE = "mixed_random_slope"
    ITEM_MEAN = "mixed_item_mean"
    WITHIN_ITEM = "within_item"
    RATE_DIFFERENCE = "rate_difference"


class Scale(StrEnum):
    """What an estimate is counted in: differences of shares, or of logits."""

    SHARE = "share"
    LOG_ODDS = "log_odds"


@dataclass(frozen=True)
class Effect:
    """One contrast for one outcome and place; `reason` says why a number is missing."""

    outcome: str
    country: str
    contrast: str
    method: str
    scale: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    df: float
    p_value: float
    p_equivalence: float
    n: int
    n_respondents: int
    n_items: int
    reason: str


EFFECT_COLUMNS = [field.name for field in fields(Effect)]


@dataclass(frozen=True)
class Label:
    """Of what a row is."""

    outcome: str
    country: str
    contrast: str
    method: Method
    n: int
    n_respondents: int
    n_items: int


@dataclass(frozen=True)
class Choices:
    """Confidence level, and the smallest effect size of interest, in shares."""

    level: float = 0.95
    sesoi: float = 0.05


def effect_of(label: Label, estimate: float, se: float, choices: Choices, scale: Scale = Scale.SHARE) -> Effect:
    """Form the interval, the test of no effect and, for shares, the test of equivalence.

    Notes
    -----
    t with min(respondents, items) - 1 degrees of freedom: the normal distribution for large studies, wider for
    small ones. Equivalence: the larger of the two one-sided p-values against +- the smallest effect of interest.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680; Lakens (2017), Social
    Psychological and Personality Science 8, 355-362. R: `TOSTER::tsum_TOST`.
    """
    reason = why_no_interval(se, label.n_respondents, label.n_items)
    if reason:
        return missing(label, reason, scale, estimate)
    df = min(label.n_respondents, label.n_items) - 1
    most = np.inf if scale != Scale.SHARE else 2.0 if label.outcome == GAP else 1.0
    test = t_test(estimate, se, df, choices.level, most)
    equivalence = equivalence_p(estimate, se, df, choices.sesoi) if scale == Scale.SHARE else NAN
    return Effect(
        label.outcome, label.country, label.contrast, label.method, scale, estimate, se, test.ci_low, test.ci_high,
        test.statistic, df, test.p_value, equivalence, label.n, label.n_respondents, label.n_items, "",
    )  # fmt: skip


def equivalence_p(estimate: float, se: float, df: float, sesoi: float) -> float:
    """Give the p-value of two one-sided t-tests that the effect lies within plus or minus `sesoi`."""
    if sesoi <= 0:
        raise ValueError(f"the smallest effect size of interest must be positive, not {sesoi}")
    below, above = (estimate + sesoi) / se, (estimate - sesoi) / se
    return float(max(stdtr(df, -below), stdtr(df, above)))


def missing(label: Label, reason: str, scale: Scale = Scale.SHARE, estimate: float = NAN) -> Effect:
    """Keep the row with the reason why there is no number, or no interval."""
    return Effect(
        label.outcome, label.country, label.contrast, label.method, scale, estimate, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
        label.n, label.n_respondents, label.n_items, reason,
    )  # fmt: skip


def of_difference(label: Label, found: Difference, choices: Choices) -> Effect:
    """Turn a difference of rates into a row."""
    if found.reason:
        return missing(label, found.reason, estimate=found.estimate)
    equivalence = equivalence_p(found.estimate, found.se, found.df, choices.sesoi)
    return Effect(
        label.outcome, label.country, label.contrast, label.method, Scale.SHARE, found.estimate, found.se,
        found.ci_low, found.ci_high, found.statistic, found.df, found.p_value, equivalence, found.n,
        found.n_respondents, found.n_items, "",
    )  # fmt: skip
