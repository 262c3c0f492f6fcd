"""The paper's ten tables: equal to those of its public script, and sound on awkward input."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.stats.paper import paper_tables
from analysis.stats.paper.doubts import not_estimable
from analysis.stats.paper.source import HUMAN_COLUMNS, PREDICTION_COLUMNS

EXPECTED = Path(__file__).parents[2] / "reference" / "pact_synthetic" / "expected_section5"
TABLES = sorted(path.name.split(".")[0] for path in EXPECTED.iterdir())


@pytest.fixture(scope="module")
def tables(human: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return paper_tables(human, predictions)


def person(number: int, **facts: object) -> dict[str, object]:
    """Give one answer of a respondent from Brazil about item i1, set in Brazil."""
    row: dict[str, object] = {
        "respondent_id": f"p{number}",
        "respondent_country": "Brazil",
        "respondent_age_bucket": "older",
        "respondent_gender": "male",
        "respondent_demo": "older_male",
        "scenario_item_id": "i1",
        "scenario": "At dinner",
        "scenario_country": "Brazil",
        "receiver_age": "older",
        "receiver_gender": "male",
        "receiver_demo": "older_male",
        "human_personal": "A",
        "human_norm": "B",
    }
    return row | facts


def model(item: str, personal: str | None, norm: str | None, **facts: object) -> dict[str, object]:
    """Give one answer of model m without persona."""
    row: dict[str, object] = {
        "model_tag": "m",
        "persona_setting": "no_persona",
        "persona_country": None,
        "persona_demo": None,
        "scenario_item_id": item,
        "llm_personal": personal,
        "llm_norm": norm,
    }
    return row | facts


def as_persona(country: str, demo: str) -> dict[str, object]:
    return {"persona_setting": "persona", "persona_country": country, "persona_demo": demo}


def test_paper_tables_returns_every_table_of_the_script(tables: dict[str, pd.DataFrame]) -> None:
    assert sorted(tables) == TABLES
    assert len(TABLES) == 10


@pytest.mark.parametrize("name", TABLES)
def test_paper_tables_equals_the_public_script(name: str, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    tables[name].to_csv(tmp_path / "actual.csv", index=False)
    actual = pd.read_csv(tmp_path / "actual.csv")
    expected = pd.read_csv(next(EXPECTED.glob(f"{name}.csv*")))
    assert list(actual) == list(expected)
    tolerance = (
        {"rtol": 1e-6, "atol": 1e-6} if name == "human_regression_coefficients" else {"rtol": 1e-10, "atol": 1e-9}
    )
    pd.testing.assert_frame_equal(
        actual.drop(columns="prediction_file", errors="ignore"),
        expected.drop(columns="prediction_file", errors="ignore"),
        check_dtype=False,
        check_exact=False,
        rtol=tolerance["rtol"],
        atol=tolerance["atol"],
    )


def test_paper_tables_takes_the_shorter_columns_of_predictions(
    human: pd.DataFrame, predictions: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    short = paper_tables(human, predictions[list(PREDICTION_COLUMNS)])
    items = short["alignment_persona_item_level"]
    assert {"scenario_country", "receiver_demo", "receiver_age"} <= set(items)
    assert len(items) == len(tables["alignment_persona_item_level"])
    pd.testing.assert_frame_equal(short["alignment_combined_summary"], tables["alignment_combined_summary"])


def test_paper_tables_ignores_index_and_categories(human: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> None:
    shuffled_index = human.set_axis(np.arange(len(human))[::-1]).astype({"respondent_country": "category"})
    summary = paper_tables(shuffled_index, None)["human_response_summary"]
    pd.testing.assert_frame_equal(summary, tables["human_response_summary"])


@pytest.mark.parametrize("column", HUMAN_COLUMNS)
def test_paper_tables_names_a_missing_human_column(column: str, human: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=f"human responses: missing columns {column}$"):
        paper_tables(human.drop(columns=column), None)


def test_paper_tables_names_all_missing_prediction_columns(human: pd.DataFrame, predictions: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="model predictions: missing columns persona_demo, llm_norm"):
        paper_tables(human, predictions.drop(columns=["llm_norm", "persona_demo"]))


def test_paper_tables_without_predictions_keeps_the_alignment_columns(
    human: pd.DataFrame, tables: dict[str, pd.DataFrame]
) -> None:
    alone = paper_tables(human, None)
    for name in TABLES:
        if not name.startswith("alignment"):
            pd.testing.assert_frame_equal(alone[name], tables[name])
            continue
        assert alone[name].empty
        if name != "alignment_persona_item_level":
            assert list(alone[name]) == list(tables[name])


def test_paper_tables_of_no_answers_at_all_is_empty() -> None:
    tables = paper_tables(pd.DataFrame(columns=list(HUMAN_COLUMNS)), None)
    assert sorted(tables) == TABLES
    assert all(table.empty for table in tables.values())


def test_human_summary_of_a_group_is_its_pooled_rates() -> None:
    rows = [person(1), person(2, human_personal="B"), person(3, human_personal=" b "), person(4, human_norm=None)]
    table = paper_tables(pd.DataFrame(rows), None)["human_response_summary"]
    overall = table.iloc[0]
    assert overall["grouping"] == "overall"
    assert overall[["personal_culture_rate", "norm_culture_rate", "norm_personal_gap"]].tolist() == [0.5, 0.0, -0.5]
    assert overall[["personal_majority_agreement", "norm_majority_agreement"]].tolist() == [0.5, 1.0]
    assert overall[["n_judgments", "n_respondents", "n_items"]].tolist() == [4, 4, 1]


def test_human_summary_groups_unknown_countries_and_missing_cells() -> None:
    rows = [
        person(1, respondent_country="Narnia", scenario_country="Narnia"),
        person(2, respondent_country="Narnia", scenario_country="Peru", respondent_demo=None, respondent_gender=None),
        person(3, scenario_country="Myanmar"),
    ]
    table = paper_tables(pd.DataFrame(rows), None)["human_response_summary"]
    relations = table[table["grouping"] == "country_relation"]
    assert relations["country_relation"].tolist() == ["close", "far", "same"]
    cells = table[table["grouping"] == "respondent_demo"]
    assert cells["respondent_demo"].isna().tolist() == [False, True]
    assert cells["n_judgments"].tolist() == [2, 1]


def test_item_profiles_leave_out_unanswered_items_and_break_ties_towards_culture() -> None:
    rows = [
        person(1),
        person(2, human_personal="B"),
        person(1, scenario_item_id="i2", human_personal=None),
        person(1, scenario_item_id="i3", human_personal="?", human_norm=""),
    ]
    profiles = paper_tables(pd.DataFrame(rows), None)["human_item_profiles"]
    overall = profiles[profiles["respondent_country"].isna()]
    assert overall[["response_type", "scenario_item_id", "n_humans"]].to_numpy().tolist() == [
        ["personal", "i1", 2],
        ["norm", "i1", 2],
        ["norm", "i2", 1],
    ]
    assert overall["human_majority"].tolist() == ["A", "B", "B"]
    assert overall["human_majority_agreement"].tolist() == [0.5, 1.0, 1.0]


def test_regression_of_an_even_split_has_an_intercept_of_zero() -> None:
    rows = [person(n, human_personal="AB"[n % 2], human_norm=None, respondent_gender=None) for n in range(4)]
    tables = paper_tables(pd.DataFrame(rows), None)
    answered = ["combined_personal_vs_norm", "personal_choice_only"]
    coefficients, deviances = (
        table[table["model"].isin(answered)]
        for table in (tables["human_regression_coefficients"], tables["human_regression_drop_one_deviance"])
    )
    assert coefficients["term"].tolist() == ["Intercept", "Intercept"]
    assert coefficients["coef"].tolist() == pytest.approx([0.0, 0.0], abs=1e-12)
    assert coefficients["std_err"].tolist() == pytest.approx([1.0, 1.0])
    assert deviances["full_deviance"].to_numpy() == pytest.approx(8 * np.log(2))
    assert deviances["df_difference"].unique().tolist() == [0]


def test_regression_of_one_two_level_factor_gives_its_log_odds_ratio() -> None:
    rows = [
        person(n, human_personal=choice, respondent_gender=gender)
        for n, (gender, choice) in enumerate(
            [("female", "A")] * 3 + [("female", "B")] + [("male", "A")] * 2 + [("male", "B")] * 2
        )
    ]
    coefficients = paper_tables(pd.DataFrame(rows), None)["human_regression_coefficients"]
    fitted = coefficients[coefficients["model"] == "personal_choice_only"].set_index("term")["coef"]
    aliased = [name for name in fitted.index if name.endswith("male") and name != "Intercept"]
    assert fitted["Intercept"] == pytest.approx(np.log(3), abs=1e-5)
    assert fitted[aliased].sum() == pytest.approx(-np.log(3), abs=1e-5)


def test_predictions_keep_the_last_run_and_the_exact_token() -> None:
    answers = pd.DataFrame([person(1), person(1, scenario_item_id="i2")])
    runs = [model("i1", "B", "B"), model("i1", "A", " B"), model("i2", " a", None)]
    summary = paper_tables(answers, pd.DataFrame(runs))["alignment_no_persona_summary"].set_index("response_type")
    assert summary.loc["personal", "n_model_rows"] == 2
    assert summary.loc["personal", "model_culture_rate"] == 1.0
    assert summary.loc["personal", "majority_choice_alignment"] == 0.5
    assert summary.loc["norm", "majority_choice_alignment"] == 0.0
    assert summary.loc["norm", "distributional_mae"] == 0.0


def test_a_model_that_never_answers_matches_nothing_and_has_no_error() -> None:
    tables = paper_tables(pd.DataFrame([person(1)]), pd.DataFrame([model("i1", None, "UNKNOWN")]))
    summary = tables["alignment_no_persona_summary"]
    assert summary["majority_choice_alignment"].tolist() == [0.0, 0.0]
    assert summary["distributional_mae"].isna().all()
    assert tables["alignment_uncertainty_summary"].empty


def test_a_model_asked_about_other_items_is_left_out() -> None:
    tables = paper_tables(pd.DataFrame([person(1)]), pd.DataFrame([model("elsewhere", "A", "A")]))
    assert all(table.empty for name, table in tables.items() if name.startswith("alignment"))


def test_personas_meet_only_their_own_subgroup() -> None:
    answers = pd.DataFrame([person(1), person(2, respondent_country="India", human_personal="B")])
    asked = [model("i1", "A", "A", **as_persona(country, "older_male")) for country in ("India", "Brazil", "Narnia")]
    summary = paper_tables(answers, pd.DataFrame(asked))["alignment_persona_summary"]
    personal = summary[summary["response_type"] == "personal"]
    assert personal["persona_country"].tolist() == ["Brazil", "India"]
    assert personal["majority_choice_alignment"].tolist() == [1.0, 0.0]
    assert personal["signed_culture_rate_gap_model_minus_human"].tolist() == [0.0, 1.0]


def test_closest_subgroups_are_ranked_by_match_then_error() -> None:
    answers = pd.DataFrame(
        [
            person(1, human_personal="B"),
            person(2, respondent_country="India"),
            person(3, respondent_country="India", human_personal="B"),
            person(4, respondent_country="South Africa"),
        ]
    )
    closest = paper_tables(answers, pd.DataFrame([model("i1", "A", "A")]))[
        "alignment_no_persona_closest_human_subgroups"
    ]
    personal = closest[closest["response_type"] == "personal"]
    assert personal["respondent_country"].tolist() == ["South Africa", "India", "Brazil"]
    assert personal["rank_for_model_response_type"].tolist() == [1, 2, 3]


def test_uncertainty_correlates_agreement_over_items() -> None:
    choices = {"i1": "AAAA", "i2": "AAAB", "i3": "AABB"}
    answers = [
        person(n, scenario_item_id=item, human_personal=choice)
        for item, row in choices.items()
        for n, choice in enumerate(row)
    ]
    asked = [
        model(item, choice, None, **as_persona("Brazil", str(n)))
        for item, row in choices.items()
        for n, choice in enumerate(row)
    ]
    table = paper_tables(pd.DataFrame(answers), pd.DataFrame(asked))["alignment_uncertainty_summary"]
    assert table["human_model_agreement_correlation"].tolist() == pytest.approx([1.0])
    assert table["mean_model_majority_agreement"].tolist() == [0.75]
    assert table["mean_model_majority_agreement_low_human_agreement"].tolist() == [0.625]
    assert table["mean_model_samples_per_item"].tolist() == [4.0]


def test_item_ids_may_be_numbers_on_one_side_and_text_on_the_other() -> None:
    answers = pd.DataFrame([person(1, scenario_item_id=7)])
    summary = paper_tables(answers, pd.DataFrame([model("7", "A", "B")]))["alignment_no_persona_summary"]
    assert summary["majority_choice_alignment"].tolist() == [1.0, 1.0]


def test_a_model_without_a_name_has_no_rank() -> None:
    predictions = pd.DataFrame([model("i1", "A", "B"), model("i1", "A", "A", model_tag=None)])
    table = paper_tables(pd.DataFrame([person(1)]), predictions)["alignment_no_persona_closest_human_subgroups"]
    ranks = table[["model_tag", "rank_for_model_response_type"]].astype(object)
    assert ranks.where(ranks.notna(), None).values.tolist() == [["m", 1], ["m", 1], [None, None], [None, None]]


def test_answers_about_no_item_stand_beside_numbered_items() -> None:
    tables = paper_tables(pd.DataFrame([person(1, scenario_item_id=None)]), pd.DataFrame([model("1", "A", "B")]))
    numbered = pd.DataFrame([{**model("1", "A", "B"), "scenario_item_id": 1}])
    others = paper_tables(pd.DataFrame([person(1, scenario_item_id=None)]), numbered)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(others[name], table, check_dtype=False)
    assert len(tables["human_item_profiles"]) == 4
    assert len(tables["alignment_no_persona_summary"]) == 0


def test_regressions_without_answers_have_rows_of_zero() -> None:
    tables = paper_tables(pd.DataFrame([person(n, human_norm=None) for n in range(3)]), None)
    deviances = tables["human_regression_drop_one_deviance"]
    norm = deviances[deviances["model"] == "norm_judgment_only"]
    assert len(deviances) == 21
    assert norm.select_dtypes("number").abs().to_numpy().sum() == 0
    coefficients = tables["human_regression_coefficients"]
    (only,) = coefficients[coefficients["model"] == "norm_judgment_only"].to_dict("records")
    assert (only["term"], only["coef"], only["std_err"]) == ("Intercept", 0, 0)
    assert np.isnan([only["z_value"], only["p_value"]]).all()
    listed = not_estimable(tables)
    assert set(listed.loc[listed["column"] == "full_deviance", "row"]) == {row + 2 for row in norm.index}
