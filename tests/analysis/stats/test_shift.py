"""The shift from base to instruct: known truths, bounds that hold it, published examples."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.shift import MEASURES, mcnemar, shift_table

RUNS = Path(__file__).parents[2] / "reference" / "behaviour_runs"
INSTANCE = [
    "eval_demo_config", "eval_pref_config", "scenario_type", "actor_country", "receiver_country", "actor_gender",
    "actor_age", "receiver_gender", "receiver_age",
]  # fmt: skip
DECISIONS = {"ALLOW_PREFERENCE": 1.0, "FOLLOW_CULTURE": 0.0}


def read_run(family: str, stage: str) -> pd.DataFrame:
    path = next(RUNS.rglob(f"cultureatlas_{family}_{stage}_balance.csv*"))
    return pd.read_csv(path).assign(stage=stage, family=family)


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    frame = pd.concat([read_run(family, stage) for family in ("llama", "qwen") for stage in ("base", "instruct")])
    return frame.assign(allows=frame["eval_decision"].map(DECISIONS))


def shifts(frame: pd.DataFrame, by: tuple[str, ...] = ("family",)) -> pd.DataFrame:
    return shift_table(
        frame, value="allows", stage="stage", first="base", second="instruct", instance=INSTANCE, source="source_row",
        by=by,
    )  # fmt: skip


def by_family(runs: pd.DataFrame) -> Any:
    return shifts(runs).set_index(["family", "measure"])


def test_rates_and_flips_are_the_papers_on_decided_pairs(runs: pd.DataFrame) -> None:
    paper = pd.read_csv(next(RUNS.rglob("paired_flip_overall.csv*")))
    found = by_family(runs)
    names = {
        "rate_first": "left_allow_rate",
        "rate_second": "right_allow_rate",
        "net_shift": "allow_rate_delta_right_minus_left",
        "flip_plus": "flip_pos_culture_to_preference",
        "flip_minus": "flip_neg_preference_to_culture",
    }
    for family in ("llama", "qwen"):
        mine = (paper["pair_type"] == "base_vs_instruct") & (paper["model_family"] == family)
        expected = paper[mine].iloc[0]
        for measure, name in names.items():
            assert found.loc[(family, measure), "estimate"] == pytest.approx(expected[name], rel=1e-12)
        assert found.loc[(family, "flips"), "estimate"] == pytest.approx(1 - expected["flip_zero_same_decision"])
        assert found.loc[(family, "flips"), "n_pairs"] == expected["n_paired"]


def test_bounds_hold_the_truth_that_refusals_hide(runs: pd.DataFrame) -> None:
    truth = json.loads(next(RUNS.rglob("true_params.json")).read_text())
    found = by_family(runs)
    for family in ("llama", "qwen"):
        rates = [
            truth[f"cultureatlas_{family}_{stage}_balance.csv"]["true_allow_rate"] for stage in ("base", "instruct")
        ]
        for measure, true in zip(
            ("rate_first", "rate_second", "net_shift"), (*rates, rates[1] - rates[0]), strict=True
        ):
            row = found.loc[(family, measure)]
            assert row["bounds_ci_low"] < row["bound_low"] <= true <= row["bound_high"] < row["bounds_ci_high"]
    qwen = found.loc[("qwen", "rate_first")]
    assert (round(qwen["estimate"], 3), qwen["n_undecided"] > 0) == (0.381, True)
    assert round(truth["cultureatlas_qwen_base_balance.csv"]["true_allow_rate"], 3) == 0.449


def test_interval_is_clustered_by_source(runs: pd.DataFrame) -> None:
    keys = ["source_row", *INSTANCE]
    wide = runs.query("family == 'qwen'").pivot(index=keys, columns="stage", values="allows").dropna()
    difference = wide["instruct"] - wide["base"]
    totals = (difference - difference.mean()).groupby(level="source_row").sum() / len(difference)
    found = by_family(runs).loc[("qwen", "net_shift")]
    assert found["se"] == pytest.approx(np.sqrt((totals**2).sum()), rel=1e-12)
    assert (found["n_sources"], found["df"]) == (40, 39)
    assert found["se"] > difference.std() / np.sqrt(len(difference))


def test_kappa_is_cohens(runs: pd.DataFrame) -> None:
    wide = runs.query("family == 'llama'").pivot(index=["source_row", *INSTANCE], columns="stage", values="allows")
    wide = wide.dropna()
    agreed: float
    means: Any
    agreed, means = (wide["base"] == wide["instruct"]).mean(), wide.mean()
    chance = means.prod() + (1 - means).prod()
    found = by_family(runs).loc[("llama", "kappa"), "estimate"]
    assert found == pytest.approx((agreed - chance) / (1 - chance), rel=1e-12)


def reruns(n: int, k: int, before: np.ndarray, after: np.ndarray, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "source": np.repeat(np.arange(n), k),
                "stage": stage,
                "allows": (rng.random((n, k)) < rate[:, None]).astype(float).ravel(),
            }
        )
        for stage, rate in (("base", before), ("instruct", after))
    ]
    return pd.concat(parts)


def rerun_shifts(frame: pd.DataFrame) -> Any:
    return shift_table(
        frame, value="allows", stage="stage", first="base", second="instruct", instance=[], source="source", by=[]
    ).set_index("measure")


def test_flips_beyond_those_of_a_rerun_are_none_where_nothing_changed() -> None:
    rate = np.random.default_rng(1).uniform(0, 1, 3000)
    found = rerun_shifts(reruns(3000, 4, rate, rate, seed=2))
    assert found.loc["flips", "estimate"] == pytest.approx(1 / 3, abs=0.02)  # 2 E p (1 - p) of a uniform p
    assert found.loc["rerun_flips", "estimate"] == pytest.approx(1 / 3, abs=0.02)
    excess = found.loc["excess_flips"]
    assert excess["ci_low"] < 0 < excess["ci_high"]
    assert excess["se"] < 0.005


def test_excess_flips_are_the_mean_squared_change() -> None:
    rate = np.random.default_rng(3).uniform(0, 0.6, 3000)
    found = rerun_shifts(reruns(3000, 4, rate, rate + 0.4, seed=4))
    assert found.loc["excess_flips", "estimate"] == pytest.approx(0.16, abs=0.015)
    assert found.loc["net_shift", "estimate"] == pytest.approx(0.4, abs=0.015)


def test_one_answer_each_says_that_reruns_are_missing(runs: pd.DataFrame) -> None:
    found = by_family(runs)
    assert np.isnan(found.loc[("llama", "excess_flips"), "estimate"])
    assert "decided twice" in found.loc[("llama", "excess_flips"), "reason"]
    assert len(found) == 2 * len(MEASURES)


def test_nothing_decided_leaves_the_bounds_at_their_ends(runs: pd.DataFrame) -> None:
    found: Any = shifts(runs.query("family == 'qwen'").assign(allows=np.nan), by=()).set_index("measure")
    assert found.loc["net_shift", ["bound_low", "bound_high"]].tolist() == [-1.0, 1.0]
    assert found.loc["net_shift", "reason"] == "no instance was decided by both"


def test_nothing_decided_by_both_is_not_called_one_decision() -> None:
    rows = [
        {"stage": stage, "item": item, "allows": 1.0 if stage == "instruct" else None}
        for item in range(5)
        for stage in ("base", "instruct")
    ]
    found = shift_table(
        pd.DataFrame(rows), value="allows", stage="stage", first="base", second="instruct", instance=["item"],
        source="item", by=[],
    ).set_index("measure")  # fmt: skip
    assert found.loc["kappa", "reason"] == "no instance was decided by both"
    assert found.loc["net_shift", "reason"] == "no instance was decided by both"


def test_a_family_with_one_stage_has_no_rows(runs: pd.DataFrame) -> None:
    assert shifts(runs.query("stage == 'base'")).empty


def test_mcnemar_equals_the_published_example() -> None:
    found = mcnemar(86, 150)
    assert found.statistic == pytest.approx(17.35593220338983, rel=1e-12)
    assert found.p_value == pytest.approx(3.099293441045215e-05, rel=1e-9)
    assert np.isnan(mcnemar(0, 0).statistic)
