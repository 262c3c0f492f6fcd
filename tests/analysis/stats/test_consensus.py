"""One culture, several, or none."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.stats.consensus import consensus

WHO: dict[str, Any] = {"value": "y", "respondent": "r", "item": "i", "seed": 1}


def answers_of(rng: np.random.Generator, keys: Any, competence: Any, key_of: Any) -> pd.DataFrame:
    """Draw answers: each person knows the answer of their key with their competence, and guesses otherwise."""
    n_people, n_items = len(competence), keys.shape[1]
    knows = rng.random((n_people, n_items)) < competence[:, None]
    answers = np.where(knows, keys[key_of], rng.integers(0, 2, (n_people, n_items)))
    places = np.indices(answers.shape).reshape(2, -1)
    return pd.DataFrame({"r": places[0], "i": places[1], "y": answers.ravel()})


def test_one_culture_is_found_with_its_competences() -> None:
    rng = np.random.default_rng(1)
    competence = rng.uniform(0.3, 0.9, 60)
    keys = rng.integers(0, 2, (1, 200))
    found = consensus(answers_of(rng, keys, competence, np.zeros(60, dtype=int)), **WHO)
    assert found.eigenvalue_ratio > 2 * 3
    assert found.n_negative == 0
    assert found.mean_competence == pytest.approx(competence.mean(), abs=0.04)
    assert found.first == pytest.approx((competence**2).sum(), rel=0.1)
    assert (found.n_respondents, found.n_items, found.share_of_pairs) == (60, 200, 1.0)


def test_two_cultures_are_no_one() -> None:
    rng = np.random.default_rng(2)
    keys = rng.integers(0, 2, (2, 120))
    found = consensus(answers_of(rng, keys, np.full(60, 0.7), np.arange(60) % 2), **WHO)
    assert found.eigenvalue_ratio < 3


def test_opposed_cultures_have_negative_competences() -> None:
    rng = np.random.default_rng(3)
    key = rng.integers(0, 2, 120)
    found = consensus(answers_of(rng, np.stack([key, 1 - key]), np.full(60, 0.8), (np.arange(60) < 15) * 1), **WHO)
    assert found.n_negative == 15


def test_without_noise_the_model_is_exact() -> None:
    """Agreements that are products of competences give them back, and nothing is left for a second dimension."""
    frame = answers_of(np.random.default_rng(4), np.array([[0, 1] * 8]), np.ones(5), np.zeros(5, dtype=int))
    found = consensus(frame, **WHO)
    assert found.mean_competence == pytest.approx(1.0)
    assert found.first == pytest.approx(5.0)
    assert found.second == pytest.approx(0.0, abs=1e-6)


def test_people_who_share_too_few_items_say_nothing() -> None:
    rng = np.random.default_rng(5)
    frame = answers_of(rng, rng.integers(0, 2, (1, 100)), np.full(20, 0.7), np.zeros(20, dtype=int))
    found = consensus(frame[(frame["i"] // 10) % 10 == frame["r"] % 10], **WHO)
    assert found.reason == "too few pairs of respondents share 4 items"
    assert found.share_of_pairs < 0.2
    assert consensus(frame[frame["r"] < 2], **WHO).reason == "fewer than three respondents"


def test_more_than_four_hundred_people_are_drawn_from_by_seed() -> None:
    rng = np.random.default_rng(6)
    frame = answers_of(rng, rng.integers(0, 2, (1, 30)), np.full(450, 0.6), np.zeros(450, dtype=int))
    found = consensus(frame, **WHO)
    assert found.n_respondents == 400
    assert found == consensus(frame, **WHO)
