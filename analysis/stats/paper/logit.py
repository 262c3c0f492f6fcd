"""The paper's logit: dummies without the first level, a small ridge, factors compared by drop-one deviance.

Its known faults (aliased columns when a main effect is dropped while its interaction stays, errors treated as
independent) are part of the frozen result; the tables that answer the same question properly are elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

RIDGE = 1e-6
MAX_STEPS = 100
TOLERANCE = 1e-7


class Dummies(NamedTuple):
    """Dummy columns for the levels of one variable, or of two joined by a colon."""

    prefix: str
    variables: tuple[str, ...]


Terms = Mapping[str, tuple[Dummies, ...]]


class Design(NamedTuple):
    """A design matrix and the names of its columns."""

    names: list[str]
    matrix: Floats


class Fit(NamedTuple):
    """One fitted model: coefficients in the order of `terms`, deviance, rank of the design less one."""

    terms: list[str]
    coef: Floats
    std_err: Floats
    deviance: float
    df_model: int


def covariate_patterns(rows: pd.DataFrame, covariates: Sequence[str], outcome: str) -> pd.DataFrame:
    """Count answers (`n`) and A answers (`a`) per combination of covariates: same likelihood, fewer rows."""
    answered = rows.loc[rows[outcome].notna(), [*covariates, outcome]]
    levels = answered[list(covariates)].astype(object)
    levels = levels.where(levels.notna(), "NA").map(str)
    groups = answered[outcome].groupby([levels[name] for name in covariates], sort=False)
    return groups.agg(a="sum", n="size").reset_index()


def fit(patterns: pd.DataFrame, terms: Terms) -> Fit:
    """Fit a binomial logit with a ridge on everything but the intercept.

    Parameters
    ----------
    patterns : DataFrame
        Covariates with `a` successes in `n` trials per row.
    terms : mapping
        Dummies by the name of their term, in the order of the design's columns.

    Returns
    -------
    Fit

    Notes
    -----
    Newton steps on sum(a log p + (n - a) log(1 - p)) - ridge/2 * |b|^2, at most 100, until no coefficient
    moves by 1e-7; linear predictor clipped to 35, weights p(1 - p) to 1e-7. Standard errors are those of
    the inverse penalised information: above 50 they belong to an aliased column and mean nothing.
    """
    names, x = design(patterns, terms)
    a, n = patterns["a"].to_numpy(float), patterns["n"].to_numpy(float)
    ridge = np.full(x.shape[1], RIDGE)
    ridge[0] = 0.0
    beta = np.zeros(x.shape[1])
    for _ in range(MAX_STEPS):
        p = _probability(x @ beta)
        step = _solve(_information(x, n, p, ridge), x.T @ (a - n * p) - ridge * beta)
        beta = beta + step
        if np.max(np.abs(step)) < TOLERANCE:
            break
    p = np.clip(_probability(x @ beta), 1e-12, 1.0 - 1e-12)
    deviance = -2.0 * float(np.sum(a * np.log(p) + (n - a) * np.log(1.0 - p)))
    variances = np.diag(np.linalg.pinv(_information(x, n, p, ridge)))
    rank = int(np.linalg.matrix_rank(x))
    return Fit(names, beta, np.sqrt(np.clip(variances, 0.0, None)), deviance, max(rank - 1, 0))


def drop_one(model: str, data: pd.DataFrame, terms: Terms, dropped: Mapping[str, str], full: Fit) -> pd.DataFrame:
    """Refit without each term in turn; `dropped` gives the terms by the label of their row."""
    rows = []
    for label, term in dropped.items():
        if term not in terms:
            continue
        reduced = fit(data, {name: dummies for name, dummies in terms.items() if name != term})
        rows.append(
            {
                "model": model,
                "dropped_factor": label,
                "full_deviance": full.deviance,
                "reduced_deviance": reduced.deviance,
                "drop_one_deviance": reduced.deviance - full.deviance,
                "full_df_model": full.df_model,
                "reduced_df_model": reduced.df_model,
                "df_difference": full.df_model - reduced.df_model,
            }
        )
    return pd.DataFrame(rows)


def design(patterns: pd.DataFrame, terms: Terms) -> Design:
    """Name and build the columns: an intercept, then dummies without the first level in sorted order."""
    columns: dict[str, Floats] = {"Intercept": np.ones(len(patterns))}
    for term in terms.values():
        for dummies in term:
            labels = _labels(patterns, dummies.variables)
            for level in np.unique(labels)[1:]:
                columns.setdefault(f"{dummies.prefix}_{level}", (labels == level).astype(float))
    return Design(list(columns), np.column_stack(list(columns.values())))


def _labels(patterns: pd.DataFrame, variables: tuple[str, ...]) -> npt.NDArray[np.str_]:
    rows = zip(*(patterns[name].to_numpy(dtype=object) for name in variables), strict=True)
    return np.array([":".join(row) for row in rows], dtype=str)


def _probability(eta: Floats) -> Floats:
    p: Floats = 1.0 / (1.0 + np.exp(-np.clip(eta, -35.0, 35.0)))
    return p


def _information(x: Floats, n: Floats, p: Floats, ridge: Floats) -> Floats:
    weights = n * np.clip(p * (1.0 - p), 1e-7, None)
    information: Floats = (x.T * weights) @ x + np.diag(ridge)
    return information


def _solve(information: Floats, gradient: Floats) -> Floats:
    try:
        step = np.asarray(np.linalg.solve(information, gradient), dtype=np.float64)
    except np.linalg.LinAlgError:
        step = np.asarray(np.linalg.pinv(information) @ gradient, dtype=np.float64)
    return step
