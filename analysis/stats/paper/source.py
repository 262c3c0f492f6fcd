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
    """Make item ids comparable when one side holds numbers and the other text."""
    return Inputs(*with_common_types(human, predictions, ["scenario_item_id"]))


def with_common_types(
    left: pd.DataFrame, right: pd.DataFrame, columns: Iterable[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn columns that are numbers in one table and not in the other into text in both, so that they can be joined."""
    are_numbers = pd.api.types.is_numeric_dtype
    uneven = [name for name in columns if are_numbers(left[name]) != are_numbers(right[name])]
    sides = [table.assign(**{name: _as_text(table[name]) for name in uneven}) for table in (left, right)]
    return sides[0], sides[1]


def _plain(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and column.notna().any():
        return column
    values = column.astype(object)
    return values.where(values.notna() & values.ne(""), np.nan)


def _as_text(column: pd.Series) -> pd.Series:
    """Write numbers as their file did: a whole number that a gap beside it made a float has no decimal point."""
    return column.astype(object).map(_written, na_action="ignore").astype(object)


def _written(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
