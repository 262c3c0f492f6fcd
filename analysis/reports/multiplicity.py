"""P-values of the tables of comparisons, adjusted for their number as the analysis plan says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.reports.inputs import Inputs
from analysis.stats.multiplicity import BENJAMINI_HOCHBERG, adjust
from survey.instruments.plan import Comparisons, HypothesisFamily

ALPHA = 0.05
P_VALUE = "p_value"


def adjusted(
    frame: pd.DataFrame,
    inputs: Inputs,
    table: Comparisons,
    within: Sequence[str] = (),
    p_values: Sequence[str] = (P_VALUE,),
) -> pd.DataFrame:
    """Put the adjusted value, the method, the plan's family and the number of tests behind each p-value.

    All tests of a table that agree in `within` are one family; so is every kind of p-value by itself.
    """
    family = family_of(inputs, table)
    method = method_of(inputs, family)
    found = frame
    for name in p_values:
        if name in frame:
            found = _with_adjusted(found, name, family, method, within)
    return found


def family_of(inputs: Inputs, table: Comparisons) -> HypothesisFamily:
    """Give the family that the plan puts a table into; a table that it does not name is secondary."""
    declared = {} if inputs.plan is None else inputs.plan.tables
    return HypothesisFamily(declared.get(table, HypothesisFamily.SECONDARY))


def method_of(inputs: Inputs, family: HypothesisFamily) -> str:
    """Give the adjustment of a family; without a plan that of false findings among the found."""
    return BENJAMINI_HOCHBERG if inputs.plan is None else str(inputs.plan.adjustments[family])


def _with_adjusted(
    frame: pd.DataFrame, name: str, family: HypothesisFamily, method: str, within: Sequence[str]
) -> pd.DataFrame:
    raw = frame[name].to_numpy(float)
    groups = frame.groupby(list(within), dropna=False, sort=False).ngroup().to_numpy() if within else np.zeros(len(raw))
    values = np.full(len(raw), np.nan)
    n_tests = np.zeros(len(raw), int)
    for group in np.unique(groups):
        rows = groups == group
        values[rows] = adjust(raw[rows], method, ALPHA)
        n_tests[rows] = int((~np.isnan(raw[rows])).sum())
    stem = name.removesuffix("_value")
    found = frame.copy()
    place = list(found.columns).index(name)
    found.insert(place + 1, f"{stem}_adjusted", values)
    found.insert(place + 2, f"{stem}_adjustment", method)
    found.insert(place + 3, f"{stem}_family", family.value)
    found.insert(place + 4, f"{stem}_tests", n_tests)
    return found
