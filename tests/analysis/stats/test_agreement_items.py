"""What is said about single items."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.agreement_items import entropy_bits, expected_majority_agreement, item_agreement
from analysis.stats.wilson import wilson_interval

from .test_agreement import WORKED


def frame_of(**items: Sequence[float]) -> pd.DataFrame:
    rows = [(person, item, y) for item, values in items.items() for person, y in enumerate(values)]
    return pd.DataFrame(rows, columns=["r", "i", "y"])


def described(**items: Sequence[float]) -> dict[str, Any]:
    table = item_agreement(frame_of(**items), value="y", respondent="r", item="i")
    return {str(row["i"]): dict(row.items()) for row in table.to_dict("records")}


def test_an_item_by_hand() -> None:
    row = described(bow=[1, 1, 1, 0])["bow"]
    assert (row["n"], row["n_ones"], row["rate"], row["reason"]) == (4, 3, 0.75, "")
    assert row["pairwise_agreement"] == pytest.approx(0.5)
    assert row["disagreement"] == pytest.approx(0.25)
    assert row["majority_agreement"] == 0.75
    assert row["majority_agreement_if_half"] == pytest.approx(0.6875)


def test_a_tie_and_a_unanimous_item() -> None:
    rows = described(tie=[1, 0], all=[1, 1, 1])
    assert (rows["tie"]["disagreement"], rows["tie"]["entropy_bits"]) == (0.5, 1.0)
    assert rows["tie"]["entropy_miller_madow_bits"] == pytest.approx(1 + 1 / (4 * np.log(2)))
    assert (rows["all"]["disagreement"], rows["all"]["entropy_miller_madow_bits"]) == (0.0, 0.0)


def test_a_single_answer_tells_nothing_of_agreement_and_an_item_without_answers_has_no_row() -> None:
    rows = described(one=[1], none=[np.nan])
    assert list(rows) == ["one"]
    assert (rows["one"]["n"], rows["one"]["reason"]) == (1, "one answer")
    assert np.isnan([rows["one"]["disagreement"], rows["one"]["pairwise_agreement"]]).all()


def test_disagreement_is_unbiased_over_all_samples() -> None:
    p, n = 0.3, 4
    samples = list(itertools.product([0, 1], repeat=n))
    chance = [p ** sum(one) * (1 - p) ** (n - sum(one)) for one in samples]
    rows = described(**{str(place): list(one) for place, one in enumerate(samples)})
    expected = sum(c * rows[str(place)]["disagreement"] for place, c in enumerate(chance))
    assert expected == pytest.approx(p * (1 - p), rel=1e-12)


def test_entropy_equals_the_published_correction() -> None:
    expected = WORKED["entropy_miller_madow_3_1"]["computed"]
    n, ones = np.array([4.0]), np.array([3.0])
    assert entropy_bits(n, ones, corrected=False)[0] == pytest.approx(expected["H_ml_bits"], rel=1e-12)
    assert entropy_bits(n, ones, corrected=True)[0] == pytest.approx(expected["H_mm_bits"], rel=1e-12)


def test_expected_majority_agreement_equals_the_closed_form() -> None:
    for key, expected in WORKED["expected_majority_agreement"]["computed"].items():
        p, n = (part.split("=")[1] for part in key.split(","))
        assert expected_majority_agreement(float(p), int(n)) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", ["wilson_81_263", "wilson_15_148", "wilson_0_20", "wilson_1_29"])
def test_wilson_equals_newcombes_table(name: str) -> None:
    ones, n = WORKED[name]["data"]
    found = wilson_interval(ones, n)
    assert float(found[0]) == pytest.approx(WORKED[name]["computed"]["lo"], rel=1e-10, abs=1e-15)
    assert float(found[1]) == pytest.approx(WORKED[name]["computed"]["hi"], rel=1e-10)
    assert [round(float(end), 4) for end in found] == [WORKED[name]["published"][end] for end in ("lo", "hi")]


def test_units_are_named_by_several_columns_in_order(answers: pd.DataFrame) -> None:
    units = ["scenario_item_id", "respondent_country"]
    table = item_agreement(answers, value="norm", respondent="respondent_id", item=units)
    assert table[units].equals(table[units].sort_values(units, ignore_index=True))
    counts = answers.dropna(subset="norm").groupby(units)["norm"].agg(["size", "sum"]).reset_index()
    assert table["n"].tolist() == counts["size"].tolist()
    assert table["n_ones"].tolist() == counts["sum"].tolist()
    assert table["n"].sum() == answers["norm"].notna().sum()


def test_two_answers_of_one_person_to_one_item_are_refused() -> None:
    frame = pd.DataFrame({"y": [1, 0], "r": [1, 1], "i": [1, 1]})
    with pytest.raises(ValueError, match="at most one answer"):
        item_agreement(frame, value="y", respondent="r", item="i")
