"""Shares of variance with intervals: by hand, by simulation of the delta method, and none where none is due."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from analysis.stats.mixed import MixedFit
from analysis.stats.variance_table import AT_ZERO, FEW_LEVELS, TOO_WIDE, Model, variance_rows

Z = 1.959963984540054
LATENT = np.pi**2 / 3


def model(sd: dict[str, float], levels: dict[str, int], boundary: list[str] | None = None) -> Model:
    covariance = np.diag([0.01, 0.02, *(np.nan if name in (boundary or []) else 0.004 for name in sd)])
    fit = MixedFit(
        ["intercept", "x"], np.array([0.5, 0.8]), covariance, sd, -100.0, 1000, levels, 9, boundary or [], ""
    )
    return Model(fit, np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([600.0, 400.0]))


def found(of: Model) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["quantity"], row["part"]): row for row in variance_rows(of)}


def test_standard_deviation_and_odds_ratio_have_intervals_on_the_log_scale() -> None:
    rows = found(model({"respondent": 0.7, "item": 1.1}, {"respondent": 60, "item": 40}))
    half = Z * 0.004**0.5 / 0.7
    row = rows["sd", "respondent"]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.7 * np.exp(-half), 0.7 * np.exp(half)), rel=1e-9)
    odds = rows["median_odds_ratio", "respondent"]
    assert odds["estimate"] == pytest.approx(np.exp(2**0.5 * 0.7 * norm.ppf(0.75)), rel=1e-9)
    assert odds["ci_high"] == pytest.approx(np.exp(2**0.5 * row["ci_high"] * norm.ppf(0.75)), rel=1e-9)


def test_the_adjusted_fit_is_told_and_the_other_kept_beside_it() -> None:
    better = model({"respondent": 0.8, "item": 1.2}, {"respondent": 60, "item": 40})
    of = model({"respondent": 0.7, "item": 1.1}, {"respondent": 60, "item": 40})
    rows = found(of._replace(fit=replace(of.fit, adjusted=better.fit)))
    assert (rows["sd", "item"]["estimate"], rows["sd_unadjusted", "item"]["estimate"]) == (1.2, 1.1)
    told = found(better)
    unadjusted = found(of)["sd", "item"] | {"quantity": "sd_unadjusted"}
    assert rows["sd_unadjusted", "item"] == unadjusted
    assert unadjusted["ci_low"] == pytest.approx(1.1 * np.exp(-Z * 0.004**0.5 / 1.1), rel=1e-9)
    assert {key: row for key, row in rows.items() if key[0] != "sd_unadjusted" and row["ci_low"] > 0} == {
        key: row for key, row in told.items() if key[0] != "sd_unadjusted" and row["ci_low"] > 0
    }


def test_shares_add_up_and_their_intervals_are_those_of_drawn_parameters() -> None:
    of = model({"respondent": 0.7, "item": 1.1}, {"respondent": 60, "item": 40})
    rows = found(of)
    shares = [rows["latent_share", part]["estimate"] for part in ("respondent", "item", "answer")]
    assert sum(shares) == pytest.approx(1, rel=1e-12)
    assert shares[1] == pytest.approx(1.21 / (0.49 + 1.21 + LATENT), rel=1e-12)
    draws = np.random.default_rng(1).multivariate_normal(
        [0.5, 0.8, 0.7, 1.1], np.diag([0.01, 0.02, 0.004, 0.004]), 40_000
    )
    fixed = draws[:, 1] ** 2 * 0.6 * 0.4
    total = fixed + (draws[:, 2:] ** 2).sum(axis=1) + LATENT
    drawn = {
        ("latent_share", "item"): draws[:, 3] ** 2 / (total - fixed),
        ("r2_marginal", "fixed"): fixed / total,
        ("r2_conditional", "fixed"): 1 - LATENT / total,
    }
    for key, values in drawn.items():
        row = rows[key]
        spread = float(np.std(logit(values)))
        assert logit(row["ci_high"]) - logit(row["estimate"]) == pytest.approx(Z * spread, rel=0.06), key
        assert expit(logit(row["estimate"]) - Z * spread) == pytest.approx(row["ci_low"], abs=0.01), key


def test_no_interval_where_none_is_defensible() -> None:
    few = found(model({"respondent": 0.7, "scenario country": 0.3}, {"respondent": 60, "scenario country": 5}))
    assert few["sd", "scenario country"]["reason"] == FEW_LEVELS
    assert np.isnan(few["sd", "scenario country"]["ci_low"])
    assert few["sd_unadjusted", "scenario country"]["reason"] == FEW_LEVELS
    assert few["latent_share", "respondent"]["reason"] == f"scenario country: {FEW_LEVELS}"
    zero = found(model({"respondent": 0.7, "item": 0.0}, {"respondent": 60, "item": 40}, ["item"]))
    assert (zero["sd", "item"]["reason"], zero["latent_share", "item"]["reason"]) == (AT_ZERO, AT_ZERO)
    assert zero["latent_share", "respondent"]["ci_low"] > 0


def test_an_interval_without_bound_is_none() -> None:
    # as found for items that nobody of another country judged: the odds ratio's upper end was infinite
    rows = found(model({"respondent": 0.01, "item": 1.1}, {"respondent": 60, "item": 40}))
    for quantity in ("sd", "sd_unadjusted", "median_odds_ratio"):
        row = rows[quantity, "respondent"]
        assert row["reason"] == TOO_WIDE
        assert np.isnan([row["ci_low"], row["ci_high"]]).all()
        assert rows[quantity, "item"]["reason"] == ""
    assert rows["sd", "respondent"]["estimate"] == 0.01


def test_a_model_that_was_not_fitted_keeps_its_rows_and_the_reason() -> None:
    of = model({}, {"respondent": 60})
    of = of._replace(
        fit=MixedFit([], np.array([]), np.zeros((0, 0)), {}, np.nan, 9, {"respondent": 3}, 0, [], "why not")
    )
    assert [(row["quantity"], row["part"], row["reason"]) for row in variance_rows(of)] == [
        ("sd", "respondent", "why not")
    ]
