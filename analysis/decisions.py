"""The site's own behaviour runs as the paper's evaluation files: one per model, stage and prompt condition."""

from __future__ import annotations

import pandas as pd

from analysis.paper_columns import CONDITIONS, EVALUATION_COLUMNS, FILE_BY, evaluation_file
from analysis.stats.paper.behaviour import FAMILIES, Evaluation, Meta

DATASET = "pact"


def by_model_and_condition(decisions: pd.DataFrame) -> list[Evaluation]:
    """Divide the decisions; the family is the paper's where the model's name says it, otherwise the name itself."""
    groups = decisions.groupby(list(FILE_BY), observed=True)
    evaluations = [_evaluation(str(model), str(stage), str(kind), rows) for (model, stage, kind), rows in groups]
    return sorted(evaluations, key=lambda one: one.meta.path)


def _evaluation(model: str, stage: str, condition: str, rows: pd.DataFrame) -> Evaluation:
    file = evaluation_file(model, stage, condition)
    family = next((name for name in FAMILIES if name in model.lower()), model)
    meta = Meta(DATASET, CONDITIONS[condition], stage, family, model, str(rows["eval_backend"].iloc[0]), file, file)
    return Evaluation(meta, rows[list(EVALUATION_COLUMNS)].reset_index(drop=True))
