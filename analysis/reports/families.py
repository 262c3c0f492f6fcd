"""All families of a report, and the report itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pandas as pd

from analysis import cautions
from analysis.parameters import Parameters
from analysis.plan import Plan, read_plan
from analysis.reports import agreement, alignment, drop_one, effect_sizes, own_culture, paper, plan, rates, shift
from analysis.reports.inputs import Data, Inputs, read
from analysis.reports.tables import Made, OnStep, Tables, to_json
from survey.models import Study

FAMILIES: tuple[Callable[[Inputs, OnStep], Made], ...] = (
    plan.make,
    rates.make,
    agreement.make,
    own_culture.make,
    effect_sizes.make,
    drop_one.make,
    alignment.make,
    shift.make,
    paper.make,
)
LIBRARIES = ("numpy", "pandas", "scipy")


@dataclass(frozen=True)
class Report:
    snapshot_hash: str
    results: dict[str, Any]
    warnings: list[str]


def compute(study: Study, parameters: Parameters, on_step: OnStep) -> Report:
    """Compute everything about a study; `on_step` is told what comes next."""
    on_step("Reading the data")
    facts = {
        "study": study.code,
        "instrument": str(study.version),
        "content_hash": study.version.content_hash,
    }
    declared = read_plan(study.version.structure)
    return compute_from(read(study, parameters), parameters, on_step, facts, declared)


def compute_from(
    data: Data, parameters: Parameters, on_step: OnStep, facts: dict[str, Any], declared: Plan | None = None
) -> Report:
    """Compute everything from tables, wherever they come from; `facts` say of which study they are.

    Without a declared plan every test is exploratory.
    """
    inputs = Inputs(data, parameters, declared)
    tables: Tables = {"exclusions": inputs.excluded.steps}
    told = {**facts, **_facts(inputs)}
    for make in FAMILIES:
        made = make(inputs, on_step)
        tables |= made.tables
        told |= made.facts
    warnings = cautions.collect(inputs.answers, inputs.models, told["why_no_paper_tables"])
    return Report(data.snapshot_hash, {"facts": told, "tables": to_json(tables)}, warnings)


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
