"""Agreement of people of the same country about the same item."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.parameters import Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.tables import GROUPINGS, Made, OnStep, labelled, stacked
from analysis.stats.agreement import agreement_by
from survey.enums import Question

AGREEMENT_GROUPINGS = ("overall", "country", "relation")
WITHIN_CULTURE = ("item_code", "respondent_country")  # people are compared with people of their own country
PAPER_NOTE = "the paper gives no interval"


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Agreement")
    return Made({"agreement": agreement(inputs.answers, inputs.parameters)})


def agreement(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Give agreement within countries, over all and in groups, with the paper's measure beside."""
    parts = []
    stated = answers.assign(overall="all")
    columns = {"overall": "overall", **GROUPINGS}
    for grouping in AGREEMENT_GROUPINGS:
        column = columns[grouping]
        for question in Question.values:
            asked = stated[stated["question"] == question]
            found = agreement_by(
                asked,
                value="follows_culture",
                respondent="respondent_id",
                item=WITHIN_CULTURE,
                by=[column],
                level=parameters.level,
            )
            both = (found, _paper_agreement(asked, column))
            parts += [labelled(part, column, grouping=grouping, question=question) for part in both]
    return stacked(parts, ["grouping", "group", "question", "measure"])


def _paper_agreement(asked: pd.DataFrame, column: str) -> pd.DataFrame:
    """Give the size of the larger side of a group's pooled answers, which the paper calls agreement."""
    groups = asked.groupby(column, dropna=False, observed=True)
    counts = groups.agg(
        rate=("follows_culture", "mean"),
        n=("follows_culture", "size"),
        n_respondents=("respondent_id", "nunique"),
        n_items=("item_code", "nunique"),
    )
    counts["estimate"] = np.maximum(counts["rate"], 1 - counts["rate"])
    return counts.drop(columns="rate").reset_index().assign(measure="majority_agreement_paper", reason=PAPER_NOTE)
