"""How the paper reads tokens, countries and scenario texts."""

import numpy as np
import pandas as pd
import pytest

from analysis.stats.paper.coding import follows_culture, majority_agreement, relation, relations, theme, themes


def test_follows_culture_reads_a_and_b_in_any_case_and_nothing_else() -> None:
    coded = follows_culture(pd.Series(["A", " b", "a ", "AB", "", None, np.nan], dtype=object))
    assert coded.tolist()[:3] == [1.0, 0.0, 1.0]
    assert coded[3:].isna().all()


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ("Brazil", "Brazil", "same"),
        ("Brazil", "Singapore", "close"),
        ("Brazil", "India", "far"),
        ("South Africa", "Ethiopia", "close"),
        ("United Kingdom", "United States of America", "far"),
        ("Narnia", "Narnia", "same"),
        ("Narnia", "Brazil", "far"),
    ],
)
def test_relation_follows_the_papers_list(own: str, other: str, expected: str) -> None:
    assert relation(own, other) == expected


def test_relations_treats_missing_countries_like_the_paper() -> None:
    own = pd.Series([np.nan, np.nan, "India"], dtype=object)
    other = pd.Series([np.nan, "India", "Nepal"], dtype=object)
    assert relations(own, other).tolist() == ["same", "far", "close"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A GIFT for the office", "workplace_education"),
        ("They decline politely", "public_etiquette"),
        ("Nothing special", "other"),
        ("The weather is fine", "food_hospitality"),
    ],
)
def test_theme_is_the_first_with_a_keyword_even_inside_a_word(text: str, expected: str) -> None:
    assert theme(text) == expected


def test_themes_call_a_missing_text_other() -> None:
    assert themes(pd.Series(["A bus", None], dtype=object)).tolist() == ["public_etiquette", "other"]


def test_majority_agreement_is_the_larger_side() -> None:
    assert majority_agreement(pd.Series([0.25, 0.5, 0.9])).tolist() == [0.75, 0.5, 0.9]
