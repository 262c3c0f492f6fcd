"""What a regression loses without a factor."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.stats.drop_one import drop_one
from analysis.stats.terms import Patterns, Term, count_patterns

from .conftest import STUDY

VARIABLES = [
    "question", "respondent_country", "respondent_age_bucket", "respondent_gender", "receiver_age",
    "receiver_gender", "country_relation", "scenario_country",
]  # fmt: skip
TERMS: list[Term] = [
    *((name,) for name in VARIABLES),
    ("question", "respondent_country"),
    ("question", "country_relation"),
    ("respondent_age_bucket", "receiver_age"),
    ("respondent_gender", "receiver_gender"),
]


@pytest.fixture(scope="module")
def patterns(given: pd.DataFrame) -> Patterns:
    return count_patterns(given, value="culture", variables=VARIABLES)


def test_drop_one_equals_the_paper_where_its_models_are_nested(patterns: Patterns) -> None:
    paper = pd.read_csv(Path(STUDY) / "expected_section5" / "human_regression_drop_one_deviance.csv")
    paper = paper[paper["model"] == "combined_personal_vs_norm"].set_index("dropped_factor")
    found = drop_one(
        patterns,
        TERMS,
        {
            "scenario_country": [("scenario_country",)],
            "question_x_country": [("question", "respondent_country")],
            "question_x_relation": [("question", "country_relation")],
        },
    )
    expected = paper.loc[found["factor"]]
    np.testing.assert_allclose(found["deviance"], expected["drop_one_deviance"], atol=1e-6)
    assert found["df"].tolist() == expected["df_difference"].tolist() == [17, 4, 2]


def test_drop_one_takes_the_interactions_of_a_factor_with_it(patterns: Patterns) -> None:
    found = drop_one(patterns, TERMS, {"country": [("respondent_country",)], "people": [("respondent_gender",)]})
    assert found["df"].tolist() == [8, 2]
    assert (found["deviance"] > 0).all()
    assert found["deviance_less_df"].tolist() == (found["deviance"] - found["df"]).tolist()
    assert found["aic"].tolist() == pytest.approx((found["deviance"] - 2 * found["df"]).tolist())
    assert found["n"].tolist() == [9485, 9485]


def test_drop_one_says_why_a_factor_has_no_loss_of_its_own(given: pd.DataFrame) -> None:
    twice = given.assign(same_again=given["respondent_gender"])
    patterns = count_patterns(twice, value="culture", variables=[*VARIABLES, "same_again"])
    found = drop_one(patterns, [*TERMS, ("same_again",)], {"x": [("same_again",)]})
    assert found["df"].tolist() == [0]
    assert found["reason"].tolist() == ["the other terms already determine it"]
    assert np.isnan(found["deviance"].iloc[0])


def test_drop_one_leaves_out_a_factor_that_is_not_in_the_model(patterns: Patterns) -> None:
    assert drop_one(patterns, TERMS[:2], {"x": [("receiver_age",)], "y": [("question",)]})["factor"].tolist() == ["y"]
