"""Noise ceilings: the reference's split halves, and models whose true correlation is known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.alignment import PairedItems, model_rates, pair_items, read_people
from analysis.stats.ceilings import (
    DISAGREEMENT,
    MEASURES,
    QUANTITIES,
    RATE,
    Draws,
    ceiling_table,
    ceilings,
    spearman_brown,
)

from .test_alignment import COLUMNS, by_hand, crowd


def found(pairs: PairedItems, measure: str, **settings: int) -> dict[str, dict[str, Any]]:
    sizes = {"seed": 1, "n_splits": 40, "n_resamples": 40, **settings}
    draws = Draws(pairs.answers, pairs.n_items, **sizes)
    rows = ceilings(pairs, measure, draws, seed=sizes["seed"], n_splits=sizes["n_splits"])
    return {row["quantity"]: row for row in rows}


@pytest.mark.parametrize("question", ["personal", "norm"])
def test_reliability_of_people_is_the_references(
    question: str, stacked_answers: pd.DataFrame, advanced: dict[str, Any]
) -> None:
    rows = stacked_answers[stacked_answers["question"] == question]
    people = read_people(rows, "culture", "respondent_id", "scenario_item_id")
    model = pd.DataFrame({"rate": 0.5, "n": 1.0, "variance": 0.0}, index=people.items)
    pairs = pair_items(people, model)
    expected = advanced[question]["noise_ceiling"]
    rate = found(pairs, RATE, n_splits=150, n_resamples=2)["human_reliability"]["estimate"]
    assert rate == pytest.approx(expected["rate_full_SB"], abs=0.006)
    assert rate == pytest.approx(expected["rate_from_alpha_SB(harmonic n)"], abs=0.01)
    disagreement = found(pairs, DISAGREEMENT, n_splits=150, n_resamples=2)["human_reliability"]["estimate"]
    assert disagreement == pytest.approx(expected["disagreement_full_SB"], abs=0.02)


def test_spearman_brown_equals_the_published_steps() -> None:
    assert spearman_brown(0.5) == pytest.approx(0.6666666666666666)
    assert spearman_brown(0.5, 5) == pytest.approx(0.8333333333333334)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_perfect_model_reaches_its_ceiling(measure: str) -> None:
    answers, rate = crowd(500, 16, seed=11)
    rows = found(by_hand(answers, rate.tolist(), is_exact=True), measure)
    assert rows["correlation"]["estimate"] < 0.95
    assert rows["correlation"]["estimate"] == pytest.approx(rows["ceiling"]["estimate"], abs=0.04)
    assert rows["share_of_ceiling"]["ci_low"] < 1 < rows["share_of_ceiling"]["ci_high"]


def test_a_perfect_sampler_falls_short_by_its_own_noise_and_reaches_its_own_ceiling() -> None:
    answers, rate = crowd(600, 16, seed=12)
    sampled = np.random.default_rng(3).binomial(10, rate) / 10
    rows = found(by_hand(answers, sampled.tolist(), k=10), DISAGREEMENT)
    assert rows["model_reliability"]["estimate"] < 0.9
    assert rows["model_reliability"]["reason"].startswith("no interval: the mean over")
    assert rows["share_of_ceiling"]["estimate"] == pytest.approx(1.0, abs=0.12)


def test_a_model_that_knows_nothing_is_at_zero_of_its_ceiling() -> None:
    answers, rate = crowd(400, 16, seed=13)
    shuffled = np.random.default_rng(5).permutation(rate)
    rows = found(by_hand(answers, shuffled.tolist(), is_exact=True), DISAGREEMENT)
    share = rows["share_of_ceiling"]
    assert share["ci_low"] < 0 < share["ci_high"]
    assert share["se"] < 0.15


def test_a_model_asked_once_has_no_disagreement_and_says_so() -> None:
    answers, _ = crowd(50, 10, seed=14)
    rows = found(by_hand(answers, [1.0, 0.0] * 25, k=1), DISAGREEMENT)
    assert np.isnan(rows["share_of_ceiling"]["estimate"])
    assert "several model answers" in rows["share_of_ceiling"]["reason"]
    assert rows["human_reliability"]["reason"] == ""


def test_people_who_answer_at_random_give_no_ceiling() -> None:
    rng = np.random.default_rng(2)
    answers = ["".join(str(int(y)) for y in rng.random(8) < 0.5) for _ in range(40)]
    reliability = [
        found(by_hand(answers, rng.random(40).tolist(), is_exact=True), RATE, n_resamples=4)["human_reliability"]
    ]
    assert abs(reliability[0]["estimate"]) < 0.5


def test_the_table_has_every_quantity_of_every_model(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    table = ceiling_table(stacked_answers, stacked_predictions, COLUMNS, seed=1, n_splits=4, n_resamples=4)
    assert len(table) == 2 * 3 * 2 * len(MEASURES) * len(QUANTITIES)
    tracking: Any = table.query(
        "model_tag == 'synthetic_tracking' and persona_setting == 'persona' and question == 'norm'"
    )
    assert tracking.set_index(["measure", "quantity"]).loc[(RATE, "share_of_ceiling"), "estimate"] > 0.5
    assert (table.loc[table["estimate"].isna(), "reason"] != "").all()


def test_empty_pairs_give_reasons() -> None:
    people = read_people(pd.DataFrame({"r": ["a"], "i": ["x"], "y": [1]}), "y", "r", "i")
    pairs = pair_items(people, model_rates(pd.DataFrame({"i": ["z"], "y": [1]}), "y", "i"))
    rows = found(pairs, RATE)
    assert {row["reason"] for row in rows.values()} == {
        "fewer than five items with enough answers in both halves of the people"
    }


def test_a_model_that_follows_the_first_option_has_no_reliability_and_stops_nothing() -> None:
    answers, _ = crowd(40, 12, seed=15)
    for k in (2, 4, 10):
        rows = found(by_hand(answers, [0.5] * 40, k=k), RATE)
        assert np.isnan(rows["model_reliability"]["estimate"])
        assert rows["model_reliability"]["reason"].startswith("halves of the model's samples contradict each other")
        assert rows["ceiling"]["reason"] == rows["model_reliability"]["reason"]
        assert rows["human_reliability"]["ci_low"] < rows["human_reliability"]["estimate"]
        assert "vary between items" in rows["correlation"]["reason"]


def test_one_item_answered_otherwise_makes_no_reliability_far_below_what_is_possible() -> None:
    answers, _ = crowd(40, 12, seed=15)
    row = found(by_hand(answers, [1.0] + [0.5] * 39, k=2), RATE)["model_reliability"]
    assert np.isnan(row["estimate"])
    assert "below -1" in row["reason"]


@pytest.mark.parametrize("measure", MEASURES)
def test_people_who_all_answer_alike_are_not_called_too_few(measure: str) -> None:
    rows = found(by_hand(["1" * 12] * 40, [0.0, 1.0] * 20, is_exact=True), measure)
    for name in ("correlation", "human_reliability", "ceiling", "share_of_ceiling"):
        assert rows[name]["reason"].startswith("people's values are the same on every item")


def test_people_of_one_mind_about_every_item_give_no_interval_of_no_width() -> None:
    answers = ["1" * 12, "0" * 12] * 20
    rows = found(by_hand(answers, [1.0, 0.0] * 20, is_exact=True), RATE)
    for name in ("correlation", "human_reliability", "ceiling", "share_of_ceiling"):
        assert rows[name]["estimate"] == pytest.approx(1.0)
        assert np.isnan(rows[name]["ci_low"])
        assert rows[name]["reason"] == "no variation between respondents or items"


def test_no_interval_of_a_negative_reliability_begins_above_its_estimate() -> None:
    below = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        answers = ["".join(str(int(y)) for y in rng.random(6) < 0.5) for _ in range(12)]
        row = found(by_hand(answers, rng.random(12).tolist(), is_exact=True), RATE, n_resamples=20)["human_reliability"]
        below += row["estimate"] < 0 and not np.isnan(row["ci_low"])
        assert np.isnan(row["ci_low"]) or row["ci_low"] <= row["estimate"] <= row["ci_high"]
    assert below > 3


def test_a_correlation_of_people_without_reliability_says_why_it_has_no_interval() -> None:
    answers, rate = crowd(30, 2, seed=16)
    rows = found(by_hand(answers, rate.tolist(), is_exact=True), RATE)
    assert np.isfinite(rows["correlation"]["estimate"])
    assert rows["correlation"]["reason"] == f"no interval: {rows['human_reliability']['reason']}"
