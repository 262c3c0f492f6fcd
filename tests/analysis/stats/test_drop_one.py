"""What a regression loses without a factor."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from analysis.stats.drop_one import drop_one, drop_one_mixed
from analysis.stats.mixed import RandomTerm
from analysis.stats.observations import codes
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


def test_drop_one_mixed_equals_r(given: pd.DataFrame, r_reference: dict[str, Any]) -> None:
    main = ["question", "respondent_country", "country_relation", *VARIABLES[2:6]]
    with_country, with_relation = ("question", "respondent_country"), ("question", "country_relation")
    fixed: list[Term] = [*((name,) for name in main), with_country, with_relation]
    random = [RandomTerm(name, name, codes(given, [name])) for name in ("respondent_id", "scenario_item_id")]
    counted = count_patterns(given, value="culture", variables=main)
    value = given["culture"].to_numpy(float)
    factors = {"q_x_country": [with_country], "q_x_relation": [with_relation]}
    found = drop_one_mixed(counted, fixed, factors, value, random, {}).set_index("factor")
    for factor, r in r_reference["glmer_lrt"].items():
        assert found.loc[factor, "statistic"] == pytest.approx(r["chisq"], abs=2e-3)
        assert found.loc[factor, "df"] == r["df"]
        assert found.loc[factor, "p_value"] == pytest.approx(r["p"], rel=1e-2)
    origin = {"origin": RandomTerm("origin", "origin", codes(given, ["scenario_country"]))}
    of_origin = drop_one_mixed(counted, fixed, {}, value, random, origin).iloc[0]
    r_without, r_with = (r_reference[key]["logLik"] for key in ("glmer_laplace", "glmer_with_scenario_country_re"))
    assert of_origin["statistic"] == pytest.approx(2 * (r_with - r_without), abs=5e-3)
    assert of_origin["p_value"] == pytest.approx(0.5 * chi2.sf(of_origin["statistic"], 1), rel=1e-9)


def test_drop_one_mixed_says_why_it_cannot_fit(given: pd.DataFrame) -> None:
    few = given.iloc[:200].assign(culture=1.0)
    random = [RandomTerm("respondent_id", "respondent_id", codes(few, ["respondent_id"]))]
    counted = count_patterns(few, value="culture", variables=["receiver_age"])
    age: Term = ("receiver_age",)
    found = drop_one_mixed(counted, [age], {"x": [age]}, few["culture"].to_numpy(), random, {})
    assert found["reason"].tolist() == ["all answers are the same: in every group"]
    assert found["statistic"].isna().all()
