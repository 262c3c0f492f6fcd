"""Agreement within groups against agreement across them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.agreement_across import agreement_across


def answers_of(table: dict[str, dict[str, list[int]]]) -> pd.DataFrame:
    """Make answers from group → item → values; the n-th person of a group answers n-th."""
    rows = [
        (f"{group}{n}", item, group, y)
        for group, items in table.items()
        for item, values in items.items()
        for n, y in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["r", "i", "g", "y"])


def compared(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    table = agreement_across(frame, value="y", respondent="r", item="i", group="g")
    return {row["group"]: {str(name): row[name] for name in row} for row in table.to_dict("records")}


def by_pairs(frame: pd.DataFrame, weights: dict[str, float] | None = None) -> dict[str, tuple[float, float]]:
    """Compute both means by going through every weighted pair of answers."""
    w = weights or {}
    within: dict[tuple[str, str], float] = {}
    across: dict[tuple[str, str, str], float] = {}
    rows = [tuple(row) for row in frame.itertuples(index=False)]
    sums: dict[Any, list[float]] = {}
    for r1, i1, g1, y1 in rows:
        for r2, i2, g2, y2 in rows:
            if i1 == i2 and r1 != r2:
                weight = w.get(r1, 1.0) * w.get(r2, 1.0)
                total = sums.setdefault((i1, g1, g2), [0.0, 0.0])
                total[0] += weight * (y1 == y2)
                total[1] += weight
    sizes = frame.groupby(["i", "g"]).size()
    for (item, first, second), (agreeing, pairs) in sums.items():
        if sizes[item, first] >= 2 and sizes[item, second] >= 2:
            if first == second:
                within[item, first] = agreeing / pairs
            else:
                across[item, first, second] = agreeing / pairs
    items = sorted({item for item, *_ in across})
    whole = [
        (
            np.mean([value for (i, _), value in within.items() if i == item]),
            np.mean([value for (i, *_), value in across.items() if i == item]),
        )
        for item in items
    ]
    found = {"all": (float(np.mean([w for w, _ in whole])), float(np.mean([x for _, x in whole])))}
    for group in sorted({g for _, g, _ in across}):
        own = sorted({i for i, g, _ in across if g == group})
        own_across = [np.mean([v for (i, g, _), v in across.items() if i == item and g == group]) for item in own]
        found[group] = float(np.mean([within[item, group] for item in own])), float(np.mean(own_across))
    return found


@pytest.fixture
def three_groups() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table: dict[str, dict[str, list[int]]] = {}
    for group in "abc":
        sizes = rng.integers(0, 5, size=6)
        table[group] = {f"i{n}": rng.integers(0, 2, size=size).tolist() for n, size in enumerate(sizes)}
    return answers_of(table)


def test_means_equal_those_over_all_pairs(three_groups: pd.DataFrame) -> None:
    found, expected = compared(three_groups), by_pairs(three_groups)
    assert found.keys() == expected.keys()
    for name, (within, across) in expected.items():
        assert found[name]["within"] == pytest.approx(within, rel=1e-12)
        assert found[name]["across"] == pytest.approx(across, rel=1e-12)
        assert found[name]["estimate"] == pytest.approx(within - across, abs=1e-12)


def test_respondent_part_of_the_standard_error_is_the_derivative_by_weight() -> None:
    # Every item has the same difference, so that only respondents contribute.
    frame = answers_of({g: dict.fromkeys(("x", "y"), values) for g, values in {"a": [1, 1, 0], "b": [0, 0, 1]}.items()})
    found = compared(frame)
    for name in ("all", "a", "b"):
        squares = 0.0
        for person in frame["r"].unique():
            up, down = (by_pairs(frame, {person: 1 + step})[name] for step in (1e-6, -1e-6))
            squares += (((up[0] - up[1]) - (down[0] - down[1])) / 2e-6) ** 2
        assert found[name]["se"] == pytest.approx(squares**0.5, rel=1e-6)


def test_the_difference_is_the_spread_of_rates_between_groups() -> None:
    # 40 of 50 against 10 of 50 follow, on every item: (0.8 - 0.2)² = 0.36, unbiased by a few hundredths
    items = [f"i{n}" for n in range(8)]
    frame = answers_of({"a": {i: [1] * 40 + [0] * 10 for i in items}, "b": {i: [1] * 10 + [0] * 40 for i in items}})
    found = compared(frame)["all"]
    expected = 0.36 - 2 * 0.16 / 49
    assert found["estimate"] == pytest.approx(expected, rel=1e-10)


def test_groups_alike_have_no_difference_within_the_interval() -> None:
    rng = np.random.default_rng(8)
    rates = rng.uniform(0.1, 0.9, size=40)
    drawn = {g: {str(n): (rng.random(20) < p).astype(int).tolist() for n, p in enumerate(rates)} for g in "ab"}
    frame = answers_of(drawn)
    found = compared(frame)["all"]
    assert found["ci_low"] < 0 < found["ci_high"]
    shifted = frame.assign(y=np.where((frame["g"] == "a") & (rng.random(len(frame)) < 0.6), 1, frame["y"]))
    assert compared(shifted)["all"]["p_value"] < 0.001


def test_items_of_one_group_do_not_count() -> None:
    frame = answers_of({"a": {"x": [1, 0], "y": [1, 1], "z": [1, 0]}, "b": {"x": [1, 1], "y": [1, 0], "z": [1]}})
    found = compared(frame)["all"]
    assert (found["n_items"], found["n"], found["n_respondents"]) == (2, 8, 4)


def test_groups_without_common_items_say_so() -> None:
    frame = answers_of({"a": {"x": [1, 0]}, "b": {"y": [1, 0]}})
    assert {row["reason"] for row in compared(frame).values()} == {"no item has two answers in each of two groups"}
    assert compared(frame.iloc[:0])["all"]["reason"] == "no item has two answers in each of two groups"


def test_countries_of_the_invented_study(answers: pd.DataFrame) -> None:
    table = agreement_across(
        answers, value="norm", respondent="respondent_id", item="scenario_item_id", group="respondent_country"
    )
    assert table["group"].tolist() == ["all", *sorted(answers["respondent_country"].unique())]
    assert (table["reason"] == "").all()
    assert ((table["ci_low"] < table["estimate"]) & (table["estimate"] < table["ci_high"])).all()
