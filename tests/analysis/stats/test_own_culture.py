"""The own-culture effect per question and country."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.own_culture import own_culture_effect
from analysis.stats.rates import difference

COLUMNS: dict[str, Any] = {
    "value": "culture",
    "respondent": "respondent_id",
    "item": "scenario_item_id",
    "question": "question",
    "country": "respondent_country",
    "relation": "rel",
}


@pytest.fixture(scope="module")
def table(stacked_answers: pd.DataFrame) -> pd.DataFrame:
    return own_culture_effect(stacked_answers, **COLUMNS)


def test_own_culture_effect_has_a_row_per_question_place_and_relation(table: pd.DataFrame) -> None:
    assert len(table) == 2 * 6 * 2
    assert table["contrast"].unique().tolist() == ["same - close", "same - far"]
    assert table["respondent_country"].iloc[:2].tolist() == ["all", "all"]
    assert (table["reason"] == "").all()


def test_own_culture_effect_is_the_difference_of_rates(table: pd.DataFrame, answers: pd.DataFrame) -> None:
    india = answers[answers["respondent_country"] == "India"]
    means = india.groupby("rel")["personal"].mean()
    row = table[
        (table["question"] == "personal")
        & (table["respondent_country"] == "India")
        & (table["contrast"] == "same - far")
    ].iloc[0]
    assert row["estimate"] == pytest.approx(means["same"] - means["far"], rel=1e-12)
    alone = difference(
        india,
        value="personal",
        respondent="respondent_id",
        item="scenario_item_id",
        group="rel",
        first="same",
        second="far",
    )
    assert row[["se", "ci_low", "p_value", "df"]].tolist() == [alone.se, alone.ci_low, alone.p_value, alone.df]


def test_own_culture_effect_finds_what_the_study_was_made_with(table: pd.DataFrame) -> None:
    far = table[(table["respondent_country"] == "all") & (table["contrast"] == "same - far")]
    assert far["question"].tolist() == ["norm", "personal"]
    assert (far["ci_high"] < 0).tolist() == [False, True]


def test_own_culture_effect_keeps_a_row_for_a_relation_nobody_met(stacked_answers: pd.DataFrame) -> None:
    is_brazil = stacked_answers["respondent_country"] == "Brazil"
    without = stacked_answers[~(is_brazil & (stacked_answers["rel"] == "far"))]
    table = own_culture_effect(without, **COLUMNS)
    row = table[(table["respondent_country"] == "Brazil") & (table["contrast"] == "same - far")].iloc[0]
    assert row["reason"] == "no answers: far"
    assert np.isnan(row["estimate"])
    assert row["n"] > 0


def test_own_culture_effect_of_no_rows_has_its_columns(stacked_answers: pd.DataFrame) -> None:
    table = own_culture_effect(stacked_answers.iloc[:0], **COLUMNS)
    assert table.empty
    assert list(table)[:4] == ["question", "respondent_country", "contrast", "estimate"]
