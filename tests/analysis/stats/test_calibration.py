"""Scores of probabilities: their known values, the decomposition, and the calibration line of planted models."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.stats.alignment import PairedItems
from analysis.stats.calibration import Scored, calibrate, calibration_table, decompose, probabilities

from .test_alignment import COLUMNS, by_hand, crowd


def scores(pairs: PairedItems) -> dict[tuple[str, str], Scored]:
    return {(found.predictor, found.measure): found for found in calibrate(pairs)}


def test_scores_by_hand() -> None:
    found = scores(by_hand(["11", "10"], [0.8, 0.5], is_exact=True))
    assert found["model", "brier"].estimate == pytest.approx((2 * 0.04 + 2 * 0.25) / 4)
    assert found["model", "log_score"].estimate == pytest.approx(-(2 * np.log(0.8) + 2 * np.log(0.5)) / 4)
    assert found["base_rate", "brier"].estimate == pytest.approx(0.75 * 0.25)
    assert found["uniform", "log_score"].estimate == pytest.approx(np.log(2))
    assert found["always_culture", "brier"].estimate == 0.25
    assert found["always_culture", "log_score"].estimate == pytest.approx(-(3 * np.log(0.9999) + np.log(0.0001)) / 4)
    assert found["model", "calibration_in_the_large"].estimate == pytest.approx((0.8 - 1 + 0.5 - 0.5) / 2)


def test_brier_score_is_the_sum_of_its_parts() -> None:
    answers, rate = crowd(120, 10, seed=1)
    for forecast in (rate, np.round(rate * 4) / 4):
        pairs = by_hand(answers, forecast.tolist(), is_exact=True)
        found = scores(pairs)
        total = (
            found["model", "brier_reliability"].estimate
            - found["model", "brier_resolution"].estimate
            + found["model", "brier_uncertainty"].estimate
            + found["model", "brier_within_bins"].estimate
        )
        assert total == pytest.approx(found["model", "brier"].estimate, rel=1e-12)
    # with few distinct forecasts nothing is left within bins: Murphy's decomposition is exact
    assert found["model", "brier_within_bins"].estimate == pytest.approx(0.0, abs=1e-12)


def test_parts_of_known_forecasts() -> None:
    # says .75 where 1 of 2 happens, .25 where 0 of 2 does
    parts = decompose(np.array([0.75, 0.25]), by_hand(["10", "00"], [0.75, 0.25], is_exact=True))
    assert parts["brier_reliability"] == pytest.approx(0.0625)
    assert parts["brier_resolution"] == pytest.approx(0.0625)
    assert parts["brier_uncertainty"] == pytest.approx(0.1875)


@pytest.mark.parametrize(("stretch", "lean"), [(1.0, 0.0), (2.0, 0.0), (0.5, 0.4)])
def test_the_line_finds_how_far_probabilities_are_stretched(stretch: float, lean: float) -> None:
    answers, rate = crowd(500, 20, seed=3)
    logit = stretch * np.log(rate / (1 - rate)) + lean
    found = scores(by_hand(answers, (1 / (1 + np.exp(-logit))).tolist(), is_exact=True))
    slope, intercept = found["model", "calibration_slope"], found["model", "calibration_intercept"]
    assert slope.ci_low < 1 / stretch < slope.ci_high
    assert intercept.ci_low < -lean / stretch < intercept.ci_high
    assert slope.ci_high - slope.ci_low < 0.4


def test_the_line_is_statsmodels_logit() -> None:
    answers, rate = crowd(60, 9, seed=4)
    pairs = by_hand(answers, rate.tolist(), is_exact=True)
    f = probabilities(pairs)[pairs.answers.item]
    fitted = sm.Logit(pairs.answers.value, sm.add_constant(np.log(f / (1 - f)))).fit(disp=0, tol=1e-12)
    found = scores(pairs)
    assert [found["model", f"calibration_{name}"].estimate for name in ("intercept", "slope")] == pytest.approx(
        fitted.params, rel=1e-8
    )


def test_a_share_of_samples_is_drawn_in() -> None:
    assert probabilities(by_hand(["10", "10"], [1.0, 0.5], k=4)) == pytest.approx([4.5 / 5, 0.5])


def test_a_flat_model_has_no_line_and_says_so() -> None:
    found = scores(by_hand(["10", "11"], [0.7, 0.7], is_exact=True))["model", "calibration_slope"]
    assert np.isnan(found.estimate)
    assert "no line to fit" in found.reason


def test_the_table_has_every_model_and_counts_what_is_clipped(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    table = calibration_table(stacked_answers, stacked_predictions, COLUMNS)
    assert len(table) == 2 * 3 * 2 * 15
    tracking = table.query("model_tag == 'synthetic_tracking' and persona_setting == 'persona' and question == 'norm'")
    found: Any = tracking.set_index(["predictor", "measure"])
    assert found.loc[("model", "brier"), "estimate"] < found.loc[("base_rate", "brier"), "estimate"]
    assert found.loc[("model", "calibration_slope"), "ci_low"] > 0
    exact = stacked_predictions.assign(exact=True, order="first")
    columns = COLUMNS.__class__(**{**vars(COLUMNS), "probability": "exact"})
    clipped = calibration_table(stacked_answers, exact.query("persona_setting == 'no_persona'"), columns)
    assert clipped["n_clipped"].min() > 100
