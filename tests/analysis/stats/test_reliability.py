"""What agreement makes of many answers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.agreement import agreement
from analysis.stats.reliability import answers_for_reliability, answers_per_item, reliability, reliability_of_mean

from .test_agreement import WORKED


def alpha_of(frame: pd.DataFrame, question: str = "norm") -> Any:
    return agreement(frame, value=question, respondent="respondent_id", item="scenario_item_id")[1]


def test_spearman_brown_equals_the_closed_form() -> None:
    example = WORKED["spearman_brown"]
    assert reliability_of_mean(0.5, 2) == pytest.approx(example["computed"]["half"], rel=1e-12)
    assert reliability_of_mean(0.5, 5) == pytest.approx(example["computed"]["k5"], rel=1e-12)


def test_reliability_and_needed_answers_are_inverse() -> None:
    assert answers_for_reliability(0.25, reliability_of_mean(0.25, 7)) == pytest.approx(7)
    assert np.isnan(answers_for_reliability(-0.1, 0.8))
    with pytest.raises(ValueError, match="reliability"):
        answers_for_reliability(0.5, 1.0)


@pytest.mark.parametrize(("alpha", "target", "n"), [(0.19, 0.8, 17), (0.19, 0.9, 38), (0.37, 0.8, 7), (0.37, 0.9, 15)])
def test_needed_answers_of_planning(alpha: float, target: float, n: int) -> None:
    assert round(answers_for_reliability(alpha, target)) == n


@pytest.mark.parametrize("question", ["personal", "norm"])
def test_reliability_equals_the_reference(question: str, answers: pd.DataFrame, advanced: dict[str, Any]) -> None:
    items = answers.groupby("scenario_item_id")[question]
    n = answers_per_item(np.column_stack([items.sum(), items.count() - items.sum()]))
    alpha = alpha_of(answers, question)
    found = reliability(alpha, n)
    expected = advanced[question]["noise_ceiling"]["rate_from_alpha_SB(harmonic n)"]
    assert found.reliability == pytest.approx(expected, rel=1e-12)
    assert found.reliability == pytest.approx(advanced[question]["noise_ceiling"]["rate_full_SB"], abs=0.02)
    assert found.answers == pytest.approx(advanced[question]["agreement"]["overall"]["n_for_reliability_80"], rel=1e-12)
    assert found.ci_low == reliability_of_mean(alpha.ci_low, n)
    assert found.answers_ci_low == answers_for_reliability(alpha.ci_high, 0.8)
    assert found.answers_ci_low < found.answers < found.answers_ci_high


def test_an_interval_of_alpha_down_to_zero_needs_answers_without_end(answers: pd.DataFrame) -> None:
    found = reliability(replace(alpha_of(answers), ci_low=-0.01), 20)
    assert (found.ci_low, found.answers_ci_high) == (0.0, np.inf)


def test_reliability_without_agreement_says_why(answers: pd.DataFrame) -> None:
    found = reliability(replace(alpha_of(answers), estimate=-0.1), 20)
    assert found.reason == "people agree no more than by chance"
    assert np.isnan([found.reliability, found.answers]).all()


def test_answers_per_item_is_the_harmonic_mean_of_items_with_answers() -> None:
    assert answers_per_item(np.array([[1.0, 1.0], [3.0, 3.0], [0.0, 0.0]])) == pytest.approx(3.0)
    assert np.isnan(answers_per_item(np.zeros((2, 2))))
