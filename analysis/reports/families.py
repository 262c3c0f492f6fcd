"""All families of a report, and the report itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pandas as pd

from analysis import cautions
from analysis.canonical import in_canonical_order
from analysis.families import HOLDS, FamilyKey, chosen_families
from analysis.parameters import Parameters
from analysis.plan import Plan, hash_of, read_plan
from analysis.reports import (
    agreement,
    alignment,
    doubts,
    drop_one,
    effect_sizes,
    own_culture,
    paper,
    plan,
    rates,
    shift,
    variance,
)
from analysis.reports.inputs import Data, Inputs, read
from analysis.reports.tables import Made, OnStep, Tables, to_json
from survey.models import Study

FAMILIES: Mapping[FamilyKey, Callable[[Inputs, OnStep], Made]] = {
    FamilyKey.PLAN: plan.make,
    FamilyKey.RATES: rates.make,
    FamilyKey.AGREEMENT: agreement.make,
    FamilyKey.OWN_CULTURE: own_culture.make,
    FamilyKey.EFFECT_SIZES: effect_sizes.make,
    FamilyKey.VARIANCE: variance.make,
    FamilyKey.DROP_ONE: drop_one.make,
    FamilyKey.ALIGNMENT: alignment.make,
    FamilyKey.SHIFT: shift.make,
    FamilyKey.PAPER: paper.make,
}
LIBRARIES = ("numpy", "pandas", "scipy")
OnFamily = Callable[[FamilyKey], None]


def ignore(key: FamilyKey) -> None:
    """Do nothing about the family that comes next."""


@dataclass(frozen=True)
class Report:
    snapshot_hash: str
    results: dict[str, Any]
    warnings: list[str]

    @property
    def results_hash(self) -> str:
        """Hash the results: the same data, choices and code give the same bytes."""
        return hash_of(self.results)

    @property
    def plan_hash(self) -> str:
        declared = self.results["facts"].get("plan") or {}
        return str(declared.get("hash", ""))


def compute(study: Study, parameters: Parameters, on_step: OnStep, on_family: OnFamily = ignore) -> Report:
    """Compute everything about a study; `on_step` and `on_family` are told what comes next."""
    on_step("Reading the data")
    facts = {
        "study": study.code,
        "instrument": str(study.version),
        "content_hash": study.version.content_hash,
    }
    declared = read_plan(study.version.structure)
    return compute_from(read(study, parameters), parameters, on_step, facts, declared, on_family)


def compute_from(
    data: Data,
    parameters: Parameters,
    on_step: OnStep,
    facts: dict[str, Any],
    declared: Plan | None = None,
    on_family: OnFamily = ignore,
) -> Report:
    """Compute everything from tables, wherever they come from; `facts` say of which study they are.

    Without a declared plan every test is exploratory.
    """
    inputs = Inputs(in_canonical_order(data), parameters, declared)
    tables: Tables = {"exclusions": inputs.excluded.steps}
    told = {**facts, **_facts(inputs)}
    chosen = chosen_families(parameters.families)
    for key in chosen:
        on_family(key)
        made = FAMILIES[key](inputs, on_step)
        refuse_unnamed(key, made.tables)
        tables |= made.tables
        told |= made.facts
    told["doubts"] = doubts.collect(inputs, tables, chosen)
    warnings = cautions.collect(inputs.answers, inputs.models, told.get("why_no_paper_tables", ""))
    warnings += [*cautions.chosen(parameters, declared)]
    return Report(data.snapshot_hash, {"facts": told, "tables": to_json(tables)}, warnings)


def refuse_unnamed(key: FamilyKey, names: Iterable[str]) -> None:
    """Refuse a family's table that HOLDS does not name: no page would read it, nor offer it as a file."""
    if unnamed := sorted(name for name in names if not HOLDS[key].has(name)):
        which = ", ".join(unnamed)
        raise LookupError(f"{which}: made by the family {key.name}, but not among its tables in analysis/families.py.")


def _facts(inputs: Inputs) -> dict[str, Any]:
    answers = inputs.excluded.frame
    respondents = answers.drop_duplicates("respondent_id")
    by_country = respondents["respondent_country"].value_counts()
    return {
        "n_respondents": len(respondents),
        "n_simulated_respondents": int(respondents["is_simulated"].sum()),
        "n_answers": int(answers["choice"].notna().sum()),
        "n_declined": int(answers["choice"].isna().sum()),
        "n_items": int(answers["item_code"].nunique()),
        "n_respondents_by_country": {str(k): int(n) for k, n in sorted(by_country.items()) if n},
        "models": [_model_facts(str(tag), rows) for tag, rows in inputs.models.groupby("model_tag", observed=True)],
        "parameters": inputs.parameters.as_json(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _model_facts(tag: str, rows: pd.DataFrame) -> dict[str, Any]:
    return {
        "tag": tag,
        "is_simulated": bool(rows["is_simulated"].any()),
        "n_answers": len(rows),
        "n_unread": int(rows["choice"].isna().sum()),
    }
