"""Rates of people and of one model on the items both answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.stats.observations import Codes, Floats, Mask, Observations, codes, require


@dataclass(frozen=True)
class People:
    """People's 0/1 answers to one question, with the items they are about."""

    answers: Observations
    items: pd.Index

    @property
    def counts(self) -> pd.DataFrame:
        """Each item's number of answers `n` and of ones `ones`."""
        n, item = len(self.items), self.answers.item
        return pd.DataFrame(
            {"n": np.bincount(item, minlength=n), "ones": np.bincount(item, self.answers.value, n)}, index=self.items
        )


@dataclass(frozen=True)
class PairedItems:
    """Rates of one model and of people on the items both answered, from how many answers, and the people's answers.

    `model_variance` estimates the sampling variance of the model's rate: 0 for a probability and for a single answer,
    which counts as a fixed choice. `is_exact` says that the model's rates are probabilities, not shares of samples.
    """

    human_rate: Floats
    n_human: Floats
    model_rate: Floats
    n_model: Floats
    model_variance: Floats
    is_exact: bool
    answers: Observations

    @property
    def n_items(self) -> int:
        return len(self.human_rate)

    @cached_property
    def model_spread(self) -> Floats:
        """The model's m (1 - m), unbiased; not a number where it rests on a single sample."""
        spread = self.model_rate * (1 - self.model_rate) + self.model_variance
        return spread if self.is_exact else np.where(self.n_model >= 2, spread, np.nan)

    def where(self, mask: Mask) -> PairedItems:
        """Keep the items under `mask`."""
        place: Codes = np.cumsum(mask) - 1
        kept = self.answers.where(mask[self.answers.item])
        return PairedItems(
            self.human_rate[mask],
            self.n_human[mask],
            self.model_rate[mask],
            self.n_model[mask],
            self.model_variance[mask],
            self.is_exact,
            kept._replace(item=place[kept.item]),
        )


def read_people(frame: pd.DataFrame, value: str, respondent: str, item: str) -> People:
    """Read the answers to one question; missing ones are left out."""
    require(frame, [value, respondent, item])
    answered = frame[frame[value].notna()]
    if not answered[value].isin([0, 1]).all():
        raise ValueError(f"{value}: answers must be 0, 1 or missing")
    labels = answered[item].astype(object)
    items = pd.Index(sorted(labels.unique()))
    answers = Observations(
        answered[value].to_numpy(float), codes(answered, [respondent]), items.get_indexer(pd.Index(labels))
    )
    return People(answers, items)


def model_rates(
    frame: pd.DataFrame, value: str, item: str | Sequence[str], *, order: str | None = None, is_exact: bool = False
) -> pd.DataFrame:
    """Give each item's `rate` of a model, its number of answers `n`, and the sampling `variance` of the rate.

    Parameters
    ----------
    frame : DataFrame
        One answer per row.
    value : str
        Column of 0/1 answers, or of probabilities of 1 where `is_exact`; missing ones are left out.
    item, order : str
        Columns: the item (several together name one, such as a persona's items), and which option stood first. Where
        an item was answered in both orders, the rate is the mean of the two orders' rates.

    Notes
    -----
    Variance of a share of k samples: m (1 - m) / (k - 1); of the mean of two orders with two samples each or more:
    a quarter of their sum, otherwise that of the pooled samples. 0 for a single sample and for probabilities.
    """
    items = [item] if isinstance(item, str) else list(item)
    needed = [value, *items, *([order] if order else [])]
    require(frame, needed)
    answered = frame.loc[frame[value].notna(), needed]
    _require_answers(answered[value], value, is_exact)
    pooled = _rates(answered, value, items, is_exact)
    if order is None or answered.empty:
        return pooled
    levels = list(range(len(items))) if len(items) > 1 else 0
    orders = _rates(answered, value, [*items, order], is_exact).groupby(level=levels, observed=True)
    means = orders.agg(rate=("rate", "mean"), n=("n", "min"), variance=("variance", "sum"))
    both = means[orders.size() == 2]
    pooled.loc[both.index, "rate"] = both["rate"]
    repeated = both[both["n"] >= 2]
    pooled.loc[repeated.index, "variance"] = repeated["variance"] / 4
    return pooled


def pair_items(people: People, model: pd.DataFrame, *, is_exact: bool = False) -> PairedItems:
    """Keep the items both answered, in sorted order."""
    kept = people.items.isin(model.index)
    counts, machine = people.counts[kept], model.reindex(people.items[kept])
    n = counts["n"].to_numpy(float)
    place: Codes = np.cumsum(kept) - 1
    is_used = kept[people.answers.item]
    answers = people.answers.where(is_used)
    return PairedItems(
        counts["ones"].to_numpy(float) / n,
        n,
        machine["rate"].to_numpy(float),
        machine["n"].to_numpy(float),
        machine["variance"].to_numpy(float),
        is_exact,
        answers._replace(item=place[answers.item]),
    )


def _rates(answered: pd.DataFrame, value: str, by: Sequence[str], is_exact: bool) -> pd.DataFrame:
    groups = answered.astype({value: float}).groupby(list(by), observed=True)[value]
    table = pd.DataFrame({"rate": groups.mean(), "n": groups.size()})
    table["variance"] = np.where(
        is_exact | (table["n"] < 2), 0.0, table["rate"] * (1 - table["rate"]) / np.maximum(table["n"] - 1, 1)
    )
    return table


def _require_answers(values: pd.Series, name: str, is_exact: bool) -> None:
    if is_exact and not values.between(0, 1).all():
        raise ValueError(f"{name}: probabilities must lie between 0 and 1 or be missing")
    if not is_exact and not values.isin([0, 1]).all():
        raise ValueError(f"{name}: answers must be 0, 1 or missing")
