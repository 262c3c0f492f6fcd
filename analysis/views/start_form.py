"""The form that starts an analysis: the plan's choices stand in it, and any of them can be changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import QueryDict

from analysis.choices import faults, level_of, usual
from analysis.families import HOLDS, FamilyKey
from analysis.parameters import Parameters, choose, without
from analysis.plan import read_plan
from survey.enums import Country
from survey.flow.quality import FLAGS
from survey.models import Study

NUMBERS = ("alpha", "sesoi", "seed", "last_day")


def read_start(study: Study, data: QueryDict) -> Parameters:
    """Read what was chosen; a form without any choices asks for the usual ones. `ValueError` says what is wrong."""
    include_simulated = data.get("data") != "real"
    structure = study.version.structure
    if "chosen" not in data:
        return usual(structure, include_simulated=include_simulated)
    alpha, sesoi, seed, last_day = (_number(data, name) for name in NUMBERS)
    families = tuple(data.getlist("families"))
    countries = tuple(data.getlist("countries"))
    offered = _countries(study)
    chosen = choose(
        include_simulated=include_simulated,
        flags=[flag for flag in FLAGS if flag in data.getlist("flags")],
        level=level_of(alpha),
        sesoi=sesoi / 100,
        seed=_whole(seed, "the seed"),
        last_day=_whole(last_day, "the last day"),
        families=() if set(families) == set(FamilyKey) else families,
        countries=() if set(countries) == set(offered) else countries,
    )
    found = [*faults(chosen)]
    if not families:
        found.append("choose at least one family of results")
    if not countries:
        found.append("choose at least one country")
    if found:
        raise ValueError("; ".join(found))
    return _as_usual(chosen, usual(structure, include_simulated=include_simulated))


def start_context(study: Study, n_real: int, entered: QueryDict | None = None) -> dict[str, Any]:
    """Give what the form offers, and what stands in it: the usual choices, or those that were refused."""
    structure = study.version.structure
    first = usual(structure, include_simulated=not n_real)
    plan = read_plan(structure)
    offered = _countries(study)
    if entered is None:
        values: dict[str, Any] = {
            "alpha": f"{first.alpha:g}", "sesoi": f"{100 * first.sesoi:g}", "seed": str(first.seed), "last_day": "",
            "data": "real" if n_real else "all",
        }  # fmt: skip
        flags = [one for one in FLAGS if without(one) in first.exclusions]
        families, countries = [key.value for key in FamilyKey], offered
    else:
        values = {name: entered.get(name, "") for name in (*NUMBERS, "data")}
        flags, families, countries = (entered.getlist(name) for name in ("flags", "families", "countries"))
    return {
        "entered": values,
        "plan": plan,
        "flags": [(name, flag.label, name in flags) for name, flag in FLAGS.items()],
        "families": [(key, HOLDS[key].title, key in families) for key in FamilyKey],
        "countries": [(code, Country(code).label, code in countries) for code in offered],
    }


def _as_usual(chosen: Parameters, first: Parameters) -> Parameters:
    """Put the exclusions into the instrument's order where they are the same, so that the same is found again."""
    return replace(chosen, exclusions=first.exclusions) if set(chosen.exclusions) == set(first.exclusions) else chosen


def _countries(study: Study) -> list[str]:
    return list(study.arms.order_by("country").values_list("country", flat=True).distinct())


def _number(data: QueryDict, name: str) -> float:
    text = data.get(name, "").strip()
    if not text and name == "last_day":
        return 0.0
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{name.replace('_', ' ')} must be a number, not {text or 'nothing'}") from error


def _whole(value: float, what: str) -> int:
    if value != int(value):
        raise ValueError(f"{what} must be a whole number")
    return int(value)
