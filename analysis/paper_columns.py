"""The files that the paper's scripts read, declared like our own: header, order and codes are theirs."""

import re

from analysis.columns import BUCKET_SQL, CELL_SQL, CELLS, GENDER_SQL, NO_CELL, NO_PERSONA, SETTINGS, Column, Table
from survey.enums import ActorGender, AgeBucket, Country
from survey.llm.enums import DemographicConfig, Method, PreferenceConfig, PromptCondition, ProviderName, Stage

NAMES = tuple(str(name) for name in Country.labels)
AGES = tuple(AgeBucket.values)
GENDERS = tuple(ActorGender.values)
ANSWERS = ("A", "B")
SCENARIO_TYPES = ("same", "different")
DECISION_WORDS = ("FOLLOW_CULTURE", "ALLOW_PREFERENCE", "UNKNOWN")
NO_AGE = "age not given, or the session ended before"
NO_GENDER = "gender not given, another gender, or the session ended before"
RECEIVER_CELL_SQL = "item.receiver_age || '_' || item.receiver_gender"


def _country_name(source: str) -> str:
    """Translate a country's code to the name that the paper's files use."""
    cases = " ".join(f"WHEN '{code}' THEN '{name}'" for code, name in Country.choices)
    return f"CASE {source} {cases} END"


def _answer(question: str) -> str:
    """Write A for the culture whatever order was shown."""
    letter = "CASE response.choice WHEN 'culture' THEN 'A' WHEN 'preference' THEN 'B' END"
    return f"max({letter}) FILTER (WHERE response.question = '{question}')"


def _decision(asked: str, words: tuple[str, str]) -> str:
    """Decide one answer from those to both option orders; empty where there is none.

    The culture where its mean probability lies above one half, the preference where below; an answer without a
    probability counts 1 or 0. Methods are never mixed: the first one that has an answer decides. On one half the order
    that shows the culture first decides, as it is the only one the paper asked; without that answer the tie goes to the
    culture, as ties do in the paper.
    """
    return f"coalesce({', '.join(_decision_by(method, asked, words) for method in Method.values)})"


def _decision_by(method: str, asked: str, words: tuple[str, str]) -> str:
    asked = f"{asked} AND cell.method = '{method}' AND completion.choice <> ''"
    score = "coalesce(completion.p_culture, (completion.choice = 'culture')::int)"
    mean = f"round((avg({score}) FILTER (WHERE {asked}))::numeric, 9)"
    first = f"{asked} AND cell.option_order = 'culture_first'"
    tie = f"coalesce(bool_or(completion.choice = 'culture') FILTER (WHERE {first}), true)"
    culture, preference = words
    return (
        f"CASE WHEN {mean} > 0.5 OR {mean} = 0.5 AND {tie} THEN '{culture}' WHEN {mean} <= 0.5 THEN '{preference}' END"
    )


def _prediction(question: str) -> str:
    return _decision(f"cell.question = '{question}'", ("A", "B"))


DECIDED = _decision("true", ("FOLLOW_CULTURE", "ALLOW_PREFERENCE"))
SAME_SQL = "CASE WHEN item.actor_country = item.receiver_country THEN 'same' ELSE 'different' END"


HUMAN = Table(
    "tidy_human_responses",
    "The paper's file of human answers: one row per respondent and item, A follows the culture",
    ("respondent_id", "scenario_item_id"),
    (
        Column("respondent_id", "code", "respondent.code", "Pseudonym of the respondent"),
        Column("respondent_country", "code", _country_name("arm.country"), "Respondent's country", NAMES),
        Column("respondent_age_bucket", "code", BUCKET_SQL, "Respondent's age group", AGES, NO_AGE),
        Column("respondent_gender", "code", GENDER_SQL, "Respondent's gender", GENDERS, NO_GENDER),
        Column("respondent_demo", "code", CELL_SQL, "Age group and gender", CELLS, NO_CELL),
        Column("scenario_item_id", "code", "item.code", "Code of the item"),
        Column("scenario", "text", "wording.scenario", "Scenario in the source language"),
        Column("scenario_country", "code", _country_name("item.scenario_country"), "Where the scenario plays", NAMES),
        Column("receiver_age", "code", "item.receiver_age", "Age group of the receiver", AGES),
        Column("receiver_gender", "code", "item.receiver_gender", "Gender of the receiver", GENDERS),
        Column("receiver_demo", "code", RECEIVER_CELL_SQL, "Age group and gender of the receiver", CELLS),
        Column("human_personal", "code", _answer("personal"), "Personal choice", ANSWERS, "not answered"),
        Column("human_norm", "code", _answer("norm"), "Norm judgment", ANSWERS, "not answered"),
    ),
    missing_as="",
)
PREDICTIONS = Table(
    "llm_predictions",
    "The paper's file of model answers: one row per model, persona and item, A follows the culture",
    ("model_tag", "persona_setting", "persona_country", "persona_demo", "scenario_item_id"),
    (
        Column("model_tag", "code", "spec.tag", "Name of the model"),
        Column("persona_setting", "code", "cell.persona_setting", "With or without persona", SETTINGS),
        Column(
            "persona_country", "code", _country_name("cell.persona_country"), "Persona's country", NAMES, NO_PERSONA
        ),
        Column(
            "persona_demo",
            "code",
            "nullif(cell.persona_age || '_' || cell.persona_gender, '_')",
            "Persona's age group and gender",
            CELLS,
            NO_PERSONA,
        ),
        Column("scenario_item_id", "code", "item.code", "Code of the item"),
        Column("scenario_country", "code", _country_name("item.scenario_country"), "Where the scenario plays", NAMES),
        Column("receiver_age", "code", "item.receiver_age", "Age group of the receiver", AGES),
        Column("receiver_gender", "code", "item.receiver_gender", "Gender of the receiver", GENDERS),
        Column("receiver_demo", "code", RECEIVER_CELL_SQL, "Age group and gender of the receiver", CELLS),
        Column("llm_personal", "code", _prediction("personal"), "Personal choice", ANSWERS, "no readable answer"),
        Column("llm_norm", "code", _prediction("norm"), "Norm judgment", ANSWERS, "no readable answer"),
    ),
    missing_as="",
)
DECISIONS = Table(
    "eval_decisions",
    "The paper's files of behaviour runs as one: one row per model, item, configuration and prompt condition",
    ("source_row", "eval_model", "eval_demo_config", "eval_pref_config", "prompt_condition"),
    (
        Column("source_row", "code", "item.code", "Code of the item"),
        Column("eval_model", "code", "spec.tag", "Name of the model"),
        Column("eval_backend", "code", "spec.provider", "How the model was reached", tuple(ProviderName.values)),
        Column("scenario_type", "code", SAME_SQL, "Whether actor and receiver are of one country", SCENARIO_TYPES),
        Column("base_country", "code", _country_name("item.scenario_country"), "Where the scenario plays", NAMES),
        Column("actor_country", "code", _country_name("item.actor_country"), "Actor's country", NAMES),
        Column("receiver_country", "code", _country_name("item.receiver_country"), "Receiver's country", NAMES),
        Column("actor_gender", "code", "item.actor_gender", "Actor's gender", GENDERS),
        Column("actor_age", "code", "item.actor_age", "Actor's age group", AGES),
        Column("receiver_gender", "code", "item.receiver_gender", "Receiver's gender", GENDERS),
        Column("receiver_age", "code", "item.receiver_age", "Receiver's age group", AGES),
        Column(
            "eval_demo_config", "code", "cell.demographic_config", "What is said of both people beyond the item",
            tuple(DemographicConfig.values),
        ),
        Column(
            "eval_pref_config", "code", "cell.preference_config", "Who has the preference",
            tuple(PreferenceConfig.values),
        ),
        Column(
            "eval_decision", "code", f"coalesce({DECIDED}, 'UNKNOWN')", "UNKNOWN where no answer could be read",
            DECISION_WORDS,
        ),
        Column(
            "prompt_condition", "code", "cell.condition", "Whether told to weigh both sides",
            tuple(PromptCondition.values),
        ),
        Column("model_stage", "code", "spec.stage", "Stage of training", tuple(Stage.values)),
    ),
    missing_as="",
)  # fmt: skip
PAPER_TABLES = {table.name: table for table in (HUMAN, PREDICTIONS, DECISIONS)}
FILE_BY = ("eval_model", "model_stage", "prompt_condition")
EVALUATION_COLUMNS = tuple(name for name in DECISIONS.names if name not in ("model_stage", "prompt_condition"))
CONDITIONS = {PromptCondition.NO_BALANCE.value: "nobalance", PromptCondition.BALANCE.value: "balance"}


def evaluation_file(model: str, stage: str, condition: str) -> str:
    """Name the evaluation file of a model so that the paper's script finds it and reads stage and condition off it."""
    return f"cultureatlas_{re.sub('[^A-Za-z0-9.]+', '-', model)}_{stage}_{CONDITIONS[condition]}.csv"
