"""Models beside people."""

from __future__ import annotations

import pandas as pd

from analysis.reports.inputs import Inputs
from analysis.reports.tables import Made, OnStep
from analysis.stats.alignment import Columns, alignment_table, difference_table
from survey.llm.enums import Method

EXACT = (Method.FIRST_TOKEN, Method.VERBALISED)  # these give a probability, the others one choice a sample
SETTING = ("model_tag", "persona_setting", "method")
COLUMNS = Columns(
    item="item_code",
    question="question",
    respondent="respondent_id",
    human_value="follows_culture",
    model_value="p_follows_culture",
    by=SETTING,
    order="option_order",
    probability="is_probability",
)


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Alignment")
    models, parameters = with_probabilities(inputs.models), inputs.parameters
    level = parameters.level
    return Made(
        {
            "alignment": alignment_table(inputs.answers, models, COLUMNS, seed=parameters.seed, level=level),
            "alignment_differences": difference_table(inputs.answers, models, COLUMNS, model="model_tag", level=level),
        }
    )


def with_probabilities(models: pd.DataFrame) -> pd.DataFrame:
    """Add what counts as a model's answer: its probability where the method gives one, else its choice."""
    is_exact = models["method"].isin(EXACT)
    answer = models["follows_culture"].astype("float64").where(~is_exact, models["p_culture"])
    return models.assign(p_follows_culture=answer, is_probability=is_exact)
