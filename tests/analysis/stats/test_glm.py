"""Logistic regression on patterns, against R and statsmodels, and what it says where there is no estimate."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.stats.glm import LogitFit, fit_logit, fit_terms, likelihood_ratio
from analysis.stats.observations import codes
from analysis.stats.terms import Patterns, Term, count_patterns, design
from analysis.stats.twoway import twoway_se

from .conftest import r_name

PERSON = ["respondent_country", "respondent_age_bucket", "respondent_gender", "receiver_age", "receiver_gender"]
MAIN = ["respondent_country", "country_relation", *PERSON[1:]]
PERSONAL: list[Term] = [(name,) for name in MAIN]
BOTH: list[Term] = [("question",), *PERSONAL, ("question", "respondent_country"), ("question", "country_relation")]


def patterns_of(frame: pd.DataFrame) -> Patterns:
    return count_patterns(frame, value="culture", variables=MAIN)


def assert_equals_r(fit: LogitFit, r: dict[str, Any]) -> None:
    expected = [r["coef"][r_name(name)] for name in fit.names]
    np.testing.assert_allclose(fit.coef, expected, rtol=0, atol=1e-11)
    np.testing.assert_allclose(fit.se, [r["se"][r_name(name)] for name in fit.names], rtol=1e-6)
    assert fit.deviance == pytest.approx(r["deviance"], abs=1e-8)


def test_fit_terms_equals_glm_in_r(given: pd.DataFrame, personal: pd.DataFrame, r_reference: dict[str, Any]) -> None:
    both = count_patterns(given, value="culture", variables=["question", *MAIN])
    assert_equals_r(fit_terms(both, BOTH), r_reference["glm"])
    assert_equals_r(fit_terms(patterns_of(personal), PERSONAL), r_reference["glm_personal"])


def test_fit_terms_equals_statsmodels_with_a_row_per_answer(personal: pd.DataFrame) -> None:
    patterns = patterns_of(personal)
    fit = fit_terms(patterns, PERSONAL)
    rows = design(patterns, PERSONAL).matrix[patterns.pattern]
    other = sm.GLM(personal["culture"].to_numpy(), rows, family=sm.families.Binomial()).fit(tol=1e-12)
    np.testing.assert_allclose(fit.coef, other.params, atol=1e-9)
    np.testing.assert_allclose(fit.se, other.bse, rtol=1e-7)
    assert fit.aic == pytest.approx(other.aic, rel=1e-12)
    assert fit.log_likelihood == pytest.approx(other.llf, rel=1e-12)


def test_clustered_errors_of_the_coefficients_equal_sandwich_in_r(
    personal: pd.DataFrame, r_reference: dict[str, Any]
) -> None:
    """From each answer's influence on the coefficients: information inverse times score."""
    patterns = patterns_of(personal)
    fit = fit_terms(patterns, PERSONAL)
    x = design(patterns, PERSONAL).matrix[patterns.pattern]
    residual = personal["culture"].to_numpy() - fit.probability[patterns.pattern]
    influence = x @ fit.covariance * residual[:, None]
    person, item = (codes(personal, [column]) for column in ("respondent_id", "scenario_item_id"))
    found = [twoway_se(influence[:, at], person, item) for at in range(len(fit.names))]
    expected = r_reference["cluster_robust_personal"]
    for at, name in enumerate(fit.names):
        by_person, by_item, both = (
            expected[key][r_name(name)] for key in ("respondent_HC0_noadj", "item_HC0_noadj", "twoway_HC0_noadj")
        )
        assert found[at].respondent == pytest.approx(by_person, rel=5e-7)
        assert found[at].item == pytest.approx(by_item, rel=5e-7)
        assert found[at].twoway == pytest.approx(max(both, by_person, by_item), rel=5e-7)


def test_likelihood_ratio_is_the_difference_of_deviances(personal: pd.DataFrame) -> None:
    patterns = patterns_of(personal)
    full, reduced = fit_terms(patterns, PERSONAL), fit_terms(patterns, PERSONAL[1:])
    found = likelihood_ratio(full, reduced)
    assert found.df == 4
    assert found.statistic == pytest.approx(reduced.deviance - full.deviance)
    nothing = likelihood_ratio(full, full)
    assert (nothing.df, nothing.reason) == (0, "the other terms already determine it")
    assert np.isnan(nothing.statistic)


def test_fit_names_a_column_that_others_determine(personal: pd.DataFrame) -> None:
    twice = personal.assign(again=personal["respondent_gender"])
    patterns = count_patterns(twice, value="culture", variables=[*MAIN, "again"])
    fit = fit_terms(patterns, [*PERSONAL, ("again",)])
    assert fit.aliased == ["again[male]"]
    assert fit.reason == "the other columns already determine again[male]"
    assert np.flatnonzero(np.isnan(fit.coef)).tolist() == [len(fit.names) - 1]
    assert fit.deviance == pytest.approx(fit_terms(patterns, PERSONAL).deviance, abs=1e-9)


def test_fit_names_the_group_whose_answers_are_all_the_same(personal: pd.DataFrame) -> None:
    is_india = personal["respondent_country"] == "India"
    agreed = personal.assign(culture=personal["culture"].where(~is_india, 1.0))
    fit = fit_terms(patterns_of(agreed), PERSONAL)
    assert fit.reason == "all answers are the same: respondent_country India"
    assert fit.separated == ["respondent_country[India]"]
    rest = fit_terms(patterns_of(agreed[~is_india]), PERSONAL)
    kept = [name for name in fit.names if name != "respondent_country[India]"]
    np.testing.assert_allclose([fit.of(name) for name in kept], rest.coef, atol=1e-8)
    np.testing.assert_allclose(fit.se[np.isfinite(fit.coef)], rest.se, rtol=1e-7)
    assert fit.deviance == pytest.approx(rest.deviance, abs=1e-7)


def test_fit_gives_up_what_is_told_from_a_group_of_like_answers(personal: pd.DataFrame) -> None:
    is_brazil = personal["respondent_country"] == "Brazil"
    agreed = personal.assign(culture=personal["culture"].where(~is_brazil, 0.0))
    fit = fit_terms(patterns_of(agreed), PERSONAL)
    assert fit.reason == "all answers are the same: respondent_country Brazil"
    assert len(fit.separated) == 5  # the first country is what the others are compared with
    rest = fit_terms(patterns_of(agreed[~is_brazil]), PERSONAL)
    assert fit.of("country_relation[same]") == pytest.approx(rest.of("country_relation[same]"), abs=1e-8)


def test_fit_names_a_pair_of_levels(personal: pd.DataFrame) -> None:
    cell = (personal["respondent_country"] == "India") & (personal["country_relation"] == "same")
    agreed = personal.assign(culture=personal["culture"].where(~cell, 1.0))
    fit = fit_terms(patterns_of(agreed), [*PERSONAL, ("respondent_country", "country_relation")])
    assert fit.reason == "all answers are the same: respondent_country India, country_relation same"


def test_fit_of_like_answers_says_so(personal: pd.DataFrame) -> None:
    fit = fit_terms(patterns_of(personal.assign(culture=1.0)), PERSONAL)
    assert fit.reason == "all answers are the same: in every group"
    assert np.isnan(fit.coef).all()
    assert fit.deviance == 0


def test_fit_of_no_answers_says_so() -> None:
    fit = fit_logit(np.zeros((0, 2)), np.zeros(0), np.zeros(0), ["a", "b"])
    assert fit.reason == "no answers"
    assert np.isnan(fit.deviance)


def test_fit_of_an_extreme_but_estimable_rate_is_exact() -> None:
    fit = fit_logit(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([1.0, 50_000.0]), np.array([1e5, 1e5]), ["a", "b"])
    assert fit.reason == ""
    assert fit.coef[0] == pytest.approx(np.log(1 / 99_999), abs=1e-9)


@pytest.mark.parametrize("like", ["none", "India", "Brazil"])
@pytest.mark.parametrize("dropped", ["respondent_country", "country_relation", "receiver_gender"])
def test_fit_begun_near_a_larger_one_is_the_same(personal: pd.DataFrame, like: str, dropped: str) -> None:
    alike = personal["respondent_country"] == like
    agreed = personal.assign(culture=personal["culture"].where(~alike, 1.0), again=personal["respondent_gender"])
    patterns = count_patterns(agreed, value="culture", variables=[*MAIN, "again"])
    larger = fit_terms(patterns, [*PERSONAL, ("again",)])
    kept = [term for term in PERSONAL if term != (dropped,)]
    cold = fit_terms(patterns, kept)
    near = fit_terms(patterns, kept, larger)
    np.testing.assert_allclose(near.coef, cold.coef, atol=1e-7)
    np.testing.assert_allclose(near.se, cold.se, rtol=1e-5)
    assert near.deviance == pytest.approx(cold.deviance, abs=1e-7)
    assert (near.rank, near.separated, near.reason) == (cold.rank, cold.separated, cold.reason)
    without = fit_terms(patterns, kept, larger, with_errors=False)
    assert np.isnan(without.se).all()
    assert without.deviance == near.deviance
