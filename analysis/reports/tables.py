"""Tables of a report: the groupings that they share, their labels, their form in JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

GROUPINGS = {
    "country": "respondent_country",
    "relation": "relation",
    "theme": "theme",
    "cell": "demographic_cell",
}
NOT_GIVEN = "not_given"

Tables = dict[str, pd.DataFrame]
OnStep = Callable[[str], None]


class Made(NamedTuple):
    """What a family gives: its tables by name, and facts that its page needs beside them."""

    tables: Tables
    facts: Mapping[str, Any] = {}


def labelled(frame: pd.DataFrame, column: str, **labels: str) -> pd.DataFrame:
    """Name the group, and what else tells the rows from others, in columns of their own."""
    if frame.empty:
        return frame
    group = frame[column].astype(object).where(frame[column].notna(), NOT_GIVEN).astype(str)
    return frame.drop(columns=column).assign(group=group, **labels)


def stacked(parts: list[pd.DataFrame], first: list[str]) -> pd.DataFrame:
    """Put the parts of a table below each other, the columns of `first` in front."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=[*first, "estimate", "ci_low", "ci_high", "n", "reason"])
    table = pd.concat(filled, ignore_index=True)
    return table[[*first, *(name for name in table.columns if name not in first)]]


def to_json(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, list[Any]]]:
    """Write each table as its columns and rows; a missing number is null."""
    return {
        name: {
            "columns": [str(column) for column in table.columns],
            "rows": table.astype(object).where(table.notna(), None).to_numpy().tolist(),
        }
        for name, table in tables.items()
    }
