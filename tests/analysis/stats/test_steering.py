"""The pull of the first place, and whether personas move as people do."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.stats.steering import order_bias, steerability


def both_orders(first: list[float], last: list[float]) -> pd.DataFrame:
    n = len(first)
    return pd.DataFrame({"m": "a", "i": [*range(n), *range(n)], "o": ["c"] * n + ["p"] * n, "y": [*first, *last]})


def bias(frame: pd.DataFrame) -> pd.Series:
    return order_bias(frame, item="i", order="o", first="c", second="p", value="y", by=["m"]).iloc[0]


def test_order_bias_is_the_paired_t_test_over_items() -> None:
    rng = np.random.default_rng(1)
    first, last = rng.uniform(size=30), rng.uniform(size=30)
    found = bias(both_orders(first.tolist(), last.tolist()))
    test = stats.ttest_rel(first, last)
    assert found["estimate"] == pytest.approx((first - last).mean())
    assert found["p_value"] == pytest.approx(test.pvalue)
    assert found["ci_low"] == pytest.approx(test.confidence_interval().low)


def test_order_bias_says_what_is_missing() -> None:
    assert bias(both_orders([1, 0], [np.nan, np.nan]))["reason"] == "no item was answered in both orders"
    assert bias(both_orders([1, 1], [0, 0]))["reason"] == "the same on every item"


GROUPS = [f"g{n}" for n in range(6)]


def study(slope: float, *, draws: int, seed: int, n_items: int = 150) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Plant people who deviate by group `slope` times as far as the model's personas do."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.35, 0.65, n_items)
    persona = rng.normal(0, 0.12, (n_items, len(GROUPS)))
    people, answers = [], []
    for at, group in enumerate(GROUPS):
        rate = np.clip(base + slope * persona[:, at], 0.01, 0.99)
        people += [
            pd.DataFrame(
                {"r": f"{group}{who}", "g": group, "i": range(n_items), "y": 1.0 * (rng.random(n_items) < rate)}
            )
            for who in range(8)
        ]
        model = np.clip(base + persona[:, at], 0, 1)
        for _ in range(draws or 1):
            value = 1.0 * (rng.random(n_items) < model) if draws else model
            answers.append(pd.DataFrame({"g": group, "i": range(n_items), "y": value}))
    return pd.concat(people, ignore_index=True), pd.concat(answers, ignore_index=True)


def steer(human: pd.DataFrame, personas: pd.DataFrame, *, is_exact: bool = False) -> Any:
    return steerability(
        human, personas, item="i", respondent="r", human_value="y", model_value="y", group=["g"], is_exact=is_exact
    ).set_index("measure")


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_slope_is_the_planted_one_for_probabilities(slope: float) -> None:
    found = steer(*study(slope, draws=0, seed=2), is_exact=True).loc["slope"]
    assert found["ci_low"] < slope < found["ci_high"]
    assert found["se"] < 0.1


def test_noise_of_samples_hides_the_slope_until_it_is_corrected() -> None:
    found = steer(*study(1.0, draws=8, seed=3))
    assert found.loc["slope_plain", "estimate"] < 0.6
    assert found.loc["slope", "ci_low"] < 1.0 < found.loc["slope", "ci_high"]


def test_slope_does_not_lean_away_from_zero_and_its_intervals_hold_the_truth() -> None:
    """Few samples a persona: the ratio of sums as it is comes out a twentieth too large on average."""
    found = pd.DataFrame([steer(*study(0.6, draws=6, seed=seed, n_items=60)).loc["slope"] for seed in range(120)])
    given = found[found["reason"] == ""]
    error = given["estimate"].astype(float).std() / len(given) ** 0.5
    assert len(given) > 115
    assert abs(given["estimate"].mean() - 0.6) < 2 * error
    assert error < 0.025
    assert 0.92 <= ((given["ci_low"] <= 0.6) & (given["ci_high"] >= 0.6)).mean() <= 0.985


def test_plain_slope_is_least_squares_with_item_effects() -> None:
    human, personas = study(0.7, draws=0, seed=4, n_items=20)
    joined = human.merge(personas, on=["g", "i"], suffixes=("", "_m"))
    design = np.column_stack([joined["y_m"], pd.get_dummies(joined["i"]).to_numpy(float)])
    expected = np.linalg.lstsq(design, joined["y"], rcond=None)[0][0]
    assert steer(human, personas, is_exact=True).loc["slope_plain", "estimate"] == pytest.approx(expected, rel=1e-9)


def test_one_answer_a_persona_leaves_the_noise_unknown() -> None:
    found = steer(*study(1.0, draws=1, seed=5))
    assert "noise cannot be told" in found.loc["slope", "reason"]
    assert found.loc["slope_plain", "reason"] == ""


def test_personas_of_nobody_say_so() -> None:
    human, personas = study(1.0, draws=0, seed=6, n_items=3)
    assert set(steer(human, personas.assign(g="other"), is_exact=True)["reason"]) == {
        "no answer of people meets a persona of their own group"
    }
