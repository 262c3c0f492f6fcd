"""How much of the differences between answers lies between people, between items and between countries."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.reports.inputs import Inputs
from analysis.reports.own_culture import NAMES
from analysis.reports.tables import Made, OnStep
from analysis.stats.own_culture import MIN_ORIGINS, Outcome, fit_outcome, pool_rare
from analysis.stats.terms import design
from analysis.stats.variance_table import COLUMNS, Model, variance_rows
from survey.enums import Question

TABLE_COLUMNS = ["question", *COLUMNS, "n", "n_respondents", "n_items"]


def make(inputs: Inputs, on_step: OnStep) -> Made:
    parts: list[dict[str, Any]] = []
    for question in Question.values:
        on_step(f"Variance shares: {question}")
        parts += _of_question(inputs, question)
    return Made({"variance": pd.DataFrame(parts, columns=TABLE_COLUMNS)})


def _of_question(inputs: Inputs, question: str) -> list[dict[str, Any]]:
    """Fit the primary model, with the scenario's country where there are several."""
    answers = inputs.answers
    asked = answers[(answers["question"] == question) & answers["follows_culture"].notna()]
    asked = asked[asked["relation"].notna()].reset_index(drop=True)
    if asked.empty:
        return []
    outcome = Outcome(question, pool_rare(asked, NAMES), NAMES)
    has_origins = asked[NAMES.scenario_country].nunique() >= MIN_ORIGINS
    fitted = fit_outcome(outcome, outcome.frame, outcome.terms(), with_origin=has_origins, with_adjusted=True)
    patterns = fitted.data.patterns
    model = Model(fitted.fit, design(patterns, fitted.data.terms).matrix, patterns.trials)
    counts = {
        "n": len(asked),
        "n_respondents": int(asked[NAMES.respondent].nunique()),
        "n_items": int(asked[NAMES.item].nunique()),
    }
    return [{"question": question, **row, **counts} for row in variance_rows(model, inputs.parameters.level)]
