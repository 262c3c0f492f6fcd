"""The paper's human regression: a ridge logit with dummies, and factors compared by drop-one deviance.

Its known faults (aliased columns when a main effect is dropped while its interaction stays, errors treated as
independent) are part of the frozen result; the tables that answer the same question properly are elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import erfc

Floats = npt.NDArray[np.float64]

RIDGE = 1e-6
MAX_STEPS = 100
TOLERANCE = 1e-7
COEFFICIENT_COLUMNS = ["term", "coef", "std_err", "z_value", "p_value", "model"]
DEVIANCE_COLUMNS = [
    "model",
    "dropped_factor",
    "full_deviance",
    "reduced_deviance",
    "drop_one_deviance",
    "full_df_model",
    "reduced_df_model",
    "df_difference",
]


class Dummies(NamedTuple):
    """Dummy columns for the levels of one variable, or of two joined by a colon."""

    prefix: str
    variables: tuple[str, ...]


TERMS: Mapping[str, tuple[Dummies, ...]] = {
    "question_type": (Dummies("question_type", ("question_type",)),),
    "respondent_country": (Dummies("respondent_country", ("respondent_country",)),),
    "respondent_demographics": (
        Dummies("respondent_age", ("respondent_age_bucket",)),
        Dummies("respondent_gender", ("respondent_gender",)),
    ),
    "receiver_demographics": (
        Dummies("receiver_age", ("receiver_age",)),
        Dummies("receiver_gender", ("receiver_gender",)),
    ),
    "country_relation": (Dummies("country_relation", ("country_relation",)),),
    "scenario_country": (Dummies("scenario_country", ("scenario_country",)),),
    "question_x_country": (Dummies("question_x_country", ("question_type", "respondent_country")),),
    "question_x_relation": (Dummies("question_x_relation", ("question_type", "country_relation")),),
    "participant_x_receiver_demographics": (
        Dummies("resp_age_x_recv_age", ("respondent_age_bucket", "receiver_age")),
        Dummies("resp_gender_x_recv_gender", ("respondent_gender", "receiver_gender")),
    ),
}
DROPPED: Mapping[str, str] = {
    "scenario_country": "scenario_country",
    "participant_country": "respondent_country",
    "country_relation": "country_relation",
    "question_type": "question_type",
    "question_x_country": "question_x_country",
    "question_x_relation": "question_x_relation",
    "participant_demographics": "respondent_demographics",
    "receiver_demographics": "receiver_demographics",
    "participant_x_receiver_demographics": "participant_x_receiver_demographics",
}
MODELS: Mapping[str, tuple[str, ...]] = {
    "combined_personal_vs_norm": ("personal", "norm"),
    "personal_choice_only": ("personal",),
    "norm_judgment_only": ("norm",),
}
COVARIATES = [
    "respondent_country",
    "respondent_age_bucket",
    "respondent_gender",
    "receiver_age",
    "receiver_gender",
    "country_relation",
    "scenario_country",
]


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


class RegressionTables(NamedTuple):
    """The coefficients of the three models and their drop-one deviances."""

    coefficients: pd.DataFrame
    deviances: pd.DataFrame


def regression_tables(human: pd.DataFrame) -> RegressionTables:
    """Fit the three models to coded answers; a model without answers is left out of both tables."""
    patterns = {question: covariate_patterns(human, question) for question in ("personal", "norm")}
    coefficients, deviances = [], []
    for model, questions in MODELS.items():
        data = pd.concat([patterns[question] for question in questions], ignore_index=True)
        if data.empty:
            continue
        terms = _terms(len(questions))
        full = fit(data, terms)
        coefficients.append(_coefficient_rows(model, full))
        deviances.append(_deviance_rows(model, data, terms, full))
    return RegressionTables(_stack(coefficients, COEFFICIENT_COLUMNS), _stack(deviances, DEVIANCE_COLUMNS))


def covariate_patterns(human: pd.DataFrame, question: str) -> pd.DataFrame:
    """Count answers (`n`) and A answers (`a`) per combination of covariates: same likelihood, fewer rows."""
    answered = human.loc[human[question].notna(), [*COVARIATES, question]]
    covariates = answered[COVARIATES].astype(object)
    covariates = covariates.where(covariates.notna(), "NA").map(str)
    groups = answered[question].groupby([covariates[name] for name in COVARIATES], sort=False)
    patterns = groups.agg(a="sum", n="size").reset_index()
    return patterns.assign(question_type=question)


def fit(patterns: pd.DataFrame, terms: Sequence[str]) -> Fit:
    """Fit a binomial logit with a ridge on everything but the intercept.

    Parameters
    ----------
    patterns : DataFrame
        Covariates with `a` successes in `n` trials per row.
    terms : sequence of str
        Keys of `TERMS`, in the order of the design's columns.

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


def design(patterns: pd.DataFrame, terms: Sequence[str]) -> Design:
    """Name and build the columns: an intercept, then dummies without the first level in sorted order."""
    columns: dict[str, Floats] = {"Intercept": np.ones(len(patterns))}
    for term in terms:
        for dummies in TERMS[term]:
            labels = _labels(patterns, dummies.variables)
            for level in np.unique(labels)[1:]:
                columns.setdefault(f"{dummies.prefix}_{level}", (labels == level).astype(float))
    return Design(list(columns), np.column_stack(list(columns.values())))


def _labels(patterns: pd.DataFrame, variables: tuple[str, ...]) -> npt.NDArray[np.str_]:
    rows = zip(*(patterns[name] for name in variables), strict=True)
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


def _terms(n_questions: int) -> list[str]:
    return [term for term in TERMS if n_questions > 1 or not term.startswith("question")]


def _coefficient_rows(model: str, full: Fit) -> pd.DataFrame:
    z = np.divide(full.coef, full.std_err, out=np.full_like(full.coef, np.nan), where=full.std_err > 0)
    columns = {"term": full.terms, "coef": full.coef, "std_err": full.std_err, "z_value": z}
    return pd.DataFrame(columns).assign(p_value=erfc(np.abs(z) / np.sqrt(2.0)), model=model)


def _deviance_rows(model: str, data: pd.DataFrame, terms: list[str], full: Fit) -> pd.DataFrame:
    rows = []
    for label, dropped in DROPPED.items():
        if dropped not in terms:
            continue
        reduced = fit(data, [term for term in terms if term != dropped])
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


def _stack(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
