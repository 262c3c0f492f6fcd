"""How much each factor moves the share that follows the culture: all factors on one scale, people and models."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.parameters import NO_SIMULATED, Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.multiplicity import adjusted
from analysis.reports.tables import Made, OnStep, stacked
from analysis.stats.effects import level_contrasts, spread_by_factor
from survey.enums import Question
from survey.instruments.plan import Comparisons
from survey.llm.enums import PersonaSetting, RunKind

PEOPLE = "people"
PEOPLE_FACTORS = {
    "respondent_country": "respondent_country",
    "respondent_age": "age_bucket",
    "respondent_gender": "gender",
    "relation": "relation",
    "theme": "theme",
    "scenario_country": "scenario_country",
    "receiver_age": "receiver_age",
    "receiver_gender": "receiver_gender",
}
PERSONA_FACTORS = {name: name for name in ("persona_country", "persona_age", "persona_gender")}
PROMPT_FACTORS = {name: name for name in ("condition", "preference_config", "demographic_config", "option_order")}


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Effect sizes")
    answers, parameters = inputs.answers, inputs.parameters
    parts = [_spreads(answers, PEOPLE, "respondent_id", PEOPLE_FACTORS, parameters)]
    personas, behaviour = _with_persona(inputs.models), _behaviour(inputs)
    for kind, rows, factors in (
        ("persona", personas, PERSONA_FACTORS),
        ("prompt", behaviour, PROMPT_FACTORS),
    ):
        for tag, own in rows.groupby("model_tag", observed=True):
            varied = {name: column for name, column in factors.items() if own[column].nunique() > 1}
            parts.append(_spreads(own, str(tag), None, varied, parameters).assign(design=kind))
    table = stacked(parts, ["source", "question", "factor"])
    by_model = personas.groupby("model_tag", observed=True)
    contrasts = [_persona_countries(own, str(tag), parameters) for tag, own in by_model]
    return Made(
        {
            "effect_sizes": adjusted(table, inputs, Comparisons.EFFECT_SIZES, within=["source"]),
            "persona_countries": stacked(contrasts, ["source", "question", "persona_country"]),
        }
    )


def _persona_countries(own: pd.DataFrame, source: str, parameters: Parameters) -> pd.DataFrame:
    """Tell how far each persona's country lies above the mean of the countries, by question."""
    parts = []
    for question in Question.values:
        found = level_contrasts(
            own[(own["question"] == question) & own["follows_culture"].notna()],
            value="follows_culture",
            respondent=None,
            item="item_code",
            factor="persona_country",
            level=parameters.level,
        )
        found = found.rename(columns={"factor_level": "persona_country"})
        parts.append(found.assign(source=source, question=question))
    return pd.concat(parts, ignore_index=True)


def _with_persona(models: pd.DataFrame) -> pd.DataFrame:
    return models[models["persona_setting"] == PersonaSetting.PERSONA]


def _behaviour(inputs: Inputs) -> pd.DataFrame:
    completions = inputs.data.completions
    kept = completions[completions["is_latest"] & (completions["run_kind"] == RunKind.BEHAVIOUR)]
    return kept[~kept["is_simulated"]] if NO_SIMULATED in inputs.parameters.exclusions else kept


def _spreads(
    rows: pd.DataFrame, source: str, respondent: str | None, factors: Mapping[str, str], parameters: Parameters
) -> pd.DataFrame:
    parts = []
    for question in Question.values:
        asked = rows[(rows["question"] == question) & rows["follows_culture"].notna()]
        if asked.empty:
            continue
        found = spread_by_factor(
            asked,
            value="follows_culture",
            respondent=respondent,
            item="item_code",
            factors=factors,
            seed=parameters.seed,
            level=parameters.level,
        )
        parts.append(found.assign(source=source, question=question))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
