"""The share that follows the culture, over all and in groups."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd

from analysis.parameters import Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.multiplicity import adjusted
from analysis.reports.tables import GROUPINGS, Made, OnStep, labelled, stacked
from analysis.reshape import to_wide
from analysis.stats.rates import Target, gaps_by, rates_by
from analysis.stats.rates_standard import poststratified_by, shared_differences
from survey.enums import Question
from survey.instruments.plan import Comparisons

WHO: dict[str, Any] = {"respondent": "respondent_id", "item": "item_code"}
CORE, SHARED = "core", "shared"


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Rates")
    answers, parameters = inputs.answers, inputs.parameters
    wide = to_wide(answers)
    return Made(
        {
            "rates": rates(answers, wide, parameters),
            "rates_crossed": rates_crossed(answers, wide, parameters),
            "rates_poststratified": rates_poststratified(answers, parameters),
            "country_differences": adjusted(
                country_differences(answers, parameters), inputs, Comparisons.COUNTRY_DIFFERENCES
            ),
        }
    )


def rates(answers: pd.DataFrame, wide: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Give the share that follows culture, and the gap norm minus personal, over all and in groups.

    The interval speaks about new items; that about these items stands beside.
    """
    stated = answers.assign(overall="all")
    both = wide.assign(overall="all")
    parts = []
    for grouping, column in {"overall": "overall", **GROUPINGS}.items():
        for question in Question.values:
            found = _both_targets(stated[stated["question"] == question], [column], parameters.level)
            parts.append(labelled(found, column, grouping=grouping, measure=question))
        gaps = _gaps(both, [column], parameters.level)
        parts.append(labelled(gaps, column, grouping=grouping, measure="gap"))
    return stacked(parts, ["grouping", "group", "measure"])


def rates_crossed(answers: pd.DataFrame, wide: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Give the same in every crossing of two groupings."""
    parts = []
    for (first, column), (second, other) in combinations(GROUPINGS.items(), 2):
        labels = {"grouping": f"{first} × {second}"}
        for question in Question.values:
            asked = answers[answers["question"] == question]
            found = rates_by(asked, value="follows_culture", by=[column, other], level=parameters.level, **WHO)
            parts.append(_crossed(found, column, other).assign(measure=question, **labels))
        parts.append(
            _crossed(_gaps(wide, [column, other], parameters.level), column, other).assign(measure="gap", **labels)
        )
    return stacked(parts, ["grouping", "group", "group_2", "measure"])


def rates_poststratified(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Give each country's share as if all cells of age and gender were equally many there."""
    parts = []
    for question in Question.values:
        found = poststratified_by(
            answers[answers["question"] == question],
            value="follows_culture",
            by=["respondent_country"],
            cell="demographic_cell",
            level=parameters.level,
            **WHO,
        )
        parts.append(labelled(found, "respondent_country", measure=question))
    return stacked(parts, ["group", "measure"])


def country_differences(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Compare countries on the same items: those of the core where it was judged, else all that two share."""
    core = answers[answers["is_core"].fillna(False).astype(bool)]
    has_core = core["respondent_country"].nunique() >= 2
    parts = []
    for question in Question.values:
        compared = core if has_core else answers
        found = shared_differences(
            compared[compared["question"] == question],
            value="follows_culture",
            group="respondent_country",
            level=parameters.level,
            **WHO,
        )
        parts.append(found.assign(question=question, items=CORE if has_core else SHARED))
    return stacked(parts, ["first", "second", "question", "items"])


def _both_targets(asked: pd.DataFrame, by: list[str], level: float) -> pd.DataFrame:
    new = rates_by(asked, value="follows_culture", by=by, level=level, **WHO)
    these = rates_by(asked, value="follows_culture", by=by, level=level, target=Target.THESE_ITEMS, **WHO)
    return new.assign(ci_low_these_items=these["ci_low"], ci_high_these_items=these["ci_high"])


def _gaps(wide: pd.DataFrame, by: list[str], level: float) -> pd.DataFrame:
    first, second = "norm_follows_culture", "personal_follows_culture"
    return gaps_by(wide, first=first, second=second, by=by, level=level, **WHO)


def _crossed(frame: pd.DataFrame, column: str, other: str) -> pd.DataFrame:
    second = labelled(frame[[other]], other)
    return labelled(frame.drop(columns=other), column).assign(group_2=second["group"] if len(second) else None)
