"""The two input tables of the paper layer: what they must contain and how they are read."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

HUMAN_COLUMNS = (
    "respondent_id",
    "respondent_country",
    "respondent_age_bucket",
    "respondent_gender",
    "respondent_demo",
    "scenario_item_id",
    "scenario",
    "scenario_country",
    "receiver_age",
    "receiver_gender",
    "receiver_demo",
    "human_personal",
    "human_norm",
)
PREDICTION_COLUMNS = (
    "model_tag",
    "persona_setting",
    "persona_country",
    "persona_demo",
    "scenario_item_id",
    "llm_personal",
    "llm_norm",
)


class Inputs(NamedTuple):
    """The two tables."""

    human: pd.DataFrame
    predictions: pd.DataFrame


def require_columns(frame: pd.DataFrame, columns: Iterable[str], what: str) -> None:
    """Raise a ValueError that names every column `frame` lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{what}: missing columns {', '.join(missing)}")


def as_read_from_csv(frame: pd.DataFrame) -> pd.DataFrame:
    """Copy with a fresh index; empty text becomes missing, text columns become plain objects."""
    columns = {name: _plain(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)


def with_common_item_ids(human: pd.DataFrame, predictions: pd.DataFrame) -> Inputs:
    """Turn item ids into text on both sides when one side holds numbers and the other text."""
    item = "scenario_item_id"
    if human[item].dtype == predictions[item].dtype or predictions.empty:
        return Inputs(human, predictions)
    return Inputs(*(table.assign(**{item: _as_text(table[item])}) for table in (human, predictions)))


def _plain(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and column.notna().any():
        return column
    values = column.astype(object)
    return values.where(values.notna() & values.ne(""), np.nan)


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(object).map(str, na_action="ignore").astype(object)
