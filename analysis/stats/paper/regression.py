"""The paper's regressions of human answers, and the factors compared by drop-one deviance."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import erfc

from analysis.stats.paper.logit import Dummies, Fit, Terms, covariate_patterns, drop_one, fit

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


TERMS: Terms = {
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


class RegressionTables(NamedTuple):
    """The coefficients of the three models and their drop-one deviances."""

    coefficients: pd.DataFrame
    deviances: pd.DataFrame


def regression_tables(human: pd.DataFrame) -> RegressionTables:
    """Fit the three models to coded answers; one without answers has an intercept of zero, as in the paper."""
    if human.empty:
        return RegressionTables(pd.DataFrame(columns=COEFFICIENT_COLUMNS), pd.DataFrame(columns=DEVIANCE_COLUMNS))
    patterns = {question: _patterns(human, question) for question in ("personal", "norm")}
    coefficients, deviances = [], []
    for model, questions in MODELS.items():
        data = pd.concat([patterns[question] for question in questions], ignore_index=True)
        terms = _terms(len(questions))
        full = fit(data, terms)
        coefficients.append(_coefficient_rows(model, full))
        deviances.append(drop_one(model, data, terms, DROPPED, full))
    return RegressionTables(
        pd.concat(coefficients, ignore_index=True)[COEFFICIENT_COLUMNS],
        pd.concat(deviances, ignore_index=True)[DEVIANCE_COLUMNS],
    )


def _patterns(human: pd.DataFrame, question: str) -> pd.DataFrame:
    return covariate_patterns(human, COVARIATES, question).assign(question_type=question)


def _terms(n_questions: int) -> Terms:
    return {name: term for name, term in TERMS.items() if n_questions > 1 or not name.startswith("question")}


def _coefficient_rows(model: str, full: Fit) -> pd.DataFrame:
    z = np.divide(full.coef, full.std_err, out=np.full_like(full.coef, np.nan), where=full.std_err > 0)
    columns = {"term": full.terms, "coef": full.coef, "std_err": full.std_err, "z_value": z}
    return pd.DataFrame(columns).assign(p_value=erfc(np.abs(z) / np.sqrt(2.0)), model=model)
