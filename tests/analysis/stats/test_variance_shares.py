"""Variance components on the scales that people read."""

import numpy as np
import pytest
from scipy.special import expit

from analysis.stats.variance_shares import latent_shares, median_odds_ratio, probability_variances, r_squared

COMPONENTS = {"respondent": 0.64, "item": 1.0, "country": 0.25}


def test_latent_shares_are_the_closed_form() -> None:
    total = 1.89 + np.pi**2 / 3
    shares = latent_shares(COMPONENTS)
    assert shares == pytest.approx(
        {"respondent": 0.64 / total, "item": 1 / total, "country": 0.25 / total, "answer": np.pi**2 / 3 / total}
    )
    assert sum(shares.values()) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("linear_predictor", [0.0, 0.9, -2.0])
def test_probability_variances_sum_to_that_of_an_answer(linear_predictor: float) -> None:
    parts = probability_variances(linear_predictor, COMPONENTS)
    nodes = np.linspace(-12, 12, 20_001)
    density = np.exp(-(nodes**2) / 2)
    mean = float((expit(linear_predictor + np.sqrt(1.89) * nodes) * density).sum() / density.sum())
    assert sum(parts.values()) == pytest.approx(mean * (1 - mean), rel=1e-9)


def test_probability_variances_equal_a_simulation() -> None:
    rng = np.random.default_rng(1)
    own = rng.normal(size=(2000, 1)) * 0.8
    others = rng.normal(size=(1, 2000)) * np.sqrt(1.25)
    p = expit(0.9 + own + others)
    parts = probability_variances(0.9, COMPONENTS)
    assert parts["respondent"] == pytest.approx(p.mean(axis=1).var(), rel=0.08)
    assert parts["answer"] == pytest.approx((p * (1 - p)).mean(), rel=0.03)
    assert sum(parts.values()) - parts["answer"] == pytest.approx(p.var(), rel=0.05)


def test_probability_variances_of_the_planning_design() -> None:
    parts = probability_variances(0.87, {"respondent": 0.64, "item": 1.0})
    assert {name: round(part, 3) for name, part in parts.items() if name != "together"} == {
        "respondent": 0.019,
        "item": 0.031,
        "answer": 0.173,
    }


def test_without_random_effects_all_variance_is_the_answers() -> None:
    parts = probability_variances(1.0, {"item": 0.0})
    p = expit(1.0)
    assert parts == pytest.approx({"item": 0.0, "together": 0.0, "answer": p * (1 - p)}, abs=1e-15)


def test_r_squared_adds_up_and_one_component_alone_is_the_latent_share() -> None:
    found = r_squared(0.5, COMPONENTS)
    total = 0.5 + 1.89 + np.pi**2 / 3
    assert found == pytest.approx((0.5 / total, 2.39 / total), rel=1e-12)
    assert r_squared(0.0, {"item": 1.0}).conditional == pytest.approx(latent_shares({"item": 1.0})["item"], rel=1e-12)


@pytest.mark.parametrize(("variance", "odds"), [(0.0, 1.0), (0.2, 1.53), (0.5, 1.96), (1.0, 2.6)])
def test_median_odds_ratio_equals_the_closed_form(variance: float, odds: float) -> None:
    assert round(median_odds_ratio(variance), 2) == odds


def test_median_odds_ratio_is_a_median() -> None:
    pairs = np.random.default_rng(2).normal(size=(2, 200_000)) * 0.9
    assert median_odds_ratio(0.81) == pytest.approx(np.exp(np.median(np.abs(pairs[0] - pairs[1]))), rel=0.02)


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf])
def test_components_must_be_variances(bad: float) -> None:
    with pytest.raises(ValueError, match="variances must be"):
        latent_shares({"item": bad})
