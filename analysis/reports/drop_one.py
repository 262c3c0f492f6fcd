"""What a regression of all answers loses without each factor: as the paper counts, and beside people and items."""

from __future__ import annotations

import pandas as pd

from analysis.reports.inputs import Inputs
from analysis.reports.multiplicity import adjusted
from analysis.reports.own_culture import NAMES
from analysis.reports.tables import Made, OnStep
from analysis.stats.drop_one import drop_one, drop_one_mixed
from analysis.stats.mixed import RandomTerm
from analysis.stats.observations import codes
from analysis.stats.own_culture import pool_rare
from analysis.stats.terms import Term, count_patterns
from survey.instruments.plan import Comparisons

ORIGIN = "scenario_country"
FIXED = ("question", "respondent_country", "relation", *NAMES.covariates)
INTERACTIONS: list[Term] = [
    ("question", "respondent_country"),
    ("question", "relation"),
    ("age_bucket", "receiver_age"),
    ("gender", "receiver_gender"),
]
FACTORS: dict[str, list[Term]] = {
    "question": [("question",)],
    "respondent_country": [("respondent_country",)],
    "relation": [("relation",)],
    "respondent": [("age_bucket",), ("gender",)],
    "receiver": [("receiver_age",), ("receiver_gender",)],
    "question_x_country": [("question", "respondent_country")],
    "question_x_relation": [("question", "relation")],
    "respondent_x_receiver": INTERACTIONS[2:],
}
MIN_ORIGINS = 3
COLUMNS = [
    "factor", "deviance", "df", "p_value", "deviance_less_df", "aic", "mcfadden", "mixed_statistic", "mixed_df",
    "mixed_p_value", "n", "reason",
]  # fmt: skip


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Factors, one dropped at a time")
    found = table(inputs.answers)
    return Made({"drop_one": adjusted(found, inputs, Comparisons.DROP_ONE, p_values=("p_value", "mixed_p_value"))})


def table(answers: pd.DataFrame) -> pd.DataFrame:
    """Drop each factor from the regression of both questions' answers, and from the mixed model."""
    answered = answers[answers["follows_culture"].notna() & answers["relation"].notna()]
    if answered.empty:
        return pd.DataFrame(columns=COLUMNS)
    frame = pool_rare(answered.reset_index(drop=True), NAMES)
    terms: list[Term] = [*((name,) for name in FIXED), *INTERACTIONS]
    patterns = count_patterns(frame, value="follows_culture", variables=[*FIXED, ORIGIN])
    plain = drop_one(patterns, [*terms, (ORIGIN,)], {**FACTORS, ORIGIN: [(ORIGIN,)]})
    found = plain.merge(_mixed(frame, terms), on="factor", how="left")
    with_both = found["reason"].where(found["reason"] != "", found["mixed_reason"].fillna(""))
    return found.assign(reason=with_both)[COLUMNS]


def _mixed(frame: pd.DataFrame, terms: list[Term]) -> pd.DataFrame:
    random = [RandomTerm(name, name, codes(frame, [name])) for name in ("respondent_id", "item_code")]
    origins = {}
    if frame[ORIGIN].nunique() >= MIN_ORIGINS:
        origins[ORIGIN] = RandomTerm(ORIGIN, ORIGIN, codes(frame, [ORIGIN]))
    patterns = count_patterns(frame, value="follows_culture", variables=FIXED)
    value = frame["follows_culture"].to_numpy(float)
    found = drop_one_mixed(patterns, terms, FACTORS, value, random, origins)
    kept = found[["factor", "statistic", "df", "p_value", "reason"]]
    return kept.rename(columns={name: f"mixed_{name}" for name in ("statistic", "df", "p_value", "reason")})
