"""How much each factor matters: the loss when it is dropped from a regression together with its interactions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from analysis.stats.glm import LogitFit, fit_terms, likelihood_ratio
from analysis.stats.observations import Floats
from analysis.stats.terms import Patterns, Term, design, without

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
        reduced = fit_terms(patterns, kept, _restricted(whole, patterns, kept))
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


def _restricted(whole: LogitFit, patterns: Patterns, kept: Sequence[Term]) -> Floats:
    """Take the full model's coefficients of the kept columns as a start."""
    value = dict(zip(whole.names, whole.coef, strict=True))
    return np.array([value.get(name, NAN) for name in design(patterns, kept).names])
