"""People in scenarios of their own country against other countries'."""

from __future__ import annotations

import pandas as pd

from analysis.parameters import Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.tables import Made, OnStep
from analysis.stats.own_culture import own_culture_effect


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Own-country effect")
    return Made({"own_culture": own_culture(inputs.answers, inputs.parameters)})


def own_culture(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Compare scenarios of one's own country with close and far ones."""
    return own_culture_effect(
        answers,
        value="follows_culture",
        respondent="respondent_id",
        item="item_code",
        question="question",
        country="respondent_country",
        relation="relation",
        level=parameters.level,
    )
