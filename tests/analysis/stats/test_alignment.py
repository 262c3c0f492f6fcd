"""Alignment of models with people, beside fixed rules and other people."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.alignment import (
    MEASURES,
    PairedItems,
    Resampling,
    align,
    alignment_table,
    item_counts,
    pair_items,
)

COLUMNS: dict[str, Any] = {
    "item": "scenario_item_id",
    "question": "question",
    "human_value": "culture",
    "model_value": "culture",
    "by": ["model_tag", "persona_setting"],
}
REFERENCE = {
    ("model", "expected_match"): "expected_match",
    ("model", "chance_match"): "chance_match",
    ("model", "kappa_x"): "kappa_x",
    ("model", "majority_match_paper"): "majority_paper",
    ("model", "majority_match_half_credit"): "majority_half_credit_ties",
    ("model", "signed_rate_gap"): "signed_gap",
    ("model", "item_mae"): "mae",
    ("model", "squared_gap"): "sq_raw",
    ("model", "squared_gap_debiased"): "sq_debiased",
    ("model", "rate_correlation"): "rate_corr",
    ("always_culture", "majority_match_paper"): "always_A_majority",
    ("always_culture", "item_mae"): "always_A_mae",
    ("another_person", "expected_match"): "human_human_match",
    ("best_fixed_rule", "item_mae"): "best_hard_mae",
}
FEW = Resampling(n_resamples=50, seed=3, level=0.95)


@pytest.fixture(scope="module")
def table(stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame) -> pd.DataFrame:
    return alignment_table(stacked_answers, stacked_predictions, seed=7, n_resamples=400, **COLUMNS)


def paired(human: list[float], n: list[float], model: list[float], k: list[float]) -> PairedItems:
    return PairedItems(*(np.array(values, dtype=float) for values in (human, n, model, k)))


def results(pairs: PairedItems) -> dict[tuple[str, str], Any]:
    return {(found.predictor, found.measure): found for found in align(pairs, FEW)}


def test_alignment_equals_the_reference(table: pd.DataFrame, advanced: dict[str, Any]) -> None:
    found = table.set_index(["question", "model_tag", "persona_setting", "predictor", "measure"])["estimate"]
    for question in ("personal", "norm"):
        for key, expected in advanced[question]["align"].items():
            for (predictor, measure), name in REFERENCE.items():
                value = found.loc[(question, *key.split("|"), predictor, measure)]
                assert value == pytest.approx(expected[name], rel=1e-10, abs=1e-12)


def test_alignment_has_every_measure_for_every_model_and_setting(table: pd.DataFrame) -> None:
    assert len(table) == 2 * 3 * 2 * sum(len(names) for names in MEASURES.values())
    missing = table[table["estimate"].isna()]
    assert (missing["reason"] != "").all()
    assert missing["measure"].unique().tolist() == ["disagreement_correlation"]
    assert missing["persona_setting"].unique().tolist() == ["no_persona"]
    shown = table[table["estimate"].notna()]
    assert (shown["reason"] == "").all()
    assert ((shown["ci_low"] <= shown["estimate"]) & (shown["estimate"] <= shown["ci_high"])).mean() > 0.95


def test_alignment_counts_items_ties_and_answers(table: pd.DataFrame, stacked_answers: pd.DataFrame) -> None:
    row = table[(table["question"] == "personal") & (table["persona_setting"] == "persona")].iloc[0]
    assert (row["n_items"], row["n_tied_items"]) == (176, 4)
    assert (
        row["n_human_answers"]
        == (stacked_answers["question"].eq("personal") & stacked_answers["culture"].notna()).sum()
    )


def test_disagreement_correlation_is_that_of_unbiased_disagreement(
    table: pd.DataFrame, stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    def unbiased(rows: pd.DataFrame) -> pd.Series:
        items = rows.dropna(subset="culture").groupby("scenario_item_id")["culture"]
        return items.var(ddof=1)

    human = unbiased(stacked_answers[stacked_answers["question"] == "norm"])
    asked = stacked_predictions.query(
        "question == 'norm' and model_tag == 'synthetic_tracking' and persona_setting == 'persona'"
    )
    found = table.query(
        "question == 'norm' and model_tag == 'synthetic_tracking' and persona_setting == 'persona'"
        " and measure == 'disagreement_correlation'"
    )
    assert found["estimate"].item() == pytest.approx(human.corr(unbiased(asked)), rel=1e-10)


def test_alignment_repeats_with_its_seed_and_changes_with_another(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    some = stacked_predictions[stacked_predictions["persona_setting"] == "no_persona"]

    def run(seed: int) -> pd.DataFrame:
        return alignment_table(stacked_answers, some, seed=seed, n_resamples=30, **COLUMNS)

    first = run(1)
    pd.testing.assert_frame_equal(first, run(1))
    assert (first["ci_low"].dropna() != run(2)["ci_low"].dropna()).any()


def test_bootstrap_standard_error_of_a_mean_is_the_textbook_one() -> None:
    rng = np.random.default_rng(4)
    p, m = rng.random(80), rng.random(80)
    pairs = paired(p.tolist(), [10] * 80, m.tolist(), [5] * 80)
    found = {(r.predictor, r.measure): r for r in align(pairs, Resampling(4000, 9, 0.95))}
    gaps = m - p
    assert found["model", "signed_rate_gap"].se == pytest.approx(gaps.std() / np.sqrt(80), rel=0.05)
    assert found["model", "rate_correlation"].estimate == pytest.approx(np.corrcoef(m, p)[0, 1], rel=1e-10)


def test_alignment_by_hand() -> None:
    found = results(paired([1.0, 0.5, 0.25], [4, 2, 4], [1.0, 1.0, 0.0], [1, 1, 1]))
    assert found["model", "expected_match"].estimate == pytest.approx((1 + 0.5 + 0.75) / 3)
    assert found["model", "majority_match_paper"].estimate == 1.0
    assert found["model", "majority_match_half_credit"].estimate == pytest.approx(2.5 / 3)
    assert found["model", "signed_rate_gap"].estimate == pytest.approx(0.25 / 3)
    assert found["model", "item_mae"].estimate == pytest.approx(0.25)
    assert found["model", "squared_gap_debiased"].estimate == pytest.approx(
        (0.25 - 0.25 + 0.0625 - 0.1875 / 3) / 3, abs=1e-15
    )
    assert found["another_person", "expected_match"].estimate == pytest.approx((1 + 0 + 0.5) / 3)
    assert found["always_culture", "expected_match"].estimate == pytest.approx(1.75 / 3)
    assert found["best_fixed_rule", "item_mae"].estimate == pytest.approx(0.25)


def test_debiased_squared_gap_has_the_right_mean() -> None:
    rng = np.random.default_rng(8)
    people, machine = np.full(4000, 0.6), np.full(4000, 0.8)
    pairs = paired(
        (rng.binomial(5, people) / 5).tolist(), [5] * 4000, (rng.binomial(4, machine) / 4).tolist(), [4] * 4000
    )
    assert results(pairs)["model", "squared_gap_debiased"].estimate == pytest.approx(0.04, abs=0.01)
    assert results(pairs)["model", "squared_gap"].estimate > 0.1


def test_a_constant_model_has_no_correlation_and_says_why() -> None:
    found = results(paired([0.2, 0.6, 0.9], [5, 5, 10], [1, 1, 1], [4, 4, 4]))
    assert np.isnan(found["model", "rate_correlation"].estimate)
    assert "same on every item" in found["model", "rate_correlation"].reason
    assert "disagreement that varies" in found["model", "disagreement_correlation"].reason
    assert found["model", "item_mae"].reason == ""


def test_unanimous_people_and_model_have_no_kappa() -> None:
    found = results(paired([1, 1], [3, 3], [1, 1], [1, 1]))
    assert found["model", "expected_match"].estimate == 1.0
    assert np.isnan(found["model", "kappa_x"].estimate)
    assert found["model", "kappa_x"].reason == "model and people all give one answer"


def test_single_answers_leave_the_human_row_without_a_value() -> None:
    found = results(paired([1, 0], [1, 1], [1, 1], [1, 1]))
    assert found["another_person", "expected_match"].reason == "no item has two human answers"
    assert found["model", "squared_gap_debiased"].reason == "no item has two human answers"
    assert found["model", "expected_match"].estimate == 0.5


def test_one_item_gives_estimates_without_intervals() -> None:
    found = results(paired([0.75], [4], [1], [1]))["model", "expected_match"]
    assert found.estimate == 0.75
    assert (np.isnan(found.ci_low), found.reason) == (True, "fewer than two items")


def test_a_model_that_never_answers_keeps_its_rows(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    silent = stacked_predictions[stacked_predictions["persona_setting"] == "no_persona"].assign(culture=np.nan)
    table = alignment_table(stacked_answers, silent, seed=1, n_resamples=10, **COLUMNS)
    assert table["model_tag"].nunique() == 3
    assert (table["reason"] == "no item was answered by both the model and people").all()
    assert (table["n_items"] == 0).all()


def test_no_predictions_give_an_empty_table(stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame) -> None:
    table = alignment_table(stacked_answers, stacked_predictions.iloc[:0], seed=1, **COLUMNS)
    assert table.empty
    assert {"question", "model_tag", "predictor", "measure", "estimate", "reason"} <= set(table)


def test_pair_items_keeps_common_items_in_order() -> None:
    human = item_counts(pd.DataFrame({"i": list("cab"), "y": [1, 0, 1]}), "y", "i")
    model = item_counts(pd.DataFrame({"i": list("bcdd"), "y": [0, 1, 1, np.nan]}), "y", "i")
    pairs = pair_items(human, model)
    assert pairs.human_rate.tolist() == [1.0, 1.0]
    assert pairs.model_rate.tolist() == [0.0, 1.0]


def test_alignment_refuses_other_answers_and_no_draws(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="culture: answers must be 0, 1 or missing"):
        alignment_table(stacked_answers.assign(culture=2), stacked_predictions, seed=1, **COLUMNS)
    with pytest.raises(ValueError, match="n_resamples"):
        alignment_table(stacked_answers, stacked_predictions, seed=1, n_resamples=0, **COLUMNS)
    with pytest.raises(ValueError, match="missing columns: culture"):
        alignment_table(stacked_answers.drop(columns="culture"), stacked_predictions, seed=1, **COLUMNS)
