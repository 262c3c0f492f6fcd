"""Models beside people."""

from __future__ import annotations

import pandas as pd

from analysis.parameters import Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.tables import Made, OnStep
from analysis.stats.alignment import alignment_table


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Alignment")
    return Made({"alignment": alignment(inputs.answers, inputs.models, inputs.parameters)})


def alignment(answers: pd.DataFrame, models: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Compare each model, question and persona setting with people; answers to both orders count alike."""
    return alignment_table(
        answers,
        models,
        item="item_code",
        question="question",
        human_value="follows_culture",
        model_value="follows_culture",
        by=["model_tag", "persona_setting"],
        seed=parameters.seed,
        n_resamples=parameters.n_resamples,
        level=parameters.level,
    )
