"""The bar of a run's cells by state: which part of it each state takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from survey.llm.enums import CellState
from survey.llm.queries import Progress

# From what is over to what is to come; each state has a pattern of its own beside its colour.
ORDER = (
    CellState.DONE, CellState.REFUSED, CellState.UNPARSED, CellState.ERROR, CellState.CANCELLED, CellState.LEASED,
    CellState.TODO,
)  # fmt: skip
LEAST = 0.8  # per cent: what is there is seen


class Segment(NamedTuple):
    """A state's part of a bar, in per cent of its width."""

    state: CellState
    n: int
    x: float
    width: float


def segments(progress: Progress) -> Sequence[Segment]:
    """Divide a bar among the states that any cell is in; none gets less than can be seen."""
    counts = [(state, n) for state in ORDER if (n := progress.counts.get(state, 0)) > 0]
    widths = [max(100 * n / progress.n_total, LEAST) for _, n in counts]
    scale, x, found = 100 / sum(widths, start=0.0) if widths else 0.0, 0.0, []
    for (state, n), width in zip(counts, widths, strict=True):
        found.append(Segment(state, n, round(x, 2), round(width * scale, 2)))
        x += width * scale
    return found
