"""Covariate patterns and design matrices."""

import numpy as np
import pandas as pd
import pytest

from analysis.stats import terms
from analysis.stats.terms import count_patterns, design, with_level, without

FRAME = pd.DataFrame(
    {
        "y": [1, 0, 1, 1, 0],
        "place": ["b", "a", "b", None, "a"],
        "age": pd.Categorical(["old", "old", "young", "young", "old"], ["young", "old", "never"]),
        "distance": [0.5, 2.0, 0.5, 2.0, 2.0],
    }
)


def test_count_patterns_counts_every_combination_once() -> None:
    found = count_patterns(FRAME, value="y", variables=["place", "age"])
    assert found.variables["place"].labels == ["a", "b", "not given"]
    assert found.variables["age"].labels == ["young", "old"]
    assert found.trials.tolist() == [2, 1, 1, 1]
    assert found.successes.tolist() == [0, 1, 1, 1]
    assert found.pattern.tolist() == [2, 0, 1, 3, 0]


def test_count_patterns_is_the_same_by_hashing_and_by_addressing(monkeypatch: pytest.MonkeyPatch) -> None:
    addressed = count_patterns(FRAME, value="y", variables=["place", "age", "distance"])
    monkeypatch.setattr(terms, "DIRECT_ADDRESSES", 0)
    large = pd.concat([FRAME] * 2, ignore_index=True).iloc[:5]
    hashed = count_patterns(large, value="y", variables=["place", "age", "distance"])
    assert hashed.trials.tolist() == addressed.trials.tolist()
    assert hashed.pattern.tolist() == addressed.pattern.tolist()


def test_count_patterns_refuses_other_answers_than_0_and_1() -> None:
    with pytest.raises(ValueError, match="must be 0 or 1"):
        count_patterns(FRAME.assign(y=0.5), value="y", variables=["place"])
    with pytest.raises(ValueError, match="missing numbers in distance"):
        count_patterns(FRAME.assign(distance=np.nan), value="y", variables=["distance"])


def test_design_multiplies_the_columns_of_an_interaction() -> None:
    patterns = count_patterns(FRAME, value="y", variables=["place", "age", "distance"])
    found = design(patterns, [("place",), ("age",), ("distance",), ("age", "distance")])
    assert found.names == [
        "intercept", "place[b]", "place[not given]", "age[old]", "distance", "age[old]:distance",
    ]  # fmt: skip
    rows = found.matrix[patterns.pattern]
    assert rows[0].tolist() == [1, 1, 0, 1, 0.5, 0.5]
    assert rows[3].tolist() == [1, 0, 1, 0, 2.0, 0.0]
    assert found.term.tolist() == [-1, 0, 0, 1, 2, 3]


def test_with_level_gives_everybody_the_level() -> None:
    patterns = count_patterns(FRAME, value="y", variables=["place", "age"])
    assert design(with_level(patterns, "place", "b"), [("place",)]).matrix[:, 1].tolist() == [1, 1, 1, 1]


def test_without_drops_interactions_too() -> None:
    assert without([("a",), ("b",), ("a", "b"), ("c",)], [("a",)]) == [("b",), ("c",)]
    assert without([("a",), ("b",), ("a", "b")], [("b", "a")]) == [("a",), ("b",)]
