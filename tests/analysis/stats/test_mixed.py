"""The logistic mixed model against lme4 and glmmTMB, its gradient, and what it says where there is no estimate."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from analysis.stats.mixed import MixedFit, RandomTerm, fit_mixed, likelihood_ratio_p
from analysis.stats.mixed import fit as fit_module
from analysis.stats.mixed.laplace import Laplace
from analysis.stats.observations import codes
from analysis.stats.terms import Term, count_patterns, design

from .conftest import r_name

PERSON = ["respondent_country", "respondent_age_bucket", "respondent_gender", "receiver_age", "receiver_gender"]
MAIN = ["respondent_country", "country_relation", *PERSON[1:]]
PERSONAL: list[Term] = [(name,) for name in MAIN]
BOTH: list[Term] = [("question",), *PERSONAL, ("question", "respondent_country"), ("question", "country_relation")]


def effect(frame: pd.DataFrame, column: str, slope: np.ndarray[Any, Any] | None = None, name: str = "") -> RandomTerm:
    return RandomTerm(name or column, column, codes(frame, [column]), slope)


def fit(frame: pd.DataFrame, terms: list[Term], random: list[RandomTerm], start: MixedFit | None = None) -> MixedFit:
    variables = list(dict.fromkeys(name for term in terms for name in term))
    patterns = count_patterns(frame, value="culture", variables=variables)
    return fit_mixed(patterns, terms, frame["culture"].to_numpy(float), random, start)


@pytest.fixture(scope="module")
def crossed(given: pd.DataFrame) -> MixedFit:
    return fit(given, BOTH, [effect(given, "respondent_id"), effect(given, "scenario_item_id")])


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    """Thirty people who each answer some of twelve items from four origins."""
    rng = np.random.default_rng(5)
    pairs = np.argwhere(rng.random((30, 12)) < 0.6)
    people, items = pairs.T
    return pd.DataFrame({"person": people, "item": items, "origin": items % 4, "value": rng.random(len(pairs)) < 0.6})


def in_r_order(found: MixedFit, expected: dict[str, float]) -> list[float]:
    return [expected[r_name(name)] for name in found.names]


def test_fit_mixed_equals_glmmtmb(crossed: MixedFit, r_reference: dict[str, Any]) -> None:
    r = r_reference["glmmTMB"]
    np.testing.assert_allclose(crossed.coef, in_r_order(crossed, r["coef"]), rtol=0, atol=5e-5)
    np.testing.assert_allclose(crossed.se, in_r_order(crossed, r["se"]), rtol=1e-5)
    assert crossed.log_likelihood == pytest.approx(r["logLik"], abs=2e-7)
    assert crossed.log_likelihood >= r["logLik"]
    assert crossed.sd == pytest.approx(r["sd"], abs=1e-5)
    assert (crossed.n, crossed.reason, crossed.boundary) == (9485, "", [])
    assert crossed.n_levels == {"respondent_id": 200, "scenario_item_id": 176}


@pytest.mark.parametrize("key", ["glmer_laplace", "glmer_personal", "glmer_with_scenario_country_re"])
def test_fit_mixed_equals_glmer(
    key: str, given: pd.DataFrame, personal: pd.DataFrame, r_reference: dict[str, Any]
) -> None:
    frame, terms = (personal, PERSONAL) if key == "glmer_personal" else (given, BOTH)
    factors = ["respondent_id", "scenario_item_id", *(["scenario_country"] if "scenario_country" in key else [])]
    found, r = fit(frame, terms, [effect(frame, factor) for factor in factors]), r_reference[key]
    np.testing.assert_allclose(found.coef, in_r_order(found, r["coef"]), rtol=0, atol=1e-3)
    np.testing.assert_allclose(found.se, in_r_order(found, r["se"]), rtol=0.02)  # glmer's differ so from glmmTMB's too
    assert r["logLik"] < found.log_likelihood < r["logLik"] + 3e-3
    assert found.sd == pytest.approx(r["sd"], abs=1e-3)


def test_likelihood_ratios_equal_those_of_glmer(
    given: pd.DataFrame, crossed: MixedFit, r_reference: dict[str, Any]
) -> None:
    random = [effect(given, "respondent_id"), effect(given, "scenario_item_id")]
    for key, dropped, df in (("q_x_country", "respondent_country", 4), ("q_x_relation", "country_relation", 2)):
        reduced = fit(given, [term for term in BOTH if term != ("question", dropped)], random, start=crossed)
        statistic, p = likelihood_ratio_p(crossed, reduced, df)
        assert statistic == pytest.approx(r_reference["glmer_lrt"][key]["chisq"], abs=2e-3)
        assert p == pytest.approx(r_reference["glmer_lrt"][key]["p"], rel=1e-2)


@pytest.mark.parametrize("shape", ["one", "crossed", "items larger", "three", "slopes"])
def test_gradient_equals_differences_of_the_value(shape: str, personal: pd.DataFrame) -> None:
    personal = personal.iloc[::5].reset_index(drop=True)
    same = (personal["country_relation"] == "same").to_numpy(float) - 0.3
    person, item = effect(personal, "respondent_id"), effect(personal, "scenario_item_id")
    random = {
        "one": [person],
        "crossed": [person, item],
        "items larger": [item, effect(personal, "respondent_country")],
        "three": [person, item, effect(personal, "scenario_country")],
        "slopes": [
            item, person, effect(personal, "respondent_id", same, "a"), effect(personal, "scenario_item_id", same, "b"),
        ],
    }[shape]  # fmt: skip
    patterns = count_patterns(personal, value="culture", variables=MAIN)
    x = design(patterns, PERSONAL).matrix
    laplace = Laplace(personal["culture"].to_numpy(float), x, patterns.pattern, random)
    rng = np.random.default_rng(3)
    at = np.concatenate([rng.normal(0, 0.2, x.shape[1]), rng.uniform(0.3, 1.0, len(random))])
    gradient = laplace.evaluate(at).gradient
    for j in (0, 2, 6, *range(x.shape[1], len(at))):
        step = np.zeros_like(at)
        step[j] = 1e-4
        with threadpool_limits(1):
            difference = (laplace.evaluate(at + step).value - laplace.evaluate(at - step).value) / 2e-4
        assert gradient[j] == pytest.approx(difference, abs=5e-5)


@pytest.mark.parametrize("slopes", [[0.0, 1.0], [-0.5, 0.5], [0.0, 1.0, 3.0]])
def test_likelihood_equals_that_of_dense_matrices(slopes: list[float], small: pd.DataFrame) -> None:
    slope = np.array(slopes)[small["item"] % len(slopes)]  # with a 0 in it, some items' slopes are told of by no answer
    random = [
        effect(small, "item", slope, "of item"), effect(small, "person"), effect(small, "origin"),
        effect(small, "person", slope, "of person"), effect(small, "item"),
    ]  # fmt: skip
    sd = np.array([0.4, 0.7, 0.5, 0.3, 0.9])
    value = small["value"].to_numpy(float)
    found = Laplace(value, np.ones((1, 1)), np.zeros(len(value), np.intp), random).evaluate(np.array([0.3, *sd]))
    z = np.hstack(
        [
            one * np.eye(term.n_levels)[term.level] * (1.0 if term.slope is None else term.slope[:, None])
            for one, term in zip(sd, random, strict=True)
        ]
    )
    mode = np.zeros(z.shape[1])
    for _ in range(30):
        mu = 1.0 / (1.0 + np.exp(-(0.3 + z @ mode)))
        hessian = np.eye(len(mode)) + (z.T * (mu * (1.0 - mu))) @ z
        mode += np.linalg.solve(hessian, z.T @ (value - mu) - mode)
    eta = 0.3 + z @ mode
    expected = np.logaddexp(0.0, eta).sum() - value @ eta + mode @ mode / 2 + np.linalg.slogdet(hessian)[1] / 2
    assert found.value == pytest.approx(expected, abs=1e-10)


def test_slopes_that_measure_are_refused(small: pd.DataFrame) -> None:
    slope = np.linspace(0.0, 1.0, len(small))
    with pytest.raises(ValueError, match="more than 16 combinations of slopes"):
        Laplace(small["value"].to_numpy(float), np.ones((1, 1)), np.zeros(len(small), np.intp),
                [effect(small, "person"), effect(small, "item", slope)])  # fmt: skip


def test_a_start_without_a_covariate_is_nearer_than_none(personal: pd.DataFrame) -> None:
    """A number that hardly varies moves the plain fit's intercept far away; a start's intercept is of another model."""
    item = codes(personal, ["scenario_item_id"])
    share = 0.2 + 1e-3 * np.random.default_rng(1).normal(size=item.max() + 1)[item]
    frame = personal.assign(share=share)
    random = [effect(frame, "respondent_id"), effect(frame, "scenario_item_id")]
    before = fit(frame, PERSONAL, random)
    cold, warm = (fit(frame, [*PERSONAL, ("share",)], random, start) for start in (None, before))
    assert warm.log_likelihood == pytest.approx(cold.log_likelihood, abs=1e-8)
    assert warm.sd == pytest.approx(cold.sd, abs=1e-6)
    assert warm.n_evaluations < cold.n_evaluations


def test_fit_mixed_of_one_factor_is_the_likelihood_of_its_levels(given: pd.DataFrame) -> None:
    """Each level's share of the likelihood, by Laplace's formula written out for one effect."""
    few = given[given["question"] == "norm"].iloc[:400].reset_index(drop=True)
    found = fit(few, [], [effect(few, "scenario_item_id")])
    sd, intercept, total = found.sd["scenario_item_id"], found.of("intercept"), 0.0
    for _, group in few.groupby("scenario_item_id"):
        u, n, a = 0.0, len(group), group["culture"].sum()
        for _ in range(50):
            p = 1 / (1 + np.exp(-(intercept + sd * u)))
            u += (sd * (a - n * p) - u) / (1 + sd**2 * n * p * (1 - p))
        p = 1 / (1 + np.exp(-(intercept + sd * u)))
        total += a * np.log(p) + (n - a) * np.log(1 - p) - u * u / 2 - np.log(1 + sd**2 * n * p * (1 - p)) / 2
    assert found.log_likelihood == pytest.approx(total, abs=1e-9)


def test_fit_mixed_sets_a_standard_deviation_to_none_where_there_is_none(personal: pd.DataFrame) -> None:
    place = np.arange(len(personal))  # twelve of twenty in every group: the groups differ less than by chance
    nothing = personal.assign(group=place // 20, culture=(place % 20 < 12).astype(float))
    found = fit(nothing, [("respondent_gender",)], [effect(nothing, "group"), effect(nothing, "scenario_item_id")])
    assert "group" in found.boundary
    assert found.sd["group"] == 0
    assert np.isfinite(found.se).all()
    assert found.reason == ""


def test_fit_mixed_says_why_it_cannot_estimate(personal: pd.DataFrame) -> None:
    random = [effect(personal, "respondent_id"), effect(personal, "scenario_item_id")]
    assert fit(personal.assign(culture=1.0), PERSONAL, random).reason == "all answers are the same: in every group"
    cell = personal["respondent_country"] == "India"
    agreed = fit(personal.assign(culture=personal["culture"].where(~cell, 1.0)), PERSONAL, random)
    assert agreed.reason == "all answers are the same: respondent_country India"
    assert np.isnan(agreed.coef).all()
    assert not agreed.converged
    alone = personal[personal["respondent_id"] == personal["respondent_id"].iloc[0]].reset_index(drop=True)
    one = fit(alone, [], [effect(alone, "respondent_id"), effect(alone, "scenario_item_id")])
    assert one.reason == "fewer than two levels of respondent_id"
    assert fit(personal.iloc[:0], [], [effect(personal.iloc[:0], "respondent_id")]).reason == "no answers"


def test_fit_mixed_says_that_people_never_vary(personal: pd.DataFrame) -> None:
    personal = personal.iloc[::5].reset_index(drop=True)
    stubborn = personal.assign(culture=(personal["respondent_id"].str[-1].astype(int) % 2).astype(float))
    found = fit(stubborn, [], [effect(stubborn, "respondent_id"), effect(stubborn, "scenario_item_id")])
    assert found.reason == "the differences between levels of respondent_id grow without end"
    assert np.isnan(found.log_likelihood)


def test_fit_mixed_leaves_out_a_column_that_others_determine(personal: pd.DataFrame) -> None:
    twice = personal.assign(again=personal["respondent_gender"])
    random = [effect(twice, "respondent_id"), effect(twice, "scenario_item_id")]
    found = fit(twice, [*PERSONAL, ("again",)], random)
    assert found.aliased == ["again[male]"]
    assert np.isnan(found.of("again[male]"))
    assert found.log_likelihood == pytest.approx(fit(personal, PERSONAL, random).log_likelihood, abs=1e-7)


def test_standard_errors_of_many_answers_are_those_by_central_differences(
    given: pd.DataFrame, crossed: MixedFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_module, "LARGE", len(given))
    random = [effect(given, "respondent_id"), effect(given, "scenario_item_id")]
    quick = fit(given, BOTH, random)
    assert quick.n_evaluations < 0.7 * crossed.n_evaluations
    np.testing.assert_allclose(quick.coef, crossed.coef, rtol=0, atol=1e-7)
    np.testing.assert_allclose(quick.covariance, crossed.covariance, rtol=0, atol=1e-4 * crossed.covariance.max())
