"""The plan that an instrument's version carries, as the analysis reads it. Light: the web process may import it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from survey.instruments.plan import PLAN_KEY, Estimand, HypothesisFamily

FAMILY_TITLES = {
    HypothesisFamily.PRIMARY: "Primary",
    HypothesisFamily.SECONDARY: "Secondary",
    HypothesisFamily.EXPLORATORY: "Exploratory",
}


@dataclass(frozen=True)
class Hypothesis:
    """One thing that will be tested; ``settings`` are the further keys of its estimand."""

    name: str
    statement: str
    family: HypothesisFamily
    estimand: Estimand
    sesoi: float
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """All hypotheses of a version, in the plan's order, and how their p-values are adjusted."""

    version: str
    seed: int
    alpha: float
    adjustments: Mapping[str, str]
    hypotheses: tuple[Hypothesis, ...]
    tables: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""


def read_plan(structure: Mapping[str, Any]) -> Plan | None:
    """Read the plan of a loaded instrument; None where it has none."""
    stored = structure.get(PLAN_KEY)
    if not stored:
        return None
    hypotheses = tuple(_hypothesis(name, fields) for name, fields in stored["hypotheses"].items())
    return Plan(
        stored["version"],
        stored["seed"],
        stored["alpha"],
        stored["adjustments"],
        hypotheses,
        stored.get("tables", {}),
        hash_of(stored),
    )


def hash_of(stored: object) -> str:
    """Hash (SHA-256, hex) what a JSON field holds, whatever the order of its keys."""
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _hypothesis(name: str, fields: Mapping[str, Any]) -> Hypothesis:
    common = ("statement", "family", "estimand", "sesoi")
    return Hypothesis(
        name,
        fields["statement"],
        HypothesisFamily(fields["family"]),
        Estimand(fields["estimand"]),
        float(fields["sesoi"]),
        {key: str(value) for key, value in fields.items() if key not in common},
    )
