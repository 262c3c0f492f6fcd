"""Alignment of models with people, beside fixed rules and other people."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from analysis.stats.alignment import (
    MEASURES,
    Alignment,
    Columns,
    PairedItems,
    align,
    alignment_table,
    difference_table,
    groups,
    model_rates,
    pair_items,
    read_people,
)
from analysis.stats.alignment.baselines import HALF_MEASURES, NULL_MEASURES, other_half, same_rates
from analysis.stats.alignment.delta import influences
from analysis.stats.alignment.measures import ESTIMANDS, jensen_shannon
from analysis.stats.observations import Floats, Mask

COLUMNS = Columns(
    item="scenario_item_id",
    question="question",
    respondent="respondent_id",
    human_value="culture",
    model_value="culture",
    by=("model_tag", "persona_setting"),
)
REFERENCE = {
    ("model", "expected_match"): "expected_match",
    ("model", "chance_match"): "chance_match",
    ("model", "kappa_x"): "kappa_x",
    ("model", "kappa_x_normalised"): "kappa_x_normalised",
    ("model", "majority_match_paper"): "majority_paper",
    ("model", "majority_match_half_credit"): "majority_half_credit_ties",
    ("model", "signed_rate_gap"): "signed_gap",
    ("model", "total_variation"): "mae",
    ("model", "squared_gap"): "sq_raw",
    ("model", "squared_gap_debiased"): "sq_debiased",
    ("model", "js_divergence"): "jsd_bits_mean",
    ("model", "js_distance"): "js_distance_mean",
    ("model", "rate_correlation"): "rate_corr",
    ("always_culture", "majority_match_paper"): "always_A_majority",
    ("always_culture", "total_variation"): "always_A_mae",
    ("another_person", "expected_match"): "human_human_match",
    ("best_fixed_rule", "total_variation"): "best_hard_mae",
}
N_ROWS = sum(len(names) for names in MEASURES.values()) + len(HALF_MEASURES) + len(NULL_MEASURES)


@pytest.fixture(scope="module")
def table(stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame) -> pd.DataFrame:
    return alignment_table(stacked_answers, stacked_predictions, COLUMNS, seed=7, n_splits=20)


def by_hand(answers: list[str], rates: list[float], k: int = 1, *, is_exact: bool = False) -> PairedItems:
    """Pair items whose people's answers are written as 1s and 0s, one respondent per place, with a model's rates."""
    rows = [(f"r{place}", item, int(y)) for item, text in enumerate(answers) for place, y in enumerate(text)]
    people = read_people(pd.DataFrame(rows, columns=["r", "i", "y"]), "y", "r", "i")
    rate = np.array(rates)
    variance = np.zeros_like(rate) if is_exact or k < 2 else rate * (1 - rate) / (k - 1)
    return pair_items(people, pd.DataFrame({"rate": rate, "n": float(k), "variance": variance}), is_exact=is_exact)


def results(pairs: PairedItems) -> dict[tuple[str, str], Alignment]:
    return {(found.predictor, found.measure): found for found in align(pairs)}


def test_alignment_equals_the_reference(table: pd.DataFrame, advanced: dict[str, Any]) -> None:
    found = table.set_index(["question", "model_tag", "persona_setting", "predictor", "measure"])["estimate"]
    n_compared = 0
    for question in ("personal", "norm"):
        for key, expected in advanced[question]["align"].items():
            for (predictor, measure), name in REFERENCE.items():
                value = found.loc[(question, *key.split("|"), predictor, measure)]
                wanted = np.nan if expected[name] is None else expected[name]
                assert value == pytest.approx(wanted, rel=1e-10, abs=1e-12, nan_ok=True), (key, measure)
                n_compared += 1
    assert n_compared == 2 * 6 * len(REFERENCE)


def test_alignment_has_every_measure_for_every_model_and_setting(table: pd.DataFrame) -> None:
    assert len(table) == 2 * 3 * 2 * N_ROWS
    missing = table[table["estimate"].isna()]
    assert (missing["reason"] != "").all()
    assert set(missing["measure"]) == {"disagreement_correlation", "kappa_x_normalised"}
    assert set(missing.loc[missing["measure"] == "disagreement_correlation", "persona_setting"]) == {"no_persona"}
    shown = table[table["estimate"].notna()]
    constant = (shown["predictor"] == "uniform") & (shown["measure"] == "expected_match")
    assert (shown.loc[constant, ["estimate", "reason"]] == [0.5, "no variation between respondents or items"]).all(
        axis=None
    )
    shown = shown[~constant]
    assert (shown["reason"] == "").all()
    of_model = shown[shown["predictor"].isin(list(MEASURES))]
    assert ((of_model["ci_low"] <= of_model["estimate"]) & (of_model["estimate"] <= of_model["ci_high"])).all()


def test_alignment_counts_items_ties_answers_and_people(table: pd.DataFrame, stacked_answers: pd.DataFrame) -> None:
    row = table[(table["question"] == "personal") & (table["persona_setting"] == "persona")].iloc[0]
    asked = stacked_answers["question"].eq("personal") & stacked_answers["culture"].notna()
    assert (row["n_items"], row["n_tied_items"], row["n_respondents"]) == (176, 4, 200)
    assert row["n_human_answers"] == asked.sum()


def test_signed_gap_of_a_rule_has_the_two_way_error_of_the_mean_of_item_rates(
    table: pd.DataFrame, stacked_answers: pd.DataFrame
) -> None:
    rows = stacked_answers.query("question == 'personal'").dropna(subset="culture")
    items = rows.groupby("scenario_item_id")["culture"].agg(["mean", "size"])
    influence = (rows["culture"] - rows["scenario_item_id"].map(items["mean"])) / (
        rows["scenario_item_id"].map(items["size"]) * len(items)
    )
    people = (influence.groupby(rows["respondent_id"]).sum() ** 2).sum()
    between = (((items["mean"] - items["mean"].mean()) / len(items)) ** 2).sum()
    found = table.query(
        "question == 'personal' and predictor == 'always_culture' and measure == 'signed_rate_gap'"
    ).iloc[0]
    assert found["se"] == pytest.approx(np.sqrt(people + between - (influence**2).sum()), rel=1e-10)
    assert found["df"] == 175


def point(pairs: PairedItems, name: str) -> float:
    estimand = ESTIMANDS["model"](pairs)[name]
    return estimand.function({key: complex(part.value.mean()) for key, part in estimand.parts.items()}).real


def _rebuilt(pairs: PairedItems, kept: Mask) -> PairedItems:
    answers = pairs.answers.where(kept)
    n = np.bincount(answers.item, minlength=pairs.n_items).astype(float)
    rate = np.bincount(answers.item, answers.value, pairs.n_items) / n
    return PairedItems(rate, n, pairs.model_rate, pairs.n_model, pairs.model_variance, pairs.is_exact, answers)


@pytest.mark.parametrize("name", [name for name in MEASURES["model"] if not name.startswith("majority")])
def test_influences_are_the_changes_when_one_answer_or_item_is_left_out(name: str) -> None:
    rng = np.random.default_rng(4)
    rate = rng.uniform(0.1, 0.9, 14)
    answers = ["".join(str(int(y)) for y in rng.random(120) < p) for p in rate]
    model = np.round(10 * np.clip(rate + rng.normal(0, 0.1, 14), 0, 1)) / 10
    pairs = by_hand(answers, model.tolist(), k=10)
    estimand = ESTIMANDS["model"](pairs)[name]
    found = influences(estimand.parts, estimand.function)
    whole = point(pairs, name)
    assert found.estimate == pytest.approx(whole, rel=1e-12)
    items, places = np.arange(14), [answers.index(text) * 120 + text.index(y) for text in answers for y in "10"]
    change = [whole - point(_rebuilt(pairs, np.arange(14 * 120) != place), name) for place in places]
    expected = np.column_stack([found.one, found.zero]).ravel()
    assert np.dot(change, expected) / np.dot(expected, expected) == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(change, expected)[0, 1] > 0.95
    change = [whole - point(pairs.where(items != item), name) for item in items]
    assert np.corrcoef(change, found.item)[0, 1] > 0.95


def test_measures_by_hand() -> None:
    # rates of people 1, .5, .25 from 2, 2, 4 answers; the model's 1, 0, .5
    found = results(by_hand(["11", "10", "1000"], [1, 0, 0.5], k=2))
    assert found["model", "expected_match"].estimate == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert found["model", "majority_match_paper"].estimate == pytest.approx(1 / 3)
    assert found["model", "majority_match_half_credit"].estimate == pytest.approx((1 + 0.5 + 0) / 3)
    assert found["model", "signed_rate_gap"].estimate == pytest.approx((0 - 0.5 + 0.25) / 3)
    assert found["model", "total_variation"].estimate == pytest.approx((0 + 0.5 + 0.25) / 3)
    assert found["model", "squared_gap"].estimate == pytest.approx((0.25 + 0.0625) / 3)
    assert found["model", "squared_gap_debiased"].estimate == pytest.approx(
        (0 + (0.25 - 0.25) + (0.0625 - 0.25 - 0.1875 / 3)) / 3, abs=1e-15
    )
    assert found["another_person", "expected_match"].estimate == pytest.approx((1 + 0 + 0.5) / 3)
    assert found["always_culture", "expected_match"].estimate == pytest.approx(1.75 / 3)
    assert found["uniform", "expected_match"].estimate == pytest.approx(0.5)
    assert found["uniform", "total_variation"].estimate == pytest.approx((0.5 + 0 + 0.25) / 3)
    assert found["best_fixed_rule", "total_variation"].estimate == pytest.approx(0.25)


def test_jensen_shannon_is_the_square_of_scipys_distance() -> None:
    shares = np.array([0.0, 0.2, 0.5, 0.9, 1.0])
    for m in shares:
        for p in shares:
            expected = jensenshannon([m, 1 - m], [p, 1 - p], base=2) ** 2
            assert jensen_shannon(np.array([m]), np.array([p]))[0] == pytest.approx(expected, abs=1e-12)
    assert np.sqrt(jensen_shannon(np.array([0.2]), np.array([0.7])))[0] == pytest.approx(0.4372241495260536)


def crowd(n_items: int, n_people: int, seed: int) -> tuple[list[str], Floats]:
    rng = np.random.default_rng(seed)
    rate = rng.beta(2, 2, n_items)
    return ["".join(str(int(y)) for y in rng.random(n_people) < p) for p in rate], rate


def test_debiased_squared_gap_has_the_right_mean() -> None:
    rng = np.random.default_rng(8)
    answers = ["".join(str(int(y)) for y in rng.random(5) < 0.6) for _ in range(4000)]
    found = results(by_hand(answers, (rng.binomial(4, 0.8, 4000) / 4).tolist(), k=4))
    assert found["model", "squared_gap_debiased"].estimate == pytest.approx(0.04, abs=0.01)
    assert found["model", "squared_gap"].estimate > 0.1


def test_a_model_with_the_people_s_rates_has_a_disattenuated_correlation_of_one() -> None:
    answers, rate = crowd(1500, 6, seed=2)
    found = results(by_hand(answers, rate.tolist(), is_exact=True))
    assert found["model", "rate_correlation"].ci_high < 0.85
    corrected = found["model", "rate_correlation_disattenuated"]
    assert corrected.estimate == pytest.approx(1.0, abs=0.03)
    assert corrected.ci_low < 1.0 < corrected.ci_high


def test_distances_of_a_model_with_the_people_s_rates_are_those_of_the_null() -> None:
    answers, rate = crowd(300, 8, seed=5)
    pairs = by_hand(answers, rate.tolist(), is_exact=True)
    rows, p_values = same_rates(pairs, seed=1)
    null = {row.measure: row for row in rows}
    found = results(pairs)
    assert found["model", "total_variation"].estimate > 0.1
    assert null["total_variation"].estimate == pytest.approx(found["model", "total_variation"].estimate, rel=0.06)
    assert p_values["total_variation"] > 0.01
    off = by_hand(answers, np.clip(rate + 0.25, 0, 1).tolist(), is_exact=True)
    assert same_rates(off, seed=1)[1]["js_divergence"] == pytest.approx(1 / 401)


def test_half_of_the_people_is_as_far_from_the_other_as_chance_makes_it() -> None:
    answers, rate = crowd(400, 20, seed=6)
    pairs = by_hand(answers, rate.tolist(), is_exact=True)
    half = {row.measure: row.estimate for row in other_half(pairs, n_splits=30, seed=1)}
    # two independent halves of ten answers: E (p - q)² = 2 E p (1 - p) / 10, and E p (1 - p) = 1/5 for Beta(2, 2)
    assert half["squared_gap"] == pytest.approx(0.04, rel=0.06)
    assert half["majority_match_paper"] == pytest.approx(0.77, abs=0.06)


def test_the_spreads_of_halves_and_of_the_null_are_as_wide_as_the_level() -> None:
    answers, rate = crowd(200, 8, seed=5)
    pairs = by_hand(answers, rate.tolist(), is_exact=True)
    widths = {}
    for level in (0.5, 0.95):
        rows = [*other_half(pairs, n_splits=200, seed=1, level=level), *same_rates(pairs, seed=1, level=level)[0]]
        widths[level] = np.array([row.ci_high - row.ci_low for row in rows])
    # the quartiles of a normal distribution lie 0.344 times as far apart as its central 95 %
    assert (widths[0.5] / widths[0.95])[1:] == pytest.approx(0.344, rel=0.25)  # the first counts whole items


def test_a_constant_model_has_no_correlation_and_says_why() -> None:
    found = results(by_hand(["10000", "11100", "1111111110"], [1, 1, 1], k=4))
    assert np.isnan(found["model", "rate_correlation"].estimate)
    assert "same on every item" in found["model", "rate_correlation"].reason
    assert "disagreement that varies" in found["model", "disagreement_correlation"].reason
    assert "agree above chance" in found["model", "kappa_x_normalised"].reason
    assert found["model", "total_variation"].reason == ""


def test_unanimous_people_and_model_have_no_kappa() -> None:
    found = results(by_hand(["111", "111"], [1, 1]))
    assert found["model", "expected_match"].estimate == 1.0
    assert np.isnan(found["model", "kappa_x"].estimate)
    assert found["model", "kappa_x"].reason == "model and people all give one answer"


def test_single_answers_leave_the_human_row_without_a_value() -> None:
    found = results(by_hand(["1", "0"], [1, 1]))
    assert found["another_person", "expected_match"].reason == "no item has two human answers"
    assert found["model", "squared_gap_debiased"].reason == "no item has two human answers"
    assert found["model", "expected_match"].estimate == 0.5


def test_one_item_gives_estimates_without_intervals() -> None:
    found = results(by_hand(["1110"], [1]))["model", "expected_match"]
    assert found.estimate == 0.75
    assert (np.isnan(found.ci_low), found.reason) == (True, "fewer than two items")


def test_rates_of_a_model_are_means_of_both_orders() -> None:
    rows = pd.DataFrame(
        {"i": list("aaaaab"), "o": ["first", "first", "last", "last", "last", "first"], "y": [1, 1, 1, 0, 0, 0]}
    )
    found = model_rates(rows, "y", "i", order="o")
    assert found.loc["a", "rate"] == pytest.approx((1 + 1 / 3) / 2)
    assert found.loc["a", "variance"] == pytest.approx((0 + (2 / 9) / 2) / 4)
    assert (found.loc["b", "rate"], found.loc["b", "n"], found.loc["b", "variance"]) == (0.0, 1, 0.0)
    pooled = model_rates(rows, "y", "i")
    assert pooled.loc["a", "rate"] == pytest.approx(3 / 5)
    assert pooled.loc["a", "variance"] == pytest.approx(3 / 5 * 2 / 5 / 4)
    exact = model_rates(rows.assign(y=[0.9, 0.9, 0.5, 0.4, 0.3, 0.2]), "y", "i", order="o", is_exact=True)
    assert exact.loc["a", "rate"] == pytest.approx(0.65)
    assert exact.loc["a", "variance"] == 0.0


def test_probabilities_know_their_disagreement_from_one_answer() -> None:
    pairs = by_hand(["1100", "1110", "1000"], [0.5, 0.7, 0.2], is_exact=True)
    assert pairs.model_spread == pytest.approx([0.25, 0.21, 0.16])
    assert results(pairs)["model", "disagreement_correlation"].reason == ""


def test_differences_between_models_are_paired_by_item(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame, table: pd.DataFrame
) -> None:
    found = difference_table(stacked_answers, stacked_predictions, COLUMNS, model="model_tag")
    assert len(found) == 2 * 2 * 3 * 4
    one = found.query("question == 'norm' and persona_setting == 'persona' and measure == 'expected_match'")
    row = one[(one["first"] == "synthetic_contrary") & (one["second"] == "synthetic_tracking")].iloc[0]
    alone = table.query("question == 'norm' and persona_setting == 'persona' and measure == 'expected_match'")
    match = alone[alone["predictor"] == "model"].set_index("model_tag")["estimate"].to_dict()
    assert row["estimate"] == pytest.approx(match["synthetic_contrary"] - match["synthetic_tracking"], abs=1e-12)
    assert 0 < row["p_value"] < 1e-6
    same = stacked_predictions.query("model_tag == 'synthetic_tracking'")
    twins = pd.concat([same, same.assign(model_tag="twin")])
    none = difference_table(stacked_answers, twins, COLUMNS, model="model_tag")
    assert (none["estimate"] == 0).all()
    assert (none["reason"] == "no variation between respondents or items").all()


def test_a_model_that_never_answers_keeps_its_rows(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    silent = stacked_predictions[stacked_predictions["persona_setting"] == "no_persona"].assign(culture=np.nan)
    table = alignment_table(stacked_answers, silent, COLUMNS, seed=1, n_splits=2)
    assert table["model_tag"].nunique() == 3
    assert (table["reason"] == "no item was answered by both the model and people").all()
    assert (table["n_items"] == 0).all()
    assert len(table) == 2 * 3 * N_ROWS


def test_no_predictions_give_an_empty_table(stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame) -> None:
    table = alignment_table(stacked_answers, stacked_predictions.iloc[:0], COLUMNS, seed=1)
    assert table.empty
    assert {"question", "model_tag", "predictor", "measure", "estimate", "reason"} <= set(table)


def test_pairs_are_the_common_items_in_order() -> None:
    people = read_people(pd.DataFrame({"r": list("xyz"), "i": list("cab"), "y": [1, 0, 1]}), "y", "r", "i")
    model = model_rates(pd.DataFrame({"i": list("bcdd"), "y": [0, 1, 1, np.nan]}), "y", "i")
    pairs = pair_items(people, model)
    assert pairs.human_rate.tolist() == [1.0, 1.0]
    assert pairs.model_rate.tolist() == [0.0, 1.0]
    assert sorted(zip(pairs.answers.item, pairs.answers.value, strict=True)) == [(0, 1.0), (1, 1.0)]


def test_alignment_refuses_other_answers_and_mixtures(
    stacked_answers: pd.DataFrame, stacked_predictions: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="culture: answers must be 0, 1 or missing"):
        alignment_table(stacked_answers.assign(culture=2), stacked_predictions, COLUMNS, seed=1)
    with pytest.raises(ValueError, match="n_splits"):
        alignment_table(stacked_answers, stacked_predictions, COLUMNS, seed=1, n_splits=0)
    with pytest.raises(ValueError, match="missing columns: culture"):
        alignment_table(stacked_answers.drop(columns="culture"), stacked_predictions, COLUMNS, seed=1)
    mixed = stacked_predictions.assign(exact=np.arange(len(stacked_predictions)) % 2 == 0)
    columns = Columns(**{**vars(COLUMNS), "probability": "exact"})
    with pytest.raises(ValueError, match="probabilities and samples in one group"):
        list(groups(stacked_answers, mixed, columns))
