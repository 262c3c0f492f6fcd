"""One model against people's rates, and against the rule that reads nothing, as tests with a p-value."""

from __future__ import annotations

from analysis.stats.alignment.delta import Estimated, Part, combine, delta
from analysis.stats.alignment.items import PairedItems
from analysis.stats.alignment.measures import NAN, NO_ITEMS, item_part


def rate_gap(pairs: PairedItems, level: float = 0.95) -> Estimated:
    """Test the mean over items of the model's rate minus the people's, two-way errors (see `delta`)."""
    if pairs.n_items == 0:
        return Estimated(NAN, NAN, NAN, NAN, NAN, NAN, NO_ITEMS)
    part = item_part("signed_rate_gap", pairs.model_rate, pairs)
    return _mean(pairs, part, level)


def over_rule(pairs: PairedItems, level: float = 0.95) -> Estimated:
    """Test by how much the model matches a random person more often than always following the culture does."""
    if pairs.n_items == 0:
        return Estimated(NAN, NAN, NAN, NAN, NAN, NAN, NO_ITEMS)
    model = item_part("expected_match", pairs.model_rate, pairs)
    rule = item_part("expected_match", pairs.model_rate * 0 + 1, pairs)
    return _mean(pairs, combine((1.0, model), (-1.0, rule)), level)


def _mean(pairs: PairedItems, part: Part, level: float) -> Estimated:
    return delta(
        {"value": part}, lambda means: means["value"], pairs.answers, level=level, undefined="", bounds=(-1.0, 1.0)
    )
