"""The paper's own tables, under the names of its files."""

from __future__ import annotations

import numpy as np

from analysis.reports.inputs import Inputs
from analysis.reports.tables import Made, OnStep
from analysis.stats.paper import paper_tables


def make(inputs: Inputs, on_step: OnStep) -> Made:
    """Give the tables, or the reason why there are none."""
    on_step("The paper's tables")
    if inputs.data.paper_human.empty:
        return _none("there are no human answers yet")
    predictions = None if inputs.data.paper_predictions.empty else inputs.data.paper_predictions
    try:
        tables = paper_tables(inputs.paper_human, predictions)
    except (ValueError, np.linalg.LinAlgError) as error:
        return _none(str(error))
    return Made({f"paper_{name}": table for name, table in tables.items()}, {"why_no_paper_tables": ""})


def _none(reason: str) -> Made:
    return Made({}, {"why_no_paper_tables": reason})
