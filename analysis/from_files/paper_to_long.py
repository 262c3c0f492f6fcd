"""The paper's two files as the site's own tables, so that every family of the report can be computed from them.

What those files do not say is filled with the one value that leaves all numbers alone: complete sessions of real
people, the culture's choice first, one wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.columns import COMPLETIONS, LONG, Column, Table
from analysis.frames import DTYPES
from analysis.stats.paper.coding import follows_culture, relations, themes
from analysis.stats.paper.predictions import prediction_rows
from survey.enums import Choice, Country, Locale, OptionOrder, Question, Status
from survey.llm.enums import DemographicConfig, Method, PreferenceConfig, PromptCondition, RunKind, Stage

CODES: Mapping[str, str] = {str(country.label): country.value for country in Country}
STUDY = {"study_code": "files", "instrument": "files"}
SETTING = {
    "run": 1,
    "run_kind": RunKind.ALIGNMENT.value,
    "model_stage": Stage.INSTRUCT.value,
    "is_simulated": False,
    "locale": Locale.EN_US.value,
    "option_order": OptionOrder.CULTURE_FIRST.value,
    "condition": PromptCondition.NO_BALANCE.value,
    "paraphrase": 0,
    "preference_config": PreferenceConfig.ACTOR_PREF_ONLY.value,
    "demographic_config": DemographicConfig.NO_DEMO.value,
    "method": Method.SAMPLE.value,  # one choice an asking: a first token would come with its probability
    "repeat": 0,
    "is_latest": True,
}
SESSION = {
    "is_simulated": False,
    "session_status": Status.COMPLETE.value,
    "study_day": 1,
    "item_number": 1,
    "is_core": False,
    "actor_age": None,
    "actor_gender": None,
    "locale": Locale.EN_US.value,
    "option_order": OptionOrder.CULTURE_FIRST.value,
    "duration_ms": 0,
    "text_hash": "files",
}


def long_of(human: pd.DataFrame) -> pd.DataFrame:
    """Stack the human answers: one row per respondent, item and question that was answered."""
    own, place = human["respondent_country"], human["scenario_country"]
    facts = {
        **STUDY,
        **SESSION,
        "respondent_id": human["respondent_id"].astype(str),
        "respondent_country": codes(own),
        "age_bucket": human["respondent_age_bucket"],
        "gender": human["respondent_gender"].map({"female": "woman", "male": "man"}),
        "demographic_cell": human["respondent_demo"],
        "item_code": human["scenario_item_id"].astype(str),
        "relation": pd.Series(relations(own, place), index=human.index).where(own.notna() & place.notna()),
        "scenario_country": codes(place),
        "theme": themes(human["scenario"]),
        "receiver_age": human["receiver_age"],
        "receiver_gender": human["receiver_gender"],
    }
    parts = [_answers(facts, question, human[f"human_{question}"], human.index) for question in Question.values]
    stacked = pd.concat(parts, ignore_index=True)
    answered = stacked[stacked["choice"].notna() & human_is_named(stacked)]
    return _declared(LONG, answered.assign(chose_first=answered["follows_culture"] == 1))


def human_is_named(rows: pd.DataFrame) -> pd.Series:
    """Tell the rows that have a respondent and an item."""
    return (rows["respondent_id"] != "nan") & (rows["item_code"] != "nan")


def completions_of(predictions: pd.DataFrame) -> pd.DataFrame:
    """Stack the model answers: one row per model, persona, item and question; the last asking counts."""
    rows = prediction_rows(predictions, "")
    demo = rows["persona_demo"].astype(object).str.extract("^(younger|older)_(female|male)$")
    facts = {
        **STUDY,
        **SETTING,
        "model_tag": rows["model_tag"].astype(str),
        "model": rows["model_tag"].astype(str),
        "item_code": rows["scenario_item_id"].astype(str),
        "scenario_country": codes(rows["scenario_country"]) if "scenario_country" in rows else None,
        "persona_setting": rows["setting"],
        "persona_country": codes(rows["persona_country"]),
        "persona_age": demo[0],
        "persona_gender": demo[1],
    }
    parts = [_answers(facts, question, rows[f"llm_{question}"], rows.index) for question in Question.values]
    return _declared(COMPLETIONS, pd.concat(parts, ignore_index=True))


def codes(countries: pd.Series) -> pd.Series:
    """Give the codes of countries; one that the site does not know keeps its name."""
    return countries.astype(object).map(lambda name: CODES.get(name, name))


def _answers(facts: Mapping[str, Any], question: str, answers: pd.Series, index: pd.Index) -> pd.DataFrame:
    follows = follows_culture(answers)
    choice = follows.map({1.0: Choice.CULTURE.value, 0.0: Choice.PREFERENCE.value})
    told = {"question": question, "choice": choice, "follows_culture": follows}
    return pd.DataFrame({**facts, **told}, index=index)


def _declared(table: Table, rows: pd.DataFrame) -> pd.DataFrame:
    """Give all columns of a table in its types; levels that it does not declare come after those it does."""
    return pd.DataFrame({column.name: _typed(column, rows) for column in table.columns}, index=rows.index)


def _typed(column: Column, rows: pd.DataFrame) -> pd.Series:
    empty = pd.Series(None, index=rows.index, dtype=object)
    values = rows.get(column.name, empty)
    if column.type != "code":
        dtype: Any = "bool" if column.type == "boolean" and not column.missing else DTYPES[column.type]
        return pd.Series(values.astype(dtype))
    others = sorted(set(values.dropna().astype(str)) - set(column.levels))
    return values.astype(pd.CategoricalDtype([*column.levels, *others]))
