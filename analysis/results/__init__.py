"""A finished analysis as its pages show it: per family a finding, figures, tables and doubts. Light: no pandas.

One module per family, with `show` (figures and tables) and `sentence` (what the numbers say).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from analysis.families import HOLDS, FamilyKey, chosen_families
from analysis.figures import Figure
from analysis.results import (
    agreement,
    alignment,
    drop_one,
    effect_sizes,
    own_culture,
    paper,
    plan,
    rates,
    shift,
    variance,
)
from analysis.results.shown import Family
from analysis.results.stored import Results

SHOWS: Mapping[FamilyKey, Callable[[Results], Family]] = {
    FamilyKey.PLAN: plan.show,
    FamilyKey.RATES: rates.show,
    FamilyKey.AGREEMENT: agreement.show,
    FamilyKey.OWN_CULTURE: own_culture.show,
    FamilyKey.EFFECT_SIZES: effect_sizes.show,
    FamilyKey.VARIANCE: variance.show,
    FamilyKey.DROP_ONE: drop_one.show,
    FamilyKey.ALIGNMENT: alignment.show,
    FamilyKey.SHIFT: shift.show,
    FamilyKey.PAPER: paper.show,
}


def show_family(results: Results, key: FamilyKey) -> Family:
    """Show one family; of the results it needs its own tables only."""
    made = SHOWS[key](results)
    names = sorted(name for name, table in results.tables.items() if HOLDS[key].has(name) and table["rows"])
    told = results.facts.get("doubts", {}).get(key, [])
    basis = " ".join(part for part in (made.basis, _intervals(results, key)) if made.basis and part)
    return replace(made, basis=basis, csv_names=names, doubts=made.doubts._replace(told=told))


def _intervals(results: Results, key: FamilyKey) -> str:
    """Say the level and the kind of a family's intervals."""
    kind = HOLDS[key].intervals
    return f"Intervals: {100 * results.level:g}%, {kind}." if kind else ""


def families(results: Results) -> list[Family]:
    """Give all families that were computed, in their order."""
    return [show_family(results, key) for key in computed(results)]


def computed(results: Results) -> tuple[FamilyKey, ...]:
    """Give the families that the analysis was asked for."""
    return chosen_families(tuple(results.facts.get("parameters", {}).get("families", ())))


def overview(results: Results) -> list[dict[str, Any]]:
    """Say each family's finding and what could not be estimated: all that the overview tells of it."""
    return [
        {
            "key": family.key.value,
            "finding": family.finding,
            "basis": family.basis,
            "n_not_estimable": family.doubts.n_not_estimable,
            "reasons": list(family.doubts.reasons),
            "doubts": list(family.doubts.told),
        }
        for family in families(results)
    ]


def find_figure(results: Results, name: str) -> tuple[FamilyKey, Figure] | None:
    """Find a figure by its name, and the family that it belongs to."""
    for family in families(results):
        for drawn in family.figures:
            if drawn.name == name:
                return family.key, drawn
    return None
