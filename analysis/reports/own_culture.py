"""People in scenarios of their own country against other countries'."""

from __future__ import annotations

import pandas as pd

from analysis.parameters import Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.multiplicity import adjusted
from analysis.reports.tables import Made, OnStep
from analysis.stats.own_culture import Names, own_culture_effects
from survey.enums import Question, Relation
from survey.instruments.plan import Comparisons

WITHIN = ("method", "scale")  # the effects on all outcomes and countries by one method are one family of tests
P_VALUES = ("p_value", "p_equivalence")
STEP_LENGTH = 60  # what a run has room for

NAMES = Names(
    value="follows_culture",
    respondent="respondent_id",
    item="item_code",
    question="question",
    country="respondent_country",
    relation="relation",
    scenario_country="scenario_country",
    covariates=("age_bucket", "gender", "receiver_age", "receiver_gender"),
    own=Relation.SAME.value,
    gap=(Question.NORM.value, Question.PERSONAL.value),
)


def make(inputs: Inputs, on_step: OnStep) -> Made:
    return Made(
        {"own_culture": adjusted(own_culture_table(inputs, on_step), inputs, Comparisons.OWN_CULTURE, WITHIN, P_VALUES)}
    )


def own_culture_table(inputs: Inputs, on_step: OnStep) -> pd.DataFrame:
    """Give the effects before any adjustment for their number, computed once."""

    def make_table() -> pd.DataFrame:
        on_step("Own-country effect")
        return own_culture(inputs.answers, inputs.parameters, on_step)

    return inputs.once("own_culture", make_table)


def own_culture(answers: pd.DataFrame, parameters: Parameters, on_step: OnStep) -> pd.DataFrame:
    """Compare scenarios of one's own country with close and far ones, by several methods."""
    return own_culture_effects(
        answers,
        NAMES,
        level=parameters.level,
        sesoi=parameters.sesoi,
        on_step=lambda step: on_step(f"Own-country effect: {step}"[:STEP_LENGTH]),
    )
