"""The paper's model-only and behaviour tables: equal to those of its public scripts, and sound on awkward input."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.stats.paper import behaviour_tables, model_only_tables
from analysis.stats.paper.behaviour import Evaluation, read_meta
from analysis.stats.paper.model_only import MODEL_ONLY_COLUMNS

REFERENCE = Path(__file__).parents[2] / "reference"
MODEL_ONLY = REFERENCE / "pact_synthetic" / "expected_model_only"
RUNS = REFERENCE / "behaviour_runs"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name.split(".")[0] for path in folder.iterdir())


def assert_as_published(table: pd.DataFrame, folder: Path, name: str, written: Path) -> None:
    """Compare a table, written and read again, with the file of the paper's script."""
    table.to_csv(written, index=False)
    actual, expected = pd.read_csv(written), pd.read_csv(next(folder.glob(f"{name}.csv*")))
    assert list(actual) == list(expected)
    pd.testing.assert_frame_equal(actual, expected, check_dtype=False, check_exact=False, rtol=1e-10, atol=1e-9)


def evaluation(name: str, rows: pd.DataFrame, path: str = "") -> Evaluation:
    meta = read_meta(path or f"repo/culture_atlas/{name}", rows)
    assert meta is not None
    return Evaluation(meta, rows)


@pytest.fixture(scope="module")
def from_models(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return model_only_tables(predictions)


@pytest.fixture(scope="module")
def from_runs() -> dict[str, pd.DataFrame]:
    files = sorted(RUNS.glob("cultureatlas_*.csv.gz"))
    return behaviour_tables(evaluation(path.name.removesuffix(".gz"), pd.read_csv(path)) for path in files)


def test_every_table_of_the_scripts_is_there(
    from_models: dict[str, pd.DataFrame], from_runs: dict[str, pd.DataFrame]
) -> None:
    assert sorted(from_models) == names_in(MODEL_ONLY)
    assert sorted(from_runs) == names_in(RUNS / "expected")
    assert (len(from_models), len(from_runs)) == (8, 19)


@pytest.mark.parametrize("name", names_in(MODEL_ONLY))
def test_model_only_table_equals_the_public_script(
    name: str, from_models: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    assert_as_published(from_models[name], MODEL_ONLY, name, tmp_path / "actual.csv")


@pytest.mark.parametrize("name", names_in(RUNS / "expected"))
def test_behaviour_table_equals_the_public_script(
    name: str, from_runs: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    assert_as_published(from_runs[name], RUNS / "expected", name, tmp_path / "actual.csv")


def prediction(item: str, personal: str | None, norm: str | None, **facts: object) -> dict[str, object]:
    row: dict[str, object] = {
        "model_tag": "m",
        "persona_setting": "no_persona",
        "persona_country": None,
        "persona_demo": None,
        "scenario_item_id": item,
        "scenario_country": "Brazil",
        "receiver_age": "older",
        "receiver_gender": "male",
        "llm_personal": personal,
        "llm_norm": norm,
    }
    return row | facts


@pytest.mark.parametrize("column", MODEL_ONLY_COLUMNS)
def test_model_only_tables_name_a_missing_column(column: str, predictions: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=f"model predictions: missing columns {column}$"):
        model_only_tables(predictions.drop(columns=column))


def test_a_question_never_answered_leaves_its_cells_empty() -> None:
    tables = model_only_tables(pd.DataFrame([prediction("i1", "A", None), prediction("i2", "B", "?")]))
    row = tables["model_norm_personal_gaps_by_model"].iloc[0]
    assert (row["culture_rate_personal"], row["n_personal"]) == (0.5, 2)
    assert row[["culture_rate_norm", "n_norm", "allow_gap_personal_minus_norm"]].isna().all()
    assert tables["model_personal_norm_choice_consistency"].empty
    deviances = tables["model_behavior_regression_drop_one_deviance"]
    counts = deviances.groupby("model", sort=False)["nobs"].unique()
    assert len(deviances) == 33
    assert {model: n.tolist() for model, n in counts.items()} == {
        "no_persona_combined": [2], "persona_combined": [0], "persona_personal_only": [0], "persona_norm_only": [0],
        "no_persona_personal_only": [2], "no_persona_norm_only": [0],
    }  # fmt: skip
    assert deviances.loc[deviances["nobs"] == 0].drop(columns="nobs").select_dtypes("number").abs().sum().sum() == 0


def test_consistency_compares_the_tokens_as_written() -> None:
    rows = [prediction("i1", "A", "a"), prediction("i2", " a", "A"), prediction("i3", "B", "A")]
    row = model_only_tables(pd.DataFrame(rows))["model_personal_norm_choice_consistency"].iloc[0]
    assert row["personal_norm_choice_agreement"] == pytest.approx(1 / 3)
    assert row["mean_abs_personal_norm_culture_gap"] == pytest.approx(1 / 3)


def test_no_answers_at_all_make_empty_tables() -> None:
    tables = model_only_tables(pd.DataFrame(columns=list(MODEL_ONLY_COLUMNS)))
    assert sorted(tables) == names_in(MODEL_ONLY)
    assert all(table.empty for table in tables.values())


@pytest.mark.parametrize(
    ("path", "model", "expected"),
    [
        ("repo/res/normad_qwen_base_normalsys.csv", "", ("normad", "nobalance", "base", "qwen")),
        ("repo/res/normad_last_normalsys_llama.csv", "", ("normad", "nobalance", "instruct", "llama")),
        ("repo/culture_atlas/balance.csv", "GPT-4o", ("cultureatlas", "balance", "instruct", "gpt")),
        ("culture_persona_atlas/x.csv", "olmo-base-chat", ("cultureatlas", "nobalance", "instruct", "olmo")),
        ("cultureatlas_no_balance.csv", "foo", ("cultureatlas", "nobalance", "unknown", "unknown")),
    ],
)
def test_meta_is_read_off_path_and_model(path: str, model: str, expected: tuple[str, ...]) -> None:
    meta = read_meta(path, pd.DataFrame({"eval_model": [model]}))
    assert meta is not None
    assert meta[:4] == expected


def test_a_path_of_no_known_data_set_is_passed_over() -> None:
    assert read_meta("repo/other/llama_base.csv", pd.DataFrame()) is None


def decisions(*words: str | None, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"eval_decision": list(words), "source_row": range(len(words)), **columns})


def test_decisions_are_read_in_any_case_and_the_rest_is_unknown() -> None:
    rows = decisions(" follow_culture", "ALLOW_PREFERENCE ", None, "refused")
    row = behaviour_tables([evaluation("llama.csv", rows)])["overall_metrics"].iloc[0]
    assert row[["n_rows", "n_valid", "n_unknown_or_other"]].tolist() == [4, 2, 2]
    assert row[["allow_rate_valid", "unknown_rate_all"]].tolist() == [0.5, 0.5]


def test_a_file_without_a_valid_decision_has_no_rates() -> None:
    table = behaviour_tables([evaluation("llama.csv", decisions("UNKNOWN"))])["overall_metrics"]
    assert table[["culture_rate_valid", "mean_source_decision_entropy"]].isna().all(axis=None)


def test_flips_pair_rows_by_all_keys_that_both_files_have() -> None:
    base = decisions("FOLLOW_CULTURE", "FOLLOW_CULTURE", "ALLOW_PREFERENCE", "UNKNOWN", actor_age=["older"] * 4)
    tuned = decisions("ALLOW_PREFERENCE", "FOLLOW_CULTURE", "FOLLOW_CULTURE", "FOLLOW_CULTURE")
    tuned["source_row"] = tuned["source_row"].astype(str)
    files = [evaluation("llama_base.csv", base), evaluation("llama_instruct.csv", tuned)]
    tables = behaviour_tables(files)
    row = tables["paired_flip_overall"].iloc[0]
    assert row["n_paired"] == 3
    assert row["flip_pos_culture_to_preference"] == row["flip_neg_preference_to_culture"] == pytest.approx(1 / 3)
    assert tables["paired_flip_by_scenario_type"].equals(tables["paired_flip_overall"])  # no file has the column


def test_a_file_without_decisions_is_refused() -> None:
    with pytest.raises(ValueError, match=r"llama\.csv: missing columns eval_decision"):
        behaviour_tables([evaluation("llama.csv", pd.DataFrame({"source_row": [1]}))])
