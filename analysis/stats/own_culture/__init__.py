"""Do people follow the culture less, or more, in scenarios of their own country than elsewhere?"""

from analysis.stats.own_culture.effects import own_culture_effects
from analysis.stats.own_culture.models import GAP, Names, pool_rare
from analysis.stats.own_culture.rows import ALL_COUNTRIES, EFFECT_COLUMNS, Method, Scale, equivalence_p

__all__ = [
    "ALL_COUNTRIES", "EFFECT_COLUMNS", "GAP", "Method", "Names", "Scale", "equivalence_p", "own_culture_effects",
    "pool_rare",
]  # fmt: skip
