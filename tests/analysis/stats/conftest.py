"""The invented study of `tests/reference/pact_synthetic`, as the statistics take it."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.stats.paper.coding import follows_culture, relations

STUDY = Path(__file__).parents[2] / "reference" / "pact_synthetic"
ONE_ANSWER = ["persona_setting", "model_tag", "persona_country", "persona_demo", "scenario_item_id"]


@pytest.fixture(scope="session")
def human() -> pd.DataFrame:
    """Give the human answers in the paper's format."""
    return pd.read_csv(STUDY / "tidy_human_responses.csv.gz")


@pytest.fixture(scope="session")
def predictions() -> pd.DataFrame:
    """Give the model answers in the paper's format."""
    return pd.read_csv(STUDY / "llm_predictions.csv.gz")


@pytest.fixture(scope="session")
def answers(human: pd.DataFrame) -> pd.DataFrame:
    """Give the human answers with `personal` and `norm` as 0/1 and the relation as `rel`."""
    return human.assign(
        rel=relations(human["respondent_country"], human["scenario_country"]),
        personal=follows_culture(human["human_personal"]),
        norm=follows_culture(human["human_norm"]),
    )


@pytest.fixture(scope="session")
def stacked_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Give the human answers with one row per question, 0/1 in `culture`."""
    parts = [answers.assign(question=question, culture=answers[question]) for question in ("personal", "norm")]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="session")
def stacked_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Give the last answer per model, persona and item with one row per question, 0/1 in `culture`."""
    last = predictions.drop_duplicates(ONE_ANSWER, keep="last")
    parts = [
        last.assign(question=question, culture=follows_culture(last[f"llm_{question}"]))
        for question in ("personal", "norm")
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="session")
def advanced() -> dict[str, Any]:
    """Give the reference values of rates, agreement and alignment, per question."""
    values: dict[str, Any] = json.loads((STUDY / "expected_advanced.json").read_text())
    return values


@pytest.fixture(scope="session")
def r_reference() -> dict[str, Any]:
    """Give what R makes of the human answers."""
    values: dict[str, Any] = json.loads((STUDY / "r_reference.json").read_text())
    return values


@pytest.fixture(scope="session")
def given(stacked_answers: pd.DataFrame) -> pd.DataFrame:
    """Give the human answers that are not missing, one row per question, as R's models take them."""
    answered = stacked_answers[stacked_answers["culture"].notna()].reset_index(drop=True)
    return answered.assign(
        question=pd.Categorical(answered["question"], ["personal", "norm"]), country_relation=answered["rel"]
    )


@pytest.fixture(scope="session")
def personal(given: pd.DataFrame) -> pd.DataFrame:
    """Give what people themselves would do, one row per answer."""
    return given[given["question"] == "personal"].reset_index(drop=True)


def r_name(name: str) -> str:
    """Write a column's name as R does."""
    question = name.replace("question[norm]", "qnorm")
    return {"intercept": "(Intercept)"}.get(name, re.sub(r"\[([^]]*)\]", r"\1", question))


def group_of(answers: pd.DataFrame, key: str) -> pd.DataFrame:
    """Select the rows a key of the reference values names: `overall` or `column=value`."""
    if key == "overall":
        return answers
    column, value = key.removeprefix("item_x_country|").split("=")
    return answers[answers[column] == value]
