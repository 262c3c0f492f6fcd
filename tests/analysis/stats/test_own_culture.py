"""The own-culture effect by all methods, per outcome and country."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.stats.own_culture import EFFECT_COLUMNS, Method, Names, equivalence_p, own_culture_effects
from analysis.stats.rates import difference

NAMES = Names(
    value="culture",
    respondent="respondent_id",
    item="scenario_item_id",
    question="question",
    country="respondent_country",
    relation="rel",
    scenario_country="scenario_country",
    covariates=("respondent_age_bucket", "respondent_gender", "receiver_age", "receiver_gender"),
)
BESIDE = [
    "logit_two_way", "mixed", "within_item", "mixed_scenario_country", "mixed_item_mean", "mixed_random_slope",
    "rate_difference",
]  # fmt: skip


@pytest.fixture(scope="module")
def personal(stacked_answers: pd.DataFrame) -> pd.DataFrame:
    return stacked_answers[stacked_answers["question"] == "personal"]


@pytest.fixture(scope="module")
def table(personal: pd.DataFrame) -> pd.DataFrame:
    return own_culture_effects(personal, NAMES)


@pytest.fixture(scope="module")
def of_both(stacked_answers: pd.DataFrame) -> pd.DataFrame:
    """Give the table of both questions in two countries, without covariates."""
    two = stacked_answers[stacked_answers["respondent_country"].isin(["Brazil", "India"])]
    return own_culture_effects(two, replace(NAMES, covariates=()))


def row(table: pd.DataFrame, **wanted: str) -> "pd.Series[Any]":
    asked = {"outcome": "personal", "respondent_country": "all", "method": "mixed", "scale": "share", **wanted}
    found = table[(table[list(asked)] == pd.Series(asked)).all(axis=1)]
    assert len(found) == 1
    return found.iloc[0]


def test_effects_have_a_row_per_place_contrast_and_method(table: pd.DataFrame) -> None:
    assert list(table) == [name if name != "country" else "respondent_country" for name in EFFECT_COLUMNS]
    assert table["contrast"].unique().tolist() == ["same - close", "same - far"]
    overall = table[table["respondent_country"] == "all"]
    assert overall["method"].unique().tolist() == ["mixed", *(one for one in BESIDE if one != "mixed")]
    assert table[table["method"] == "mixed"]["respondent_country"].nunique() == 6
    assert (table["reason"] == "").all()
    assert len(table) == 2 * (len(BESIDE) + 1 + 5 + 5)


def test_primary_effect_equals_r(table: pd.DataFrame, r_reference: dict[str, Any]) -> None:
    found = row(table, contrast="same - close")
    assert found["estimate"] == pytest.approx(r_reference["ame_glmer_personal_popavg"]["same_minus_close"], abs=1e-4)
    logit = row(table, contrast="same - close", scale="log_odds")
    r = r_reference["glmer_personal"]
    assert logit["estimate"] == pytest.approx(r["coef"]["country_relationsame"], abs=1e-3)
    assert logit["se"] == pytest.approx(r["se"]["country_relationsame"], rel=0.02)
    assert (found["n"], found["n_respondents"], found["n_items"], found["df"]) == (4749, 200, 176, 175)


def test_clustered_effect_equals_r(table: pd.DataFrame, r_reference: dict[str, Any]) -> None:
    found = row(table, contrast="same - close", method="logit_two_way")
    assert found["estimate"] == pytest.approx(r_reference["ame_glm_personal"]["same_minus_close"], abs=1e-10)


def test_effect_within_items_equals_r(table: pd.DataFrame, r_reference: dict[str, Any]) -> None:
    found = row(table, contrast="same - close", method="within_item", scale="log_odds")
    r = r_reference["clogit_strata_item"]
    assert (found["estimate"], found["se"]) == pytest.approx((r["coef"]["same"], r["se"]["same"]), rel=1e-6)


def test_unadjusted_effect_is_the_difference_of_rates(table: pd.DataFrame, personal: pd.DataFrame) -> None:
    india = personal[personal["respondent_country"] == "India"]
    alone = difference(
        india,
        value="culture",
        respondent="respondent_id",
        item="scenario_item_id",
        group="rel",
        first="same",
        second="far",
    )  # fmt: skip
    found = row(table, respondent_country="India", contrast="same - far", method="rate_difference")
    numbers = ["estimate", "se", "ci_low", "p_value", "df"]
    assert found[numbers].tolist() == [getattr(alone, name) for name in numbers]


def test_effects_find_what_the_study_was_made_with(table: pd.DataFrame) -> None:
    """The answers were drawn with -0.5 logits for one's own country, against close ones, and 0.1 for far ones."""
    close, far = (row(table, contrast=one, scale="log_odds") for one in ("same - close", "same - far"))
    assert close["ci_low"] < -0.5 < close["ci_high"] < 0
    assert far["ci_low"] < -0.6 < far["ci_high"] < 0
    shares = table[(table["method"].str.startswith("mixed")) & (table["respondent_country"] == "all")]
    shares = shares[(shares["scale"] == "share") & (shares["contrast"] == "same - far")]
    assert (shares["ci_high"] < 0).all()


def test_interval_and_tests_are_those_of_t(table: pd.DataFrame) -> None:
    found = row(table, contrast="same - close", respondent_country="India")
    half = stats.t.ppf(0.975, found["df"]) * found["se"]
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((found["estimate"] - half, found["estimate"] + half))
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(abs(found["statistic"]), found["df"]))
    assert found["p_equivalence"] == equivalence_p(found["estimate"], found["se"], found["df"], 0.05)


def test_equivalence_p_is_the_larger_of_two_one_sided_tests() -> None:
    assert equivalence_p(0.01, 0.02, 30, 0.05) == pytest.approx(stats.t.sf(2.0, 30))
    assert equivalence_p(-0.01, 0.02, 30, 0.05) == pytest.approx(stats.t.sf(2.0, 30))
    assert equivalence_p(0.09, 0.02, 30, 0.05) == pytest.approx(stats.t.cdf(2.0, 30))
    with pytest.raises(ValueError, match="must be positive"):
        equivalence_p(0.01, 0.02, 30, 0.0)


def test_gap_is_an_outcome_of_its_own(of_both: pd.DataFrame) -> None:
    assert of_both["outcome"].unique().tolist() == ["personal", "norm", "gap"]
    found = row(of_both, outcome="gap", contrast="same - far")
    parts = [row(of_both, outcome=one, contrast="same - far")["estimate"] for one in ("norm", "personal")]
    assert found["estimate"] == pytest.approx(parts[0] - parts[1], abs=0.03)
    clustered = row(of_both, outcome="gap", contrast="same - far", method="logit_two_way")
    assert found["estimate"] == pytest.approx(clustered["estimate"], abs=0.03)
    assert set(of_both[of_both["outcome"] == "gap"]["method"]) == {Method.MIXED, Method.TWO_WAY}


def test_a_country_without_a_relation_keeps_its_rows(personal: pd.DataFrame) -> None:
    is_brazil, is_india = (personal["respondent_country"] == one for one in ("Brazil", "India"))
    met = personal[~(is_brazil & (personal["rel"] == "far"))]
    met = met.assign(culture=met["culture"].where(~(is_india & (met["rel"] == "same")), 1.0))
    table = own_culture_effects(met, NAMES)
    assert row(table, respondent_country="Brazil", contrast="same - far")["reason"] == "no answers: far"
    agreed = row(table, respondent_country="India", contrast="same - far")
    assert agreed["reason"] == "all answers are the same: same"
    assert np.isnan(agreed["estimate"])
    assert agreed["n"] > 900
    assert row(table, respondent_country="South Africa", contrast="same - far")["reason"] == ""


def test_effects_tell_what_comes_next(personal: pd.DataFrame) -> None:
    told: list[str] = []
    few = personal[personal["respondent_country"] == "Brazil"]
    table = own_culture_effects(few, NAMES, on_step=told.append)
    assert told[0] == "personal, mixed model"
    assert "personal, with random slopes" in told
    within = row(table, contrast="same - far", method="within_item", scale="log_odds")
    assert within["reason"] == "no item was judged in both relations"


def test_effects_of_no_rows_have_their_columns(personal: pd.DataFrame) -> None:
    table = own_culture_effects(personal.iloc[:0], NAMES)
    assert table.empty
    assert list(table)[:4] == ["outcome", "respondent_country", "contrast", "method"]


def test_effects_without_the_own_relation_are_none(personal: pd.DataFrame) -> None:
    assert own_culture_effects(personal[personal["rel"] != "same"], NAMES).empty


def test_effects_of_like_answers_say_so(personal: pd.DataFrame) -> None:
    table = own_culture_effects(personal.assign(culture=1.0), NAMES)
    assert set(table[table["method"] == "mixed"]["reason"]) == {
        "all answers are the same: in every group", "all answers are the same: close"
    }  # fmt: skip
    assert (table["reason"] != "").all()
