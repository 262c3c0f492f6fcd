"""How the paper codes answers, countries and scenario texts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

CHOICE_CODES: Mapping[str, float] = {"A": 1.0, "B": 0.0}

RELATIONS: Mapping[str, Mapping[str, str]] = {
    "Brazil": {"Brazil": "same", "Myanmar": "close", "Singapore": "close"},
    "India": {"India": "same", "Bangladesh": "close", "Nepal": "close", "Pakistan": "close"},
    "South Africa": {"South Africa": "same", "Zimbabwe": "close", "Ethiopia": "close"},
    "United Kingdom": {"United Kingdom": "same", "Ireland": "close"},
    "United States of America": {"United States of America": "same", "Canada": "close", "Mexico": "close"},
}

THEMES: Mapping[str, tuple[str, ...]] = {
    "food_hospitality": ("food", "meal", "dinner", "host", "home", "eat", "restaurant", "sweets"),
    "greetings_respect": ("greet", "hand", "elder", "older", "bow", "respect"),
    "workplace_education": ("meeting", "colleague", "work", "office", "study", "class", "document"),
    "public_etiquette": ("queue", "market", "public", "bus", "train", "line"),
    "privacy_helping": ("privacy", "help", "phone", "charger", "personal items", "share"),
    "gift_giving": ("gift", "present", "offer"),
}


def follows_culture(answers: pd.Series) -> pd.Series:
    """Code A as 1 and B as 0 whatever the case and blanks around it; any other token is missing."""
    codes = {token: CHOICE_CODES.get(str(token).strip().upper(), np.nan) for token in answers.dropna().unique()}
    return answers.map(codes).astype(float)


def relation(respondent_country: str, scenario_country: str) -> str:
    """Relate two countries by the paper's list; unlisted pairs are `far`, unless the names are equal."""
    unlisted = "same" if respondent_country == scenario_country else "far"
    return RELATIONS.get(respondent_country, {}).get(scenario_country, unlisted)


def relations(respondent_country: pd.Series, scenario_country: pd.Series) -> npt.NDArray[np.object_]:
    """Relate two columns of countries; two missing countries count as the same one, as in the paper."""
    rows, row_levels = pd.factorize(respondent_country, use_na_sentinel=False)
    columns, column_levels = pd.factorize(scenario_country, use_na_sentinel=False)
    table = np.empty((len(row_levels), len(column_levels)), dtype=object)
    for i, own in enumerate(row_levels):
        table[i] = [relation(str(own), str(other)) for other in column_levels]
    return table[rows, columns]


def theme(text: Any) -> str:
    """Name the first theme with a keyword anywhere in the text, inside words too (the paper's rule)."""
    lowered = str(text).lower()
    hits = (name for name, keywords in THEMES.items() if any(keyword in lowered for keyword in keywords))
    return next(hits, "other")


def themes(texts: pd.Series) -> pd.Series:
    """Code a column of scenario texts; a missing text is `other`."""
    codes = {text: theme(text) for text in texts.dropna().unique()}
    return texts.map(codes).astype(object).where(texts.notna(), "other")


def majority_choice(rates: pd.Series) -> npt.NDArray[np.object_]:
    """Give the majority's choice; an even split counts as A, as in the paper."""
    return np.where(rates.to_numpy() >= 0.5, "A", "B").astype(object)


def majority_agreement(rates: pd.Series) -> pd.Series:
    """Give the size of the larger side, the paper's measure of agreement."""
    return rates.where(rates >= 0.5, 1.0 - rates)
