"""Do people follow the culture less, or more, in scenarios of their own country than elsewhere?"""

from analysis.stats.own_culture.effects import MIN_ORIGINS, own_culture_effects
from analysis.stats.own_culture.models import Names, Outcome, fit_outcome, pool_rare
from analysis.stats.own_culture.rows import ALL_COUNTRIES, EFFECT_COLUMNS, GAP, Method, Scale, equivalence_p

__all__ = [
    "ALL_COUNTRIES", "EFFECT_COLUMNS", "GAP", "MIN_ORIGINS", "Method", "Names", "Outcome", "Scale",
    "equivalence_p", "fit_outcome", "own_culture_effects", "pool_rare",
]  # fmt: skip
