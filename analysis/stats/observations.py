"""Answers as codes: what the clustered estimators take, read from a long DataFrame."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


class Observations(NamedTuple):
    """Answers without the missing ones; respondents and items as integers from 0."""

    value: Floats
    respondent: Codes
    item: Codes

    def where(self, mask: Mask) -> "Observations":
        """Keep the answers under `mask`; codes stay as they are."""
        return Observations(self.value[mask], self.respondent[mask], self.item[mask])

    @property
    def n_respondents(self) -> int:
        """Count the respondents with an answer."""
        return len(np.unique(self.respondent))

    @property
    def n_items(self) -> int:
        """Count the items with an answer."""
        return len(np.unique(self.item))


def require(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise a ValueError that names every column `frame` lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"missing columns: {', '.join(missing)}")


def binary(frame: pd.DataFrame, value: str, respondent: str, item: str | Sequence[str]) -> Observations:
    """Read 0/1 answers; several item columns together name one unit (item within country, say)."""
    answered = answers(frame, value, respondent, item)
    if not np.isin(answered.value, (0.0, 1.0)).all():
        raise ValueError(f"{value}: answers must be 0, 1 or missing")
    return answered


def answers(frame: pd.DataFrame, value: str, respondent: str, item: str | Sequence[str]) -> Observations:
    """Read numeric answers, leaving out missing ones; an answer without respondent or item is refused."""
    units = [item] if isinstance(item, str) else list(item)
    require(frame, [value, respondent, *units])
    answered = frame[frame[value].notna()]
    return Observations(answered[value].to_numpy(float), codes(answered, [respondent]), codes(answered, units))


def codes(frame: pd.DataFrame, columns: Sequence[str]) -> Codes:
    """Number the combinations of the columns' values; a missing value is refused."""
    if frame[list(columns)].isna().any(axis=None):
        raise ValueError(f"missing values in {', '.join(columns)}")
    numbers = frame.groupby(list(columns), sort=False, observed=True).ngroup()
    return numbers.to_numpy().astype(np.intp)
