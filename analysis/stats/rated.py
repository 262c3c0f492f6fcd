"""Answers to units that people agree or disagree about, as codes from 0."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Codes, Floats, Mask, answers, codes, has_repeats, require


class Rated(NamedTuple):
    """Answers as codes from 0, one per respondent and cluster; `cluster` says of each unit where it belongs.

    A unit is what is judged by people who are compared with each other; units of one cluster (an item in several
    countries, say) stand and fall together when the study is repeated with other items.
    """

    category: Codes
    respondent: Codes
    unit: Codes
    cluster: Codes
    n_categories: int

    def where(self, mask: Mask) -> "Rated":
        """Keep the answers under `mask`; codes stay as they are."""
        return self._replace(category=self.category[mask], respondent=self.respondent[mask], unit=self.unit[mask])

    @property
    def place(self) -> Codes:
        """Give the place of each answer in a flat table of units by categories."""
        return self.unit * self.n_categories + self.category

    def counts(self, place: Codes | None = None) -> Floats:
        """Count the answers: units by categories; `place` spares finding their places again."""
        flat = np.bincount(self.place if place is None else place, minlength=len(self.cluster) * self.n_categories)
        return flat.reshape(len(self.cluster), self.n_categories).astype(float)


def read_rated(
    frame: pd.DataFrame,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    cluster: str | Sequence[str] | None,
    categories: Sequence[float],
) -> Rated:
    """Read the answers of a frame as codes."""
    rated = answers(frame, value, respondent, item)
    answered = frame[frame[value].notna()]
    groups = rated.item if cluster is None else codes(answered, [cluster] if isinstance(cluster, str) else cluster)
    if has_repeats(rated.respondent, groups):
        raise ValueError("agreement needs at most one answer per respondent and item")
    category = _categories(rated.value, categories, value)
    return Rated(category, rated.respondent, rated.item, _nested(rated.item, groups), len(categories))


def read_pair(
    frame: pd.DataFrame,
    value: str,
    respondent: str,
    item: str | Sequence[str],
    group: str,
    levels: tuple[str, str],
    cluster: str | Sequence[str] | None,
    categories: Sequence[float],
) -> tuple[Rated, Rated]:
    """Read two groups whose respondents and item clusters carry the same codes."""
    if levels[0] == levels[1]:
        raise ValueError(f"a difference needs two groups, not {levels[0]} twice")
    require(frame, [value, group])
    rows = frame[frame[group].isin(list(levels)) & frame[value].notna()]
    rated = answers(rows, value, respondent, item)
    named = item if cluster is None else cluster
    clusters = _nested(rated.item, codes(rows, [named] if isinstance(named, str) else list(named)))
    everything = Rated(
        _categories(rated.value, categories, value), rated.respondent, rated.item, clusters, len(categories)
    )
    is_first = (rows[group] == levels[0]).to_numpy(bool)
    pair = everything.where(is_first), everything.where(~is_first)
    if any(has_repeats(part.respondent, part.cluster[part.unit]) for part in pair):
        raise ValueError("agreement needs at most one answer per respondent, item and group")
    return pair


def _nested(unit: Codes, cluster: Codes) -> Codes:
    """Give the cluster of each unit."""
    of_unit: Codes = np.zeros(int(unit.max(initial=-1)) + 1, dtype=np.intp)
    of_unit[unit] = cluster
    if not np.array_equal(of_unit[unit], cluster):
        raise ValueError("every unit must lie in one cluster")
    return of_unit


def _categories(values: Floats, categories: Sequence[float], name: str) -> Codes:
    order = np.argsort(categories)
    ordered = np.asarray(categories, dtype=float)[order]
    if len(np.unique(ordered)) < 2 or len(np.unique(ordered)) < len(ordered):
        raise ValueError("categories must be at least two different numbers")
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    if not np.array_equal(ordered[place], values):
        raise ValueError(f"{name}: answers outside the categories {list(categories)}")
    return order[place]
