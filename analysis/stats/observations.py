"""Answers as codes: what the clustered estimators take, read from a long DataFrame."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
MOST_PLACES = 1 << 26  # pairs of codes are looked for in a table while it is this small


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
        return count_used(self.respondent)

    @property
    def n_items(self) -> int:
        """Count the items with an answer."""
        return count_used(self.item)


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
    """Number the combinations of the columns' values from 0, as they come; a missing value is refused."""
    numbers: Codes = np.zeros(len(frame), dtype=np.intp)
    for column in columns:
        own, levels = pd.factorize(frame[column])
        if (own < 0).any():
            raise ValueError(f"missing values in {', '.join(columns)}")
        numbers = own.astype(np.intp) if column == columns[0] else _combined(numbers, own, len(levels))
    return numbers


def _combined(numbers: Codes, own: Codes, n_levels: int) -> Codes:
    return pd.factorize(numbers * n_levels + own)[0].astype(np.intp)


def count_used(numbers: Codes) -> int:
    """Count the different codes; quicker than sorting them."""
    return int(np.count_nonzero(np.bincount(numbers)))


def has_repeats(first: Codes, second: Codes) -> bool:
    """Tell whether a pair of codes comes more than once."""
    if len(first) == 0:
        return False
    n_pairs = (int(first.max()) + 1) * (int(second.max()) + 1)
    pairs = first.astype(np.int64) * (int(second.max()) + 1) + second
    if n_pairs > MOST_PLACES:
        return len(np.unique(pairs)) < len(pairs)
    seen = np.zeros(n_pairs, dtype=bool)
    seen[pairs] = True
    return int(np.count_nonzero(seen)) < len(pairs)
