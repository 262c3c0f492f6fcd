"""Rates and differences of rates with two-way clustered intervals."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.stats.rates import (
    DIFFERENCE_COLUMNS,
    RATE_COLUMNS,
    Target,
    difference,
    gap,
    gaps_by,
    rate,
    rates_by,
)

from .conftest import group_of

WHO: dict[str, Any] = {"respondent": "respondent_id", "item": "scenario_item_id"}


def small(values: list[float], respondents: str, items: str) -> pd.DataFrame:
    return pd.DataFrame({"y": values, "r": list(respondents), "i": list(items)})


@pytest.mark.parametrize("question", ["personal", "norm"])
def test_rate_equals_the_reference(question: str, answers: pd.DataFrame, advanced: dict[str, Any]) -> None:
    for key, expected in advanced[question]["rate"].items():
        found = rate(group_of(answers, key), value=question, **WHO)
        assert found.n == expected["n"]
        assert found.estimate == pytest.approx(expected["rate"], rel=1e-12)
        assert found.se == pytest.approx(expected["se_twoway"], rel=1e-12)
        assert found.se_respondent == pytest.approx(expected["se_respondent"], rel=1e-12)
        assert found.se_item == pytest.approx(expected["se_item"], rel=1e-12)
        assert found.se_naive == pytest.approx(expected["se_naive"], rel=1e-12)
        assert found.design_effect == pytest.approx((expected["se_twoway"] / expected["se_naive"]) ** 2, rel=1e-12)


def test_rate_interval_is_t_with_the_smaller_number_of_clusters(answers: pd.DataFrame) -> None:
    found = rate(answers, value="personal", level=0.9, **WHO)
    assert (found.n_respondents, found.n_items, found.df) == (200, 176, 175)
    half = stats.t.ppf(0.95, 175) * found.se
    assert found.ci_low == pytest.approx(found.estimate - half, rel=1e-12)
    assert found.ci_high == pytest.approx(found.estimate + half, rel=1e-12)


def test_rate_by_hand_with_every_person_on_every_item() -> None:
    found = rate(small([1, 1, 1, 0, 0, 0], "aabbcc", "xyxyxy"), value="y", respondent="r", item="i")
    # influences (y - 1/2) / 6: totals 1/6, 0, -1/6 by person and 1/12, -1/12 by item; six cells of 1/12
    assert found.estimate == 0.5
    assert found.se_respondent**2 == pytest.approx(2 / 36)
    assert found.se_item**2 == pytest.approx(2 / 144)
    assert found.se_naive**2 == pytest.approx(6 / 144)
    assert found.se**2 == pytest.approx(2 / 36)
    assert found.ci_low == 0.0
    assert found.ci_high == 1.0


@pytest.mark.parametrize(
    ("frame", "estimate", "reason"),
    [
        (small([np.nan], "a", "x"), np.nan, "no answers"),
        (small([1, 0], "aa", "xy"), 0.5, "fewer than two respondents"),
        (small([1, 0], "ab", "xx"), 0.5, "fewer than two items"),
        (small([1, 1], "ab", "xy"), 1.0, "no variation between respondents or items"),
    ],
)
def test_rate_says_why_there_is_no_interval(frame: pd.DataFrame, estimate: float, reason: str) -> None:
    found = rate(frame, value="y", respondent="r", item="i")
    assert found.reason == reason
    assert found.estimate == pytest.approx(estimate, nan_ok=True)
    assert np.isnan([found.se, found.ci_low, found.ci_high, found.df, found.design_effect]).all()


def test_rate_leaves_out_missing_answers() -> None:
    found = rate(small([1, np.nan, 0, 1], "abab", "xxyy"), value="y", respondent="r", item="i")
    assert found.n == 3
    assert found.estimate == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (small([0.5], "a", "x"), "must be 0, 1 or missing"),
        (small([1], "a", "x").assign(i=None), "missing values in i"),
        (small([1], "a", "x").drop(columns="r"), "missing columns: r"),
    ],
)
def test_rate_refuses_bad_input(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rate(frame, value="y", respondent="r", item="i")


def test_rate_refuses_a_level_outside_the_unit_interval(answers: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="confidence level"):
        rate(answers, value="personal", level=95, **WHO)


def test_rates_by_gives_one_sorted_row_per_group(answers: pd.DataFrame) -> None:
    table = rates_by(answers, value="norm", by=["rel", "respondent_gender"], **WHO)
    assert table["rel"].tolist() == ["close", "close", "far", "far", "same", "same"]
    assert table["n"].sum() == answers["norm"].notna().sum()
    one = rate(answers[(answers["rel"] == "far") & (answers["respondent_gender"] == "male")], value="norm", **WHO)
    for name in ("estimate", "se", "ci_low", "n_items"):
        assert table[name].iloc[3] == getattr(one, name)


def test_rates_by_of_an_empty_frame_has_its_columns(answers: pd.DataFrame) -> None:
    table = rates_by(answers.iloc[:0], value="norm", by=["rel"], **WHO)
    assert table.empty
    assert {"rel", "estimate", "ci_low", "ci_high", "n", "reason"} <= set(table)


def test_difference_equals_the_dummy_regression_sandwich(answers: pd.DataFrame) -> None:
    used = answers[answers["rel"].isin(["same", "far"]) & answers["personal"].notna()]
    x = np.column_stack([np.ones(len(used)), used["rel"] == "same"]).astype(float)
    y = used["personal"].to_numpy()
    bread = np.linalg.inv(x.T @ x)
    scores = x * (y - x @ (bread @ x.T @ y))[:, None]

    respondent, item = WHO.values()

    def meat(*columns: str) -> Any:
        totals = pd.DataFrame(scores).groupby([used[column].to_numpy() for column in columns]).sum().to_numpy()
        return totals.T @ totals

    def variance(middle: Any) -> float:
        return float((bread @ middle @ bread)[1, 1])

    people, items, cells = (meat(*by) for by in ([respondent], [item], [respondent, item]))
    expected = max(variance(people + items - cells), variance(people), variance(items))
    found = difference(answers, value="personal", group="rel", first="same", second="far", **WHO)
    assert found.estimate == pytest.approx((bread @ x.T @ y)[1], rel=1e-10)
    assert found.se == pytest.approx(np.sqrt(expected), rel=1e-10)
    assert found.statistic == pytest.approx(found.estimate / found.se)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.statistic), found.df))
    assert (found.n, found.df) == (len(used), 79)


def test_difference_changes_sign_with_its_groups(answers: pd.DataFrame) -> None:
    there = difference(answers, value="norm", group="rel", first="same", second="close", **WHO)
    back = difference(answers, value="norm", group="rel", first="close", second="same", **WHO)
    assert there.estimate == -back.estimate
    assert there.se == pytest.approx(back.se, rel=1e-12)
    assert there.p_value == pytest.approx(back.p_value, rel=1e-12)


@pytest.mark.parametrize(
    ("groups", "values", "estimate", "reason"),
    [
        ("ssss", [1, 0, 1, 0], np.nan, "no answers: f"),
        ("sssf", [1, 0, 0, 1], -2 / 3, "fewer than two respondents: f"),
        ("ssff", [1, 1, 0, 0], 1.0, "no variation between respondents or items: s"),
    ],
)
def test_difference_says_why_it_cannot_be_estimated(
    groups: str, values: list[float], estimate: float, reason: str
) -> None:
    frame = small(values, "abab", "xyyx").assign(g=list(groups))
    found = difference(frame, value="y", respondent="r", item="i", group="g", first="s", second="f")
    assert found.reason == reason
    assert found.estimate == pytest.approx(estimate, nan_ok=True)
    assert np.isnan([found.se, found.ci_low, found.ci_high, found.statistic, found.df, found.p_value]).all()


def test_difference_refuses_one_group_twice(answers: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="two groups"):
        difference(answers, value="norm", group="rel", first="same", second="same", **WHO)


def test_gap_is_the_difference_of_stacked_questions(answers: pd.DataFrame, stacked_answers: pd.DataFrame) -> None:
    found = gap(answers, first="personal", second="norm", **WHO)
    same = difference(stacked_answers, value="culture", group="question", first="personal", second="norm", **WHO)
    assert found == same
    assert found.estimate == pytest.approx(answers["personal"].mean() - answers["norm"].mean(), rel=1e-10)


def test_gap_of_identical_answers_has_no_variation() -> None:
    frame = small([1, 0, 1, 0], "abab", "xxyy")
    found = gap(frame.assign(z=frame["y"]), first="y", second="z", respondent="r", item="i")
    assert (found.estimate, found.reason) == (0.0, "no variation between respondents or items: y")


def assert_same(row: dict[Any, Any], one: dict[str, Any], columns: list[str]) -> None:
    assert row["reason"] == one["reason"]
    for name in columns:
        if name != "reason":
            assert row[name] == pytest.approx(one[name], rel=1e-10, nan_ok=True), name


def test_rates_by_equals_rate_in_every_crossed_group(answers: pd.DataFrame) -> None:
    by = ["respondent_country", "rel", "respondent_gender"]
    for target in Target:
        table = rates_by(answers, value="norm", by=by, target=target, **WHO)
        assert len(table) == 30
        for row in table.to_dict("records"):
            group = answers[(answers[by] == [row[name] for name in by]).all(axis=1)]
            one = rate(group, value="norm", target=target, **WHO)
            assert_same(row, asdict(one), RATE_COLUMNS)


def test_rate_of_these_items_counts_respondents_only(answers: pd.DataFrame) -> None:
    new = rate(answers, value="personal", **WHO)
    these = rate(answers, value="personal", target=Target.THESE_ITEMS, **WHO)
    assert these.estimate == new.estimate
    assert these.se == new.se_respondent < new.se
    assert (these.df, new.df) == (199, 175)
    assert these.design_effect == pytest.approx((new.se_respondent / new.se_naive) ** 2, rel=1e-12)
    half = stats.t.ppf(0.975, 199) * these.se
    assert these.ci_high - these.estimate == pytest.approx(half, rel=1e-12)


def test_one_item_speaks_about_itself() -> None:
    frame = small([1, 0, 1, 0], "abcd", "xxxx")
    found = rate(frame, value="y", respondent="r", item="i", target=Target.THESE_ITEMS)
    assert (found.estimate, found.reason, found.df) == (0.5, "", 3)
    assert found.se == pytest.approx(0.25)


def test_two_answers_of_one_person_to_one_item_are_one_cell() -> None:
    frame = small([1, 1, 0, 0, 1, 0], "aabbab", "xxyyyx")
    table = rates_by(frame.assign(g="all"), value="y", respondent="r", item="i", by=["g"])
    one = rate(frame, value="y", respondent="r", item="i")
    # influences ±1/12: cells (a, x) and (b, y) hold two answers each, (a, y) and (b, x) one
    assert one.se_naive**2 == pytest.approx((2 * 4 + 2) / 144)
    assert table["se"].iloc[0] == one.se


def test_a_group_without_answers_keeps_its_row() -> None:
    frame = small([1, 0, np.nan, np.nan], "abab", "xyxy").assign(g=["k", "k", "l", "l"])
    table = rates_by(frame, value="y", respondent="r", item="i", by=["g"])
    assert table["n"].tolist() == [2, 0]
    assert table["reason"].iloc[1] == "no answers"


def test_many_groups_are_added_up_like_few(answers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    by = ["respondent_country", "rel"]
    expected = rates_by(answers, value="norm", by=by, **WHO)
    monkeypatch.setattr("analysis.stats.twoway.MOST_PAIRS", 10)
    pd.testing.assert_frame_equal(rates_by(answers, value="norm", by=by, **WHO), expected)


def test_gaps_by_equals_gap_in_every_group(answers: pd.DataFrame) -> None:
    by = ["respondent_country", "rel"]
    table = gaps_by(answers, first="norm", second="personal", by=by, **WHO)
    assert len(table) == 15
    for row in table.to_dict("records"):
        group = answers[(answers[by] == [row[name] for name in by]).all(axis=1)]
        one = gap(group, first="norm", second="personal", **WHO)
        assert_same(row, asdict(one), DIFFERENCE_COLUMNS)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ([1, 0, 1, 0], [np.nan] * 4, "no answers: z"),
        ([1, 0, 1, 1], [1, np.nan, np.nan, np.nan], "fewer than two respondents: z"),
        ([1, 0, 1, 0], [1, 0, 1, 0], "no variation between respondents or items: y"),
    ],
)
def test_gaps_by_says_why_there_is_no_interval(first: list[float], second: list[float], reason: str) -> None:
    frame = small(first, "abab", "xxyy").assign(z=second, g="all")
    row = gaps_by(frame, first="y", second="z", respondent="r", item="i", by=["g"]).iloc[0]
    one = gap(frame, first="y", second="z", respondent="r", item="i")
    assert row["reason"] == one.reason == reason
    assert np.isnan([row["se"], row["ci_low"], row["p_value"]]).all()
