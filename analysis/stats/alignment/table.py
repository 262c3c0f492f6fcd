"""The alignment of every model in every setting, as one table; and models against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.alignment.baselines import (
    HALF_MEASURES,
    NULL_MEASURES,
    OTHER_HALF,
    SAME_RATES,
    other_half,
    same_rates,
)
from analysis.stats.alignment.delta import Estimated, combine, delta
from analysis.stats.alignment.items import PairedItems, People, model_rates, pair_items, read_people
from analysis.stats.alignment.measures import MODEL, NAN, NO_ITEMS, Alignment, align, item_part
from analysis.stats.observations import require
from analysis.stats.twoway import require_level

RESULT_COLUMNS = [
    "predictor",
    "measure",
    "estimate",
    "se",
    "ci_low",
    "ci_high",
    "df",
    "p_same_rates",
    "n_items",
    "n_tied_items",
    "n_model_answers",
    "n_human_answers",
    "n_respondents",
    "reason",
]
DIFFERENCE_COLUMNS = ["estimate", "se", "ci_low", "ci_high", "df", "p_value", "n_items", "n_respondents", "reason"]
NO_COMMON = "no item was answered by both models and people"


@dataclass(frozen=True)
class Columns:
    """What the columns of both frames are called; `probability` marks rows whose value is a probability."""

    item: str
    question: str
    respondent: str
    human_value: str
    model_value: str
    by: tuple[str, ...]
    order: str | None = None
    probability: str | None = None


@dataclass(frozen=True)
class Group:
    """One model in one setting, paired with people: its labels and its items."""

    labels: Mapping[str, Any]
    pairs: PairedItems
    items: pd.Index


def groups(human: pd.DataFrame, predictions: pd.DataFrame, columns: Columns) -> Iterator[Group]:
    """Pair every model, question and setting with the people who answered the same question.

    A model's rows in one group are all probabilities or all samples; a mixture is refused.
    """
    require(human, [columns.item, columns.question, columns.respondent, columns.human_value])
    optional = [name for name in (columns.order, columns.probability) if name]
    require(predictions, [columns.item, columns.question, columns.model_value, *columns.by, *optional])
    people: dict[str, People] = {
        str(asked): read_people(rows, columns.human_value, columns.respondent, columns.item)
        for asked, rows in human.groupby(columns.question, observed=True)
    }
    nobody = read_people(human.iloc[:0], columns.human_value, columns.respondent, columns.item)
    keys = [columns.question, *columns.by]
    for key, rows in predictions.groupby(keys, dropna=False, observed=True):
        exact = set(rows[columns.probability].unique()) if columns.probability else {False}
        if len(exact) > 1:
            raise ValueError(f"{key}: probabilities and samples in one group")
        is_exact = bool(exact.pop())
        rates = model_rates(rows, columns.model_value, columns.item, order=columns.order, is_exact=is_exact)
        whom = people.get(str(key[0]), nobody)
        pairs = pair_items(whom, rates, is_exact=is_exact)
        yield Group(dict(zip(keys, key, strict=True)), pairs, whom.items[whom.items.isin(rates.index)])


def alignment_table(
    human: pd.DataFrame,
    predictions: pd.DataFrame,
    columns: Columns,
    *,
    seed: int,
    n_splits: int = 100,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare every model, question and setting with people on the items both answered.

    Parameters
    ----------
    human, predictions : DataFrame
        One answer per row, personal and norm answers stacked; missing answers are left out. Every row
        counts: repeated runs that should not are the caller's to drop.
    columns : Columns
        Their columns; `by` names the model and its setting.
    seed : int
        Seed of the random halves and of the null draws.
    n_splits : int
        Number of random halves of the people.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `question`, `by`, then `RESULT_COLUMNS`: one row per predictor and measure (see `align`, `other_half` and
        `same_rates`; `p_same_rates` stands beside the model's distances).
    """
    require_level(level)
    if n_splits < 1:
        raise ValueError("n_splits must be at least 1")
    results: list[dict[str, Any]] = []
    for group in groups(human, predictions, columns):
        rows, p_values = _rows(group.pairs, seed, n_splits, level)
        labels = {**group.labels, **_sizes(group.pairs)}
        results += [
            {
                **labels,
                **asdict(row),
                "p_same_rates": p_values.get(row.measure, NAN) if row.predictor == MODEL else NAN,
            }
            for row in rows
        ]
    return pd.DataFrame(results, columns=[columns.question, *columns.by, *RESULT_COLUMNS])


def difference_table(
    human: pd.DataFrame,
    predictions: pd.DataFrame,
    columns: Columns,
    *,
    model: str,
    measures: Sequence[str] = ("expected_match", "total_variation", "squared_gap", "js_divergence"),
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare models with each other item by item, within question and setting.

    Parameters
    ----------
    human, predictions, columns
        As in `alignment_table`; `model` is the one of `columns.by` that names the model.
    measures : sequence of str
        Measures that are means over items.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `question`, the other columns of `by`, `first`, `second`, `measure`, `DIFFERENCE_COLUMNS`: the first model's
        measure minus the second's on the items that both answered.

    Notes
    -----
    The mean over items of the difference of what each item adds, so that what items and people share cancels; two-way
    standard error as in `delta`.

    References
    ----------
    Miller (2024), "Adding error bars to evals", section 4 (paired differences). R: `lm(difference ~ 1)` with
    `sandwich::vcovCL`.
    """
    require_level(level)
    rows = []
    settings = [name for name in (columns.question, *columns.by) if name != model]
    found = list(groups(human, predictions, columns))
    for first, second in combinations(found, 2):
        if any(first.labels[name] != second.labels[name] for name in settings):
            continue
        labels = {name: first.labels[name] for name in settings}
        labels |= {"first": first.labels[model], "second": second.labels[model]}
        rows += [{**labels, "measure": name, **_difference(first, second, name, level)} for name in measures]
    return pd.DataFrame(rows, columns=[*settings, "first", "second", "measure", *DIFFERENCE_COLUMNS])


def _difference(first: Group, second: Group, measure: str, level: float) -> dict[str, Any]:
    common = first.items.intersection(second.items)
    one, other = (_narrow(group, common) for group in (first, second))
    if one.n_items == 0:
        none = Estimated(NAN, NAN, NAN, NAN, NAN, NAN, NO_COMMON)
        return {**asdict(none), "n_items": 0, "n_respondents": 0}
    part = combine((1.0, item_part(measure, one.model_rate, one)), (-1.0, item_part(measure, other.model_rate, other)))
    result = delta(
        {"value": part}, lambda means: means["value"], one.answers, level=level, undefined="", bounds=(-1.0, 1.0)
    )
    return {**asdict(result), "n_items": one.n_items, "n_respondents": one.answers.n_respondents}


def _narrow(group: Group, common: pd.Index) -> PairedItems:
    return group.pairs.where(np.asarray(group.items.isin(common)))


def _rows(pairs: PairedItems, seed: int, n_splits: int, level: float) -> tuple[list[Alignment], dict[str, float]]:
    found = align(pairs, level)
    if pairs.n_items == 0:
        beside = [(OTHER_HALF, name) for name in HALF_MEASURES] + [(SAME_RATES, name) for name in NULL_MEASURES]
        return [*found, *(Alignment(who, name, NAN, NAN, NAN, NAN, NAN, NO_ITEMS) for who, name in beside)], {}
    null, p_values = same_rates(pairs, seed=seed, level=level)
    return [*found, *other_half(pairs, n_splits=n_splits, seed=seed, level=level), *null], p_values


def _sizes(pairs: PairedItems) -> dict[str, int]:
    return {
        "n_items": pairs.n_items,
        "n_tied_items": int((pairs.human_rate == 0.5).sum()),
        "n_model_answers": int(pairs.n_model.sum()),
        "n_human_answers": int(pairs.n_human.sum()),
        "n_respondents": pairs.answers.n_respondents,
    }
