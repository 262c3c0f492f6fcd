"""The only door to pingouin: what of it is used, with its names and shapes turned into ours."""

from __future__ import annotations

import numpy as np
import pingouin

from analysis.stats.observations import Floats

METHODS = {"holm": "holm", "benjamini_hochberg": "fdr_bh", "benjamini_yekutieli": "fdr_by"}


def adjusted(p_values: Floats, method: str, alpha: float) -> Floats:
    """Adjust p-values for their number; missing ones stay missing and are not counted."""
    known = ~np.isnan(p_values)
    found = np.full(len(p_values), np.nan)
    if known.any():
        found[known] = pingouin.multicomp(p_values[known], alpha=alpha, method=METHODS[method])[1]
    return found
