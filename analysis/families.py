"""The families of results: their keys, titles, stored tables and figures for print. Light: the web imports it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class FamilyKey(StrEnum):
    """A family of results, in the order of the overview; the value is part of its address."""

    PLAN = "plan"
    RATES = "rates"
    AGREEMENT = "agreement"
    OWN_CULTURE = "own_culture"
    EFFECT_SIZES = "effect_sizes"
    VARIANCE = "variance"
    DROP_ONE = "drop_one"
    ALIGNMENT = "alignment"
    SHIFT = "shift"
    PAPER = "paper"


class Holds(NamedTuple):
    """What belongs to a family; of tables whose names begin with `prefix` all. `intervals`: of what kind its are."""

    title: str
    tables: tuple[str, ...]
    prefix: str = ""
    prints: tuple[str, ...] = ()
    intervals: str = ""

    def has(self, table: str) -> bool:
        return table in self.tables or bool(self.prefix and table.startswith(self.prefix))


TWO_WAY = "two-way cluster-robust by respondent and item, t distribution"
HOLDS: Mapping[FamilyKey, Holds] = {
    FamilyKey.PLAN: Holds(
        "The analysis plan", ("plan",), prints=("plan_tests",), intervals="as in the family that a test is of"
    ),
    FamilyKey.RATES: Holds(
        "Culture-following rates",
        ("rates", "rates_crossed", "rates_poststratified", "country_differences"),
        prints=("rates_by_country", "respondent_country_contrasts"),
        intervals=TWO_WAY,
    ),
    FamilyKey.AGREEMENT: Holds(
        "Agreement between people",
        ("agreement", "reliability", "agreement_across", "pluralism", "item_agreement", "consensus"),
        prints=("agreement_by_relation", "agreement_and_ceiling"),
        intervals=TWO_WAY,
    ),
    FamilyKey.OWN_CULTURE: Holds(
        "Own-country effect",
        ("own_culture",),
        prints=("own_country",),
        intervals="Wald, by the delta method from the mixed model, t distribution",
    ),
    FamilyKey.EFFECT_SIZES: Holds(
        "Effect sizes",
        ("effect_sizes", "persona_countries"),
        prints=("factor_spreads", "model_spreads", "persona_country_contrasts"),
        intervals="by inversion of a test, simulated",
    ),
    FamilyKey.VARIANCE: Holds(
        "Where answers differ: people, items, countries",
        ("variance",),
        prints=("variance_parts",),
        intervals="Wald, by the delta method on the log or logit scale",
    ),
    FamilyKey.DROP_ONE: Holds("What answers depend on", ("drop_one",), prints=("drop_one_deviance",)),
    FamilyKey.ALIGNMENT: Holds(
        "Alignment of models with people",
        (
            "alignment", "alignment_differences", "alignment_items", "ceilings", "calibration", "order_bias",
            "steerability",
        ),
        prints=(
            "alignment_four_panel", "alignment_and_ceiling", "correlation_and_ceiling", "item_rates", "calibration",
        ),
        intervals=f"{TWO_WAY}; those beside a ceiling by bootstrap of people and items",
    ),
    FamilyKey.SHIFT: Holds(
        "From base to instruct",
        ("shift",),
        prints=("base_to_instruct", "country_contrasts", "demographic_contrasts"),
        intervals="cluster-robust by item, t distribution",
    ),
    FamilyKey.PAPER: Holds(
        "The paper's own tables", (), prefix="paper_", prints=("drop_one_deviance", "alignment_four_panel")
    ),
}  # fmt: skip


def chosen_families(names: tuple[str, ...]) -> tuple[FamilyKey, ...]:
    """Give the families that were chosen, in their order; none named means all."""
    return tuple(key for key in FamilyKey if not names or key in names)
