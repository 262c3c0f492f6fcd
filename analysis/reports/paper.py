"""The paper's own tables, under the names of its files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from analysis.decisions import by_model_and_condition
from analysis.reports.inputs import Inputs
from analysis.reports.tables import Made, OnStep, Tables
from analysis.stats.paper import behaviour_tables, model_only_tables, paper_tables
from analysis.stats.paper.doubts import not_estimable


def make(inputs: Inputs, on_step: OnStep) -> Made:
    """Give the tables that the data allow, the reason where there are none, and why cells are empty."""
    on_step("The paper's tables")
    people, why_not = _people(inputs)
    models, behaviour = _models(inputs), _behaviour(inputs)
    tables = {**people, **models, **behaviour}
    facts = {
        "why_no_paper_tables": why_not,
        "paper_not_estimable": not_estimable(tables).groupby("reason").size().to_dict(),
    }
    return Made({f"paper_{name}": table for name, table in tables.items()}, facts)


def _people(inputs: Inputs) -> tuple[Tables, str]:
    if inputs.data.paper_human.empty:
        return {}, "there are no human answers yet"
    predictions = None if inputs.data.paper_predictions.empty else inputs.data.paper_predictions
    return _made(lambda: paper_tables(inputs.paper_human, predictions))


def _models(inputs: Inputs) -> Tables:
    predictions = inputs.data.paper_predictions
    return {} if predictions.empty else _made(lambda: model_only_tables(predictions))[0]


def _behaviour(inputs: Inputs) -> Tables:
    decisions = inputs.data.paper_decisions
    return {} if decisions.empty else _made(lambda: behaviour_tables(by_model_and_condition(decisions)))[0]


def _made(make: Callable[[], dict[str, pd.DataFrame]]) -> tuple[Tables, str]:
    try:
        return make(), ""
    except (ValueError, np.linalg.LinAlgError) as error:
        return {}, str(error)
