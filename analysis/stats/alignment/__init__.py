"""How close a model comes to people, item by item, beside what other people, fixed rules and chance reach."""

from analysis.stats.alignment.contrasts import over_rule, rate_gap
from analysis.stats.alignment.delta import Estimated
from analysis.stats.alignment.items import PairedItems, People, model_rates, pair_items, read_people
from analysis.stats.alignment.measures import MEASURES, Alignment, align
from analysis.stats.alignment.table import Columns, Group, alignment_table, difference_table, groups

__all__ = [
    "MEASURES",
    "Alignment",
    "Columns",
    "Estimated",
    "Group",
    "PairedItems",
    "People",
    "align",
    "alignment_table",
    "difference_table",
    "groups",
    "model_rates",
    "over_rule",
    "pair_items",
    "rate_gap",
    "read_people",
]
