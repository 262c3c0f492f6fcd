"""Base models beside the instruct models made from them, in behaviour runs."""

from __future__ import annotations

import pandas as pd

from analysis.parameters import NO_SIMULATED
from analysis.reports.inputs import Inputs
from analysis.reports.multiplicity import adjusted
from analysis.reports.tables import Made, OnStep
from analysis.stats.paper.behaviour import FAMILIES
from analysis.stats.shift import shift_table
from survey.instruments.plan import Comparisons
from survey.llm.enums import RunKind, Stage

BY = ("model_family", "question", "condition", "method")
INSTANCE = (
    "option_order", "persona_setting", "persona_country", "persona_age", "persona_gender", "locale", "paraphrase",
    "preference_config", "demographic_config",
)  # fmt: skip


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Base to instruct")
    return Made({"shift": adjusted(shift_of(inputs), inputs, Comparisons.SHIFT, within=["measure"])})


def shift_of(inputs: Inputs) -> pd.DataFrame:
    """Give the shifts before any adjustment for their number, computed once."""
    return inputs.once("shift", lambda: shifts(inputs))


def shifts(inputs: Inputs) -> pd.DataFrame:
    """Compare the stages of every model family on the behaviour questions that both were asked.

    An instance is an item under one configuration and option order, so that both orders weigh alike. A family that was
    not entered is read off the model's name where that holds one that the paper knows.
    """
    asked = inputs.data.completions
    asked = asked[asked["is_latest"] & (asked["run_kind"] == RunKind.BEHAVIOUR)]
    asked = asked.assign(model_family=_families(asked))
    if NO_SIMULATED in inputs.parameters.exclusions:
        asked = asked[~asked["is_simulated"]]
    return shift_table(
        asked,
        value="follows_culture",
        stage="model_stage",
        first=Stage.BASE,
        second=Stage.INSTRUCT,
        instance=INSTANCE,
        source="item_code",
        by=BY,
        level=inputs.parameters.level,
    )


def _families(asked: pd.DataFrame) -> pd.Series:
    tags = {str(tag): str(tag).lower() for tag in asked["model_tag"].unique()}
    read = {tag: next((name for name in FAMILIES if name in low), tag) for tag, low in tags.items()}
    entered = asked["model_family"].astype(object)
    return entered.where(entered.notna(), asked["model_tag"].astype(str).map(read))
