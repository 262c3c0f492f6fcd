"""Many tests at once: p-values adjusted within the families that an analysis plan declares."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.stats.observations import Floats, require
from analysis.stats.pingouin_calls import adjusted

HOLM, BENJAMINI_HOCHBERG, BENJAMINI_YEKUTIELI, NONE = "holm", "benjamini_hochberg", "benjamini_yekutieli", "none"
ADJUSTED_COLUMNS = ["adjustment", "n_tests", "p_adjusted", "is_supported"]


def adjust(p_values: Floats, method: str, alpha: float = 0.05) -> Floats:
    """Adjust p-values by one method.

    Parameters
    ----------
    p_values : array (n,)
        Raw two-sided p-values; missing ones stay missing and do not count.
    method : str
        `holm`, `benjamini_hochberg`, `benjamini_yekutieli` or `none`.
    alpha : float
        The level that the adjusted values are meant for.

    Returns
    -------
    array (n,)

    Notes
    -----
    With p(1) <= ... <= p(m). Holm: max over j <= i of (m - j + 1) p(j), against any error in the family.
    Benjamini-Hochberg: min over j >= i of m p(j) / j, against the share of false among the findings, for tests that
    are independent or depend positively; Benjamini-Yekutieli: that times Σ 1/j, for any dependence. Cut at 1.

    References
    ----------
    Holm (1979), Scand. J. Stat. 6, 65-70. Benjamini & Hochberg (1995), JRSS B 57, 289-300. Benjamini & Yekutieli
    (2001), Ann. Stat. 29, 1165-1188. R: p.adjust.
    """
    if np.any((p_values < 0) | (p_values > 1)):
        raise ValueError("p-values must lie between 0 and 1 or be missing")
    return p_values.astype(float) if method == NONE else adjusted(p_values.astype(float), method, alpha)


def adjust_families(
    tests: pd.DataFrame, *, family: str, p_value: str, methods: dict[str, str], alpha: float = 0.05
) -> pd.DataFrame:
    """Add `ADJUSTED_COLUMNS` to a table of tests, adjusting within each family by its own method.

    `n_tests` counts the family's tests that gave a p-value; a test without one is not supported.
    """
    require(tests, [family, p_value])
    if unknown := set(tests[family]) - set(methods):
        raise ValueError(f"no adjustment is set for {', '.join(sorted(unknown))}")
    parts = []
    for name, rows in tests.groupby(family, sort=False):
        raw = rows[p_value].to_numpy(float)
        values = adjust(raw, methods[str(name)], alpha)
        parts.append(
            rows.assign(
                adjustment=methods[str(name)],
                n_tests=int((~np.isnan(raw)).sum()),
                p_adjusted=values,
                is_supported=values < alpha,
            )
        )
    if not parts:
        return tests.reindex(columns=[*tests.columns, *ADJUSTED_COLUMNS])
    return pd.concat(parts).sort_index()
