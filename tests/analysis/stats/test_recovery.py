"""What is planted is found again: a small version of `bench.coverage`."""

import numpy as np
import pytest

from bench import coverage

N_SEEDS = 8


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, float]]:
    found = coverage.measure(coverage.own_culture, range(1001, 1001 + N_SEEDS))
    return {row.pop("estimand"): row for row in found}


def test_planted_effects_are_recovered_without_bias(rows: dict[str, dict[str, float]]) -> None:
    assert len(rows) == 8
    for row in rows.values():
        assert row["n"] == N_SEEDS
        assert abs(row["bias_in_se"]) < 3.5 / N_SEEDS**0.5  # the mean of the seeds, in its own standard errors
        assert 0.4 < row["sd_by_se"] < 1.8


def test_intervals_hold_what_was_planted(rows: dict[str, dict[str, float]]) -> None:
    for row in rows.values():
        assert row["coverage"] >= 5 / N_SEEDS  # of a 95 % interval: less by chance in one of two thousand


def test_standard_deviations_are_recovered_and_unadjusted_ones_are_too_small() -> None:
    found = {row.pop("estimand"): row for row in coverage.measure(coverage.planted, range(1, N_SEEDS + 1))}
    for part in ("respondents", "items"):
        adjusted, unadjusted = found[f"SD of {part}, logits"], found[f"SD of {part}, unadjusted, logits"]
        assert adjusted["estimate"] > unadjusted["estimate"] + 0.02
        assert abs(adjusted["bias_in_se"]) < 3.5 / N_SEEDS**0.5
        assert adjusted["coverage"] >= 5 / N_SEEDS


def test_summary_counts_the_intervals_that_hold() -> None:
    values = np.array([[0.0, 0.1, 0.1, -0.1, 0.3], [0.0, 0.3, 0.1, 0.1, 0.5], [0.0, np.nan, np.nan, np.nan, np.nan]])
    found = coverage.summary("x", values)
    assert (found["n"], found["coverage"], found["estimate"], found["bias_in_se"]) == (2, 0.5, 0.2, 2.0)


def test_effects_that_differ_by_person_and_item_need_slopes() -> None:
    drawn = [coverage.slopes(seed) for seed in range(2001, 2005)]
    for contrast, truth in (("same - close", -0.093), ("same - far", -0.109)):
        sloped = [one[f"{contrast}, random slopes, points"] for one in drawn]
        plain = [one[f"{contrast}, without slopes, points"] for one in drawn]
        assert [one.truth for one in sloped] == pytest.approx([truth] * len(drawn), abs=2e-3)
        assert np.mean([one.se for one in sloped]) > np.mean([one.se for one in plain])
