"""What imported files do not say, filled for the analysis with the one value that leaves all numbers alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from analysis.columns import Table

if TYPE_CHECKING:
    import pandas as pd

    from analysis.reports.inputs import Data

NOT_TOLD = "the imported files do not say it"
FILLS = {
    "study_day": 1,
    "item_number": 1,
    "is_core": False,
    "option_order": "culture_first",
    "duration_ms": 0,
    "text_hash": "files",
}


def with_gaps(table: Table) -> Table:
    """Give a table as imported data may have it: any cell may be empty."""
    return replace(table, columns=tuple(replace(one, missing=one.missing or NOT_TOLD) for one in table.columns))


def filled(data: Data) -> Data:
    """Fill the gaps of the long answers; what is known stays."""
    long = data.long
    values: dict[str, pd.Series] = {}
    for name, value in FILLS.items():
        values[name] = _filled(long[name], value)
    values["chose_first"] = long["chose_first"].fillna(long["follows_culture"] == 1)
    return replace(data, long=long.assign(**values))


def _filled(column: pd.Series, value: Any) -> pd.Series:
    if column.dtype == "category" and value not in column.cat.categories:
        column = column.cat.add_categories([value])
    return column.fillna(value)
