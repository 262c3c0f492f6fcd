"""What an analysis may be asked for: the usual choices of a study, and what is wrong with others. Light."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.families import FamilyKey
from analysis.parameters import DEFAULTS, Parameters, choose
from analysis.plan import read_plan
from survey.enums import Country
from survey.instruments.plan import HypothesisFamily

MOST_ALPHA = 0.2
MOST_SESOI = 0.5
MOST_SEED = 2**32 - 1


def declared(structure: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the instrument's plan sets: level, seed, the smallest effect that a primary hypothesis is about."""
    plan = read_plan(structure)
    if plan is None:
        return {}
    primary = [one.sesoi for one in plan.hypotheses if one.family == HypothesisFamily.PRIMARY]
    sesoi = min(primary) if primary else DEFAULTS["sesoi"]
    return {"level": level_of(plan.alpha), "seed": plan.seed, "sesoi": sesoi}


def usual(structure: Mapping[str, Any], *, include_simulated: bool) -> Parameters:
    """Give the choices of a study's analysis where nobody chose others: the plan's, and the instrument's exclusions."""
    return choose(include_simulated=include_simulated, flags=structure["exclusions"], **declared(structure))


def level_of(alpha: float) -> float:
    """Give the level of the intervals that belongs to a level of significance."""
    return round(1 - alpha, 12)


def faults(chosen: Parameters) -> Iterator[str]:
    """Say what is wrong with choices, whoever made them."""
    if not 0 < chosen.alpha <= MOST_ALPHA:
        yield f"the level of significance must be above 0 and at most {MOST_ALPHA}"
    if not 0 < chosen.sesoi <= MOST_SESOI:
        yield f"the smallest effect of interest must be above 0 and at most {100 * MOST_SESOI:g} points"
    if not 0 <= chosen.seed <= MOST_SEED:
        yield f"the seed must be a whole number from 0 to {MOST_SEED}"
    if chosen.last_day < 0:
        yield "the last day must be a day of the study, from 1 on"
    if unknown := [name for name in chosen.families if name not in set(FamilyKey)]:
        yield f"unknown families: {', '.join(unknown)}; known are {', '.join(FamilyKey)}"
    if unknown := [code for code in chosen.countries if code not in Country.values]:
        yield f"unknown countries: {', '.join(unknown)}"
