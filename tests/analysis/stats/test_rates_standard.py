"""Rates of the same people in every group, and differences on the same items."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.stats.rates import Target, rate
from analysis.stats.rates_standard import poststratified_by, shared_differences

WHO: dict[str, Any] = {"respondent": "respondent_id", "item": "scenario_item_id"}


def sandwich(x: Any, y: Any, *clusters: Any) -> tuple[Any, Any]:
    """Give coefficients and their two-way covariance without small-sample factors, floored at the larger one-way."""
    bread = np.linalg.inv(x.T @ x)
    coefficients = bread @ x.T @ y
    scores = x * (y - x @ coefficients)[:, None]

    def meat(*by: Any) -> Any:
        totals = pd.DataFrame(scores).groupby([np.asarray(one) for one in by]).sum().to_numpy()
        return bread @ totals.T @ totals @ bread

    one, two = (meat(cluster) for cluster in clusters)
    return coefficients, (one + two - meat(*clusters), one, two)


def test_poststratified_rate_is_the_regressions_average_over_cells(answers: pd.DataFrame) -> None:
    weights = {"older_female": 0.1, "older_male": 0.2, "younger_female": 0.3, "younger_male": 0.4}
    table = poststratified_by(
        answers, value="norm", by=["respondent_country"], cell="respondent_demo", weights=weights, **WHO
    )
    for row in table.to_dict("records"):
        used = answers[(answers["respondent_country"] == row["respondent_country"]) & answers["norm"].notna()]
        x = pd.get_dummies(used["respondent_demo"]).astype(float)[list(weights)].to_numpy()
        b, parts = sandwich(x, used["norm"].to_numpy(), used["respondent_id"], used["scenario_item_id"])
        w = np.array(list(weights.values()))
        assert row["estimate"] == pytest.approx(w @ b, rel=1e-10)
        assert row["se"] ** 2 == pytest.approx(max(w @ part @ w for part in parts), rel=1e-10)
        assert row["df"] == min(used["respondent_id"].nunique() - 4, used["scenario_item_id"].nunique() - 1)


def test_equal_cells_leave_the_rate_as_it_is() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "r": np.repeat(np.arange(12), 6),
            "i": np.tile(np.arange(6), 12),
            "c": np.repeat(list("abcd"), 18),
            "y": rng.integers(0, 2, 72),
            "g": "all",
        }
    )
    row = poststratified_by(frame, value="y", respondent="r", item="i", by=["g"], cell="c").iloc[0]
    plain = rate(frame, value="y", respondent="r", item="i")
    assert row["estimate"] == pytest.approx(plain.estimate, rel=1e-12)
    assert row["se_respondent"] < plain.se_respondent  # what cells explain is no longer sampled


def test_unequal_cells_are_weighed_back() -> None:
    # four women who follow in 3 of 4 answers, two men in 1 of 4: 1/2 where both weigh the same
    answers = {"w": [1, 1, 1, 0], "m": [0, 0, 1, 0]}
    rows = [
        (f"{sex}{n}", item, sex, answers[sex][(item + n) % 4])
        for sex, people in (("w", 4), ("m", 2))
        for n in range(people)
        for item in range(4)
    ]
    frame = pd.DataFrame(rows, columns=["r", "i", "c", "y"]).assign(g="all")
    row = poststratified_by(frame, value="y", respondent="r", item="i", by=["g"], cell="c").iloc[0]
    assert frame["y"].mean() == pytest.approx(14 / 24)
    assert row["estimate"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("kept", "reason"),
    [(["w0", "w1"], "no answers: m"), (["w0", "w1", "m0"], "fewer than two respondents: m")],
)
def test_a_cell_without_people_is_not_filled_in(kept: list[str], reason: str) -> None:
    rows = [(f"{sex}{n}", item, sex, (n + item) % 2) for sex in "wm" for n in range(3) for item in range(3)]
    frame = pd.DataFrame(rows, columns=["r", "i", "c", "y"])
    both = pd.concat([frame.assign(g="whole"), frame[frame["r"].isin(kept)].assign(g="part")])
    table = poststratified_by(both, value="y", respondent="r", item="i", by=["g"], cell="c").set_index("g")
    assert table["reason"].to_dict() == {"part": reason, "whole": ""}
    assert table["se"].isna().to_dict() == {"part": True, "whole": False}
    assert table["estimate"].isna().to_dict() == {"part": reason == "no answers: m", "whole": False}


def test_poststratified_for_these_items_counts_respondents_only(answers: pd.DataFrame) -> None:
    who: dict[str, Any] = {"value": "norm", "by": ["respondent_country"], "cell": "respondent_demo", **WHO}
    these, new = poststratified_by(answers, target=Target.THESE_ITEMS, **who), poststratified_by(answers, **who)
    assert these["se"].tolist() == new["se_respondent"].tolist()
    assert (these["df"] == these["n_respondents"] - 4).all()


def test_weights_must_name_every_cell_and_be_positive(answers: pd.DataFrame) -> None:
    who: dict[str, Any] = {"value": "norm", "by": ["rel"], "cell": "respondent_gender", **WHO}
    with pytest.raises(ValueError, match="no weight for the cells male"):
        poststratified_by(answers, weights={"female": 1.0}, **who)
    with pytest.raises(ValueError, match="must not be negative"):
        poststratified_by(answers, weights={"female": 1.0, "male": -1.0}, **who)


def test_shared_difference_is_the_regression_with_a_constant_for_each_item(answers: pd.DataFrame) -> None:
    table = shared_differences(answers, value="personal", group="respondent_country", **WHO)
    assert len(table) == 10
    countries = sorted(answers["respondent_country"].unique())
    row = table[(table["first"] == countries[0]) & (table["second"] == countries[3])].iloc[0]
    used = answers[answers["respondent_country"].isin([countries[0], countries[3]]) & answers["personal"].notna()]
    on_both = used.groupby("scenario_item_id")["respondent_country"].transform("nunique") == 2
    used = used[on_both]
    x = pd.get_dummies(used["scenario_item_id"]).astype(float)
    x.insert(0, "first", (used["respondent_country"] == countries[0]).astype(float))
    fit = sm.OLS(used["personal"].to_numpy(), x.to_numpy()).fit()
    b, parts = sandwich(x.to_numpy(), used["personal"].to_numpy(), used["respondent_id"], used["scenario_item_id"])
    assert b[0] == pytest.approx(fit.params[0], rel=1e-8)
    assert row["estimate"] == pytest.approx(b[0], rel=1e-8)
    assert row["se"] ** 2 == pytest.approx(max(part[0, 0] for part in parts), rel=1e-8)
    assert (row["n"], row["n_items"]) == (len(used), used["scenario_item_id"].nunique())
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(row["statistic"]), row["df"]))


def test_items_of_one_group_play_no_part() -> None:
    rng = np.random.default_rng(4)
    rows = [(f"{g}{n}", i, g, float(rng.random() < 0.5)) for g in "ab" for n in range(8) for i in range(10)]
    frame = pd.DataFrame(rows, columns=["r", "i", "g", "y"])
    easy = pd.DataFrame([(f"a{n}", 90 + n, "a", 1.0) for n in range(8)], columns=["r", "i", "g", "y"])
    who: dict[str, Any] = {"value": "y", "respondent": "r", "item": "i", "group": "g"}
    pd.testing.assert_frame_equal(shared_differences(frame, **who), shared_differences(pd.concat([frame, easy]), **who))


def test_a_difference_of_items_is_not_one_of_groups() -> None:
    # a judges mostly easy items, b mostly hard ones; on each item both are alike
    rows = []
    for group, (n_easy, n_hard) in {"a": (12, 4), "b": (4, 12)}.items():
        for item, n, follows in (("easy", n_easy, 0.75), ("hard", n_hard, 0.25)):
            rows += [(f"{group}{k}", item, group, float(k < follows * n)) for k in range(n)]
    frame = pd.DataFrame(rows, columns=["r", "i", "g", "y"])
    pooled = frame.groupby("g")["y"].mean()
    row = shared_differences(frame, value="y", respondent="r", item="i", group="g").iloc[0]
    assert pooled["a"] - pooled["b"] == pytest.approx(0.25)
    assert row["estimate"] == pytest.approx(0.0, abs=1e-12)


def test_groups_without_a_common_item_say_so() -> None:
    frame = pd.DataFrame({"y": [1, 0], "r": [1, 2], "i": [1, 2], "g": ["a", "b"]})
    row = shared_differences(frame, value="y", respondent="r", item="i", group="g").iloc[0]
    assert (row["reason"], row["n"]) == ("no item was judged in both", 0)
