"""The share that follows the culture, over all and in groups."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from analysis.parameters import Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.tables import GROUPINGS, Made, OnStep, labelled, stacked
from analysis.reshape import to_wide
from analysis.stats.rates import gap, rates_by
from survey.enums import Question


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Rates")
    return Made({"rates": rates(inputs.answers, inputs.parameters)})


def rates(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Give the share that follows culture, and the gap norm minus personal, over all and in groups."""
    stated = answers.assign(overall="all")
    wide = to_wide(answers).assign(overall="all")
    parts = []
    for grouping, column in {"overall": "overall", **GROUPINGS}.items():
        for question in Question.values:
            found = rates_by(
                stated[stated["question"] == question],
                value="follows_culture",
                respondent="respondent_id",
                item="item_code",
                by=[column],
                level=parameters.level,
            )
            parts.append(labelled(found, column, grouping=grouping, measure=question))
        parts.append(labelled(_gaps(wide, column, parameters.level), column, grouping=grouping, measure="gap"))
    return stacked(parts, ["grouping", "group", "measure"])


def _gaps(wide: pd.DataFrame, column: str, level: float) -> pd.DataFrame:
    rows = []
    for key, group in wide.groupby(column, dropna=False, observed=True):
        difference = gap(
            group,
            first="norm_follows_culture",
            second="personal_follows_culture",
            respondent="respondent_id",
            item="item_code",
            level=level,
        )
        rows.append({column: key, **asdict(difference)})
    return pd.DataFrame(rows)
