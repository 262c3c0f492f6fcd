"""What the answers to both option orders say together. Pure; the export's columns follow the same formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from survey.enums import Choice


class BothOrders(NamedTuple):
    """`p` is free of any pull towards a place; the bias is by how much the culture gains from standing first."""

    p: float | None
    order_bias: float | None


class Share(NamedTuple):
    """The share of samples that follow the culture, of those that could be read."""

    share: float | None
    n: int
    standard_error: float | None


def both_orders(culture_first: float | None, preference_first: float | None) -> BothOrders:
    """Average the probability of the culture over the two orders; with one of them missing nothing is balanced.

    The bias is p(culture | culture first) - p(culture | preference first): 0 without a pull, 1 where the first always
    wins, -1 where the last does.
    """
    if culture_first is None or preference_first is None:
        return BothOrders(None, None)
    return BothOrders((culture_first + preference_first) / 2, culture_first - preference_first)


def sampled_share(choices: Sequence[Choice | None]) -> Share:
    """Give the share with its standard error, sqrt(p (1 - p) / n); None stands for a sample that was not read."""
    read = [choice for choice in choices if choice is not None]
    if not read:
        return Share(None, 0, None)
    share = read.count(Choice.CULTURE) / len(read)
    return Share(share, len(read), math.sqrt(share * (1 - share) / len(read)))
