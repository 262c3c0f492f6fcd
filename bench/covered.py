"""How often intervals held the truth: what the parts of `bench.coverage` count, and the table of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Interval(NamedTuple):
    estimate: float
    low: float
    high: float


class Coverage(NamedTuple):
    """Of one estimator: its truth, the mean of its estimates, the share of intervals that hold the truth."""

    name: str
    truth: float
    mean: float
    covered: float
    width: float
    n: int


def held_by(found: Any) -> Interval:
    """Read the interval of an estimate, or of a table's first row."""
    row = found.iloc[0] if hasattr(found, "iloc") else found
    return Interval(row.estimate, row.ci_low, row.ci_high)


def counted(name: str, truth: float, intervals: Sequence[Interval]) -> Coverage:
    """Count the intervals that hold the truth; one that was not given counts as none."""
    given = np.array([one for one in intervals if not np.isnan(one.low)], dtype=float).reshape(-1, 3)
    estimate, low, high = given.T
    held = float(((low <= truth) & (truth <= high)).mean())
    return Coverage(name, truth, float(estimate.mean()), held, float((high - low).mean()), len(given))


def table(rows: Sequence[Coverage]) -> list[str]:
    """Write rows of Markdown; bias in points of the estimate, and a mean width to read it against."""
    names = "| estimator | truth | mean estimate | bias | coverage | mean width | given |"
    return [names, "|---|---|---|---|---|---|---|"] + [
        f"| {one.name} | {one.truth:.3f} | {one.mean:.3f} | {one.mean - one.truth:+.3f} | {100 * one.covered:.1f} % | "
        f"{one.width:.3f} | {one.n} |"
        for one in rows
    ]
