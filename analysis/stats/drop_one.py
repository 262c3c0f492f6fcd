"""How much each factor matters: the loss when it is dropped from a regression together with its interactions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from analysis.stats.glm import LogitFit, fit_terms, likelihood_ratio
from analysis.stats.mixed import MixedFit, RandomTerm, fit_mixed, likelihood_ratio_p
from analysis.stats.observations import Floats
from analysis.stats.terms import Patterns, Term, without

NAN = float("nan")


@dataclass(frozen=True)
class Dropped:
    """One factor's loss; `reason` says why there is none."""

    factor: str
    deviance: float
    df: int
    p_value: float
    deviance_less_df: float
    aic: float
    mcfadden: float
    n: int
    reason: str


DROP_COLUMNS = [field.name for field in fields(Dropped)]


def drop_one(
    patterns: Patterns, terms: Sequence[Term], factors: Mapping[str, Sequence[Term]], full: LogitFit | None = None
) -> pd.DataFrame:
    """Drop each factor in turn and test what the regression loses.

    Parameters
    ----------
    patterns : Patterns
        Answers per covariate pattern.
    terms : sequence of tuple of str
        The terms of the full model.
    factors : mapping
        Names of factors to the terms that are dropped, each with every interaction that contains it.
    full : LogitFit, optional
        The full model where it is fitted already.

    Returns
    -------
    DataFrame
        One row per factor: `deviance` (the likelihood-ratio statistic), `df`, `p_value`, the deviance less its
        degrees of freedom (0 is expected of a factor that does nothing, whatever its number of levels), the change
        of the AIC, and McFadden's partial R2 (the deviance relative to that of the empty model). The p-value
        takes the answers as independent.

    Notes
    -----
    A main effect is not dropped while an interaction with it stays: with all dummies of the interaction nothing would
    be lost, and with some of them the loss would hang on the choice of the first level. A factor that the others
    determine has df = 0 and a reason.

    References
    ----------
    McCullagh & Nelder (1989), 3.5; McFadden (1974), in Frontiers in Econometrics, 105-142. R: `anova(reduced, full,
    test = "LRT")`; for terms alone `drop1(full, test = "LRT")`.
    """
    whole = fit_terms(patterns, terms) if full is None else full
    empty = fit_terms(patterns, [])
    rows = []
    for factor, dropped in factors.items():
        kept = without(terms, dropped)
        if len(kept) == len(terms):
            continue
        reduced = fit_terms(patterns, kept, whole, with_errors=False)
        test = likelihood_ratio(whole, reduced)
        loss = Dropped(
            factor=factor,
            deviance=test.statistic,
            df=test.df,
            p_value=test.p_value,
            deviance_less_df=test.statistic - test.df,
            aic=reduced.aic - whole.aic if test.df else NAN,
            mcfadden=test.statistic / empty.deviance if empty.deviance > 0 else NAN,
            n=whole.n,
            reason=test.reason,
        )
        rows.append(asdict(loss))
    return pd.DataFrame(rows, columns=DROP_COLUMNS)


def drop_one_mixed(
    patterns: Patterns,
    terms: Sequence[Term],
    factors: Mapping[str, Sequence[Term]],
    value: Floats,
    random: Sequence[RandomTerm],
    dropped_random: Mapping[str, RandomTerm],
) -> pd.DataFrame:
    """Drop each factor from a mixed model, in which people and items differ, and test what the likelihood loses.

    Parameters
    ----------
    patterns, terms, factors
        As for `drop_one`, of the fixed part.
    value : array (answers,)
        The 0/1 answers, in the order of `patterns.pattern`.
    random : sequence of RandomTerm
        What always stays: respondents and items.
    dropped_random : mapping
        Factors that are random effects, such as the scenario's country, whose items would otherwise count as its own.

    Returns
    -------
    DataFrame
        `factor`, `statistic`, `df`, `p_value`, `n` and `reason`, one row per factor, fixed ones first.

    Notes
    -----
    Fixed factors: chi-square. A random factor is tested on the boundary, by half a chi-square with one degree of
    freedom (Self & Liang 1987). Laplace likelihoods.

    References
    ----------
    Self & Liang (1987), Journal of the American Statistical Association 82, 605-610. R: `anova(reduced, full)` of
    `lme4::glmer` fits; for the random factor its p-value halved.
    """
    whole = [*random, *dropped_random.values()]
    full = fit_mixed(patterns, terms, value, whole, with_errors=False)
    rows: list[dict[str, object]] = []
    for factor, dropped in factors.items():
        kept = without(terms, dropped)
        if len(kept) == len(terms):
            continue
        reduced = fit_mixed(patterns, kept, value, whole, full, with_errors=False)
        df = int(np.isfinite(full.coef).sum() - np.isfinite(reduced.coef).sum())
        statistic, p_value = likelihood_ratio_p(full, reduced, df)
        rows.append(_mixed_row(factor, full, reduced, statistic, df, p_value))
    for factor, term in dropped_random.items():
        others = [one for one in whole if one.name != term.name]
        reduced = fit_mixed(patterns, terms, value, others, full, with_errors=False)
        statistic, p_value = likelihood_ratio_p(full, reduced, 1)
        rows.append(_mixed_row(factor, full, reduced, statistic, 1, 0.5 * p_value))
    return pd.DataFrame(rows, columns=["factor", "statistic", "df", "p_value", "n", "reason"])


def _mixed_row(
    factor: str, full: MixedFit, reduced: MixedFit, statistic: float, df: int, p_value: float
) -> dict[str, object]:
    reason = ""
    if not (full.converged and reduced.converged):
        reason = full.reason or reduced.reason
    elif df == 0:
        reason = "the other terms already determine it"
    if reason:
        statistic, p_value = NAN, NAN
    return {"factor": factor, "statistic": statistic, "df": df, "p_value": p_value, "n": full.n, "reason": reason}
