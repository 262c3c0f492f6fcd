"""Adjusted p-values against the published example, statsmodels, and what they promise."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from analysis.stats.multiplicity import adjust, adjust_families

EXAMPLES = Path(__file__).parents[2] / "reference" / "worked_examples" / "worked_examples.json"


@pytest.fixture(scope="module")
def published() -> np.ndarray:
    examples = json.loads(EXAMPLES.read_text())
    found = next(example for example in examples if example["name"] == "benjamini_hochberg_1995_15p")
    assert found["published"] == {"n_reject_bh": 4, "n_reject_bonferroni": 3}
    return np.array(found["data"])


def test_the_example_of_1995_finds_four_and_holm_three(published: np.ndarray) -> None:
    assert (adjust(published, "benjamini_hochberg") < 0.05).sum() == 4
    assert (adjust(published, "holm") < 0.05).sum() == 3
    assert (adjust(published, "none") < 0.05).sum() == 9


@pytest.mark.parametrize(
    ("method", "name"),
    [("holm", "holm"), ("benjamini_hochberg", "fdr_bh"), ("benjamini_yekutieli", "fdr_by")],
)
def test_adjusted_values_are_statsmodels(published: np.ndarray, method: str, name: str) -> None:
    shuffled = np.random.default_rng(1).permutation(published)
    assert adjust(shuffled, method) == pytest.approx(multipletests(shuffled, method=name)[1], rel=1e-12)


def test_missing_values_stay_missing_and_are_not_counted() -> None:
    found = adjust(np.array([0.01, np.nan, 0.04]), "holm")
    assert found == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert np.isnan(adjust(np.array([np.nan]), "holm")).all()


def test_values_that_are_no_p_values_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust(np.array([0.1, 1.2]), "holm")


def test_families_are_adjusted_apart_and_keep_their_order() -> None:
    tests = pd.DataFrame(
        {"family": ["primary", "secondary", "primary", "exploratory"], "p": [0.02, 0.03, 0.04, np.nan]}
    )
    methods = {"primary": "holm", "secondary": "benjamini_hochberg", "exploratory": "none"}
    found = adjust_families(tests, family="family", p_value="p", methods=methods)
    assert found["p_adjusted"].tolist() == pytest.approx([0.04, 0.03, 0.04, np.nan], nan_ok=True)
    assert found["n_tests"].tolist() == [2, 1, 2, 0]
    assert found["is_supported"].tolist() == [True, True, True, False]
    with pytest.raises(ValueError, match="no adjustment is set for exploratory"):
        adjust_families(tests, family="family", p_value="p", methods={"primary": "holm", "secondary": "none"})


def test_no_tests_keep_the_columns() -> None:
    empty = pd.DataFrame({"family": [], "p": []})
    assert "p_adjusted" in adjust_families(empty, family="family", p_value="p", methods={})


def test_holm_holds_the_error_of_a_family() -> None:
    draws = np.random.default_rng(2).uniform(size=(400, 10))
    wrong = np.mean([(adjust(row, "holm") < 0.05).any() for row in draws])
    assert wrong < 0.08
    assert np.mean((draws < 0.05).any(axis=1)) > 0.3
