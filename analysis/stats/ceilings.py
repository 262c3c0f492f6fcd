"""How high a correlation with people can be, given how reliable people's and models' own item values are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from analysis.stats.alignment.items import PairedItems
from analysis.stats.alignment.table import Columns, groups
from analysis.stats.observations import Codes, Floats, Observations
from analysis.stats.twoway import NEGLIGIBLE, require_level

NAN = float("nan")
RATE, DISAGREEMENT = "rate", "disagreement"
MEASURES = (RATE, DISAGREEMENT)
QUANTITIES = ("correlation", "human_reliability", "model_reliability", "ceiling", "share_of_ceiling")
COLUMNS = ["measure", "quantity", "estimate", "se", "ci_low", "ci_high", "n_items", "n_respondents", "reason"]
FEWEST_ITEMS = 5
SPLITS_PER_DRAW = 4
TOO_FEW = "fewer than five items with enough answers in both halves of the people"
NO_CEILING = "one side's values are not reliable above chance: there is no ceiling to hold the correlation against"
NO_SPREAD = "needs several model answers to an item, and values that vary between items"


class Weighted(NamedTuple):
    """Weighted counts by item: answers, ones, and ordered pairs of different respondents."""

    n: Floats
    ones: Floats
    pairs: Floats


@dataclass(frozen=True)
class Side:
    """Item values of one side and how reliable they are; NaN where an item has too few answers."""

    values: Floats
    reliability: float


def ceiling_table(
    human: pd.DataFrame,
    predictions: pd.DataFrame,
    columns: Columns,
    *,
    seed: int,
    n_splits: int = 100,
    n_resamples: int = 200,
    level: float = 0.95,
) -> pd.DataFrame:
    """Hold the correlations of rates and of disagreement against their noise ceilings, for every model and setting.

    Parameters
    ----------
    human, predictions, columns
        As in `alignment_table`.
    seed, n_splits, n_resamples : int
        Seed of all draws; random halves for the estimates; bootstrap draws for the intervals.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `question`, `by`, then `COLUMNS`: a row per measure and quantity (see `ceilings`).
    """
    require_level(level)
    rows: list[dict[str, Any]] = []
    for group in groups(human, predictions, columns):
        for measure in MEASURES:
            found = ceilings(group.pairs, measure, seed=seed, n_splits=n_splits, n_resamples=n_resamples, level=level)
            rows += [{**group.labels, "measure": measure, **row} for row in found]
    return pd.DataFrame(rows, columns=[columns.question, *columns.by, *COLUMNS])


def ceilings(
    pairs: PairedItems, measure: str, *, seed: int, n_splits: int = 100, n_resamples: int = 200, level: float = 0.95
) -> list[dict[str, Any]]:
    """Correlate item values of people and model, and hold the result against what their reliability allows.

    Notes
    -----
    Item values: the rate p, or the unbiased disagreement u = n p (1 - p) / (n - 1). Reliability of people: the mean
    correlation of the values of random halves of the respondents, stepped up to the whole by Spearman-Brown,
    2 r / (1 + r). Reliability of the model: the same over halves of its samples; 1 for probabilities, which have no
    sampling. Ceiling: the root of the product, which is the correlation that a model with exactly the people's
    values would be expected to reach. Share of ceiling: correlation / ceiling, the disattenuated correlation.

    Intervals: bootstrap draws of respondents times draws of items (product weights), with pairs of a respondent with
    their own copies left out; the halves are halves of different respondents, so that no copy stands on both sides.
    Drawing doubles the noise of few answers, so that draws lie below the estimate: the interval is normal around the
    estimate with the draws' standard deviation, on Fisher's z for all but the share of the ceiling.

    References
    ----------
    Spearman (1910) and Brown (1910), Br. J. Psychol. 3, 271-295 and 296-322. Schoppe et al. (2016), Front. Comput.
    Neurosci. 10:10 (share of what noise leaves). Owen & Eckles (2012), Ann. Appl. Stat. 6, 895-927 (product
    weights). R: psych::splitHalf for complete data.
    """
    n_respondents = pairs.answers.n_respondents
    model = _model_side(pairs, measure, seed, n_splits)
    one = np.ones(int(pairs.answers.respondent.max()) + 1) if len(pairs.answers.value) else np.ones(0)
    everywhere = np.ones(pairs.n_items)
    points = _quantities(pairs, measure, model, one, everywhere, np.random.default_rng(seed), n_splits)
    draws = list(_draws(pairs, measure, model, seed, n_resamples)) if np.isfinite(points["human_reliability"]) else []
    rows = []
    for name in QUANTITIES:
        values = np.array([draw[name] for draw in draws])
        row = _interval(name, points[name], values[np.isfinite(values)], n_resamples, level)
        reason = _reason(name, points, model) if np.isnan(points[name]) else row.pop("reason")
        n_items = int(np.isfinite(_item_values(pairs, measure)).sum())
        rows.append({"quantity": name, **row, "n_items": n_items, "n_respondents": n_respondents, "reason": reason})
    return rows


def spearman_brown(r: float, k: float = 2.0) -> float:
    """Step a reliability up to k times as many answers: k r / (1 + (k - 1) r)."""
    return k * r / (1 + (k - 1) * r)


def _item_values(pairs: PairedItems, measure: str) -> Floats:
    counts = _counts(pairs.answers, pairs.n_items, None)
    return _values(counts, measure)


def _values(counts: Weighted, measure: str) -> Floats:
    """Give each item's rate or unbiased disagreement; missing below two answers of different people."""
    values = np.full(len(counts.n), NAN)
    enough = counts.pairs > NEGLIGIBLE
    if measure == RATE:
        np.divide(counts.ones, counts.n, out=values, where=enough)
    else:
        np.divide(counts.ones * (counts.n - counts.ones), counts.pairs, out=values, where=enough)
    return values


def _counts(answers: Observations, n_items: int, weights: Floats | None) -> Weighted:
    weight = np.ones(len(answers.value)) if weights is None else weights[answers.respondent]
    n = np.bincount(answers.item, weight, n_items).astype(float)
    ones = np.bincount(answers.item, weight * answers.value, n_items).astype(float)
    return Weighted(n, ones, n**2 - np.bincount(answers.item, weight**2, n_items).astype(float))


def _correlate(x: Floats, y: Floats, weights: Floats) -> float:
    used = np.isfinite(x) & np.isfinite(y) & (weights > 0)
    if used.sum() < FEWEST_ITEMS:
        return NAN
    x, y, w = x[used], y[used], weights[used] / weights[used].sum()
    x, y = x - w @ x, y - w @ y
    scale = (w @ x**2) * (w @ y**2)
    return float((w @ (x * y)) / np.sqrt(scale)) if scale > NEGLIGIBLE**2 else NAN


def _quantities(
    pairs: PairedItems,
    measure: str,
    model: Side,
    respondents: Floats,
    items: Floats,
    generator: np.random.Generator,
    n_splits: int,
) -> dict[str, float]:
    """Compute all quantities under weights of respondents and items."""
    values = _values(_counts(pairs.answers, pairs.n_items, respondents), measure)
    present = np.flatnonzero(respondents > 0)
    found = []
    for _ in range(n_splits):
        first = np.zeros(len(respondents))
        first[generator.permutation(present)[: len(present) // 2]] = 1.0
        halves = [
            _values(_counts(pairs.answers, pairs.n_items, respondents * half), measure) for half in (first, 1 - first)
        ]
        found.append(_correlate(halves[0], halves[1], items))
    known = [r for r in found if np.isfinite(r)]
    half = float(np.mean(known)) if len(known) >= max(1, n_splits / 2) else NAN
    reliability = spearman_brown(half) if half > -1 else NAN
    correlation = _correlate(values, model.values, items)
    product = reliability * model.reliability
    ceiling = float(np.sqrt(product)) if product > NEGLIGIBLE and reliability > 0 else NAN
    return {
        "correlation": correlation,
        "human_reliability": reliability,
        "model_reliability": model.reliability,
        "ceiling": ceiling,
        "share_of_ceiling": correlation / ceiling,
    }


def _model_side(pairs: PairedItems, measure: str, seed: int, n_splits: int) -> Side:
    """Give the model's item values and their reliability, by drawing halves of its samples without replacement."""
    values = pairs.model_rate if measure == RATE else pairs.model_spread
    if pairs.is_exact:
        return Side(values, 1.0)
    k = pairs.n_model.astype(int)
    ones = np.rint(pairs.model_rate * k).astype(int)
    generator = np.random.default_rng(seed)
    enough = k >= (2 if measure == RATE else 4)
    if enough.sum() < FEWEST_ITEMS:
        return Side(values, NAN)
    k, ones = k[enough], ones[enough]
    size = k // 2
    found = []
    for _ in range(n_splits):
        part = generator.hypergeometric(ones, k - ones, size)
        halves = [_sample_values(part, size, measure), _sample_values(ones - part, k - size, measure)]
        found.append(_correlate(halves[0], halves[1], np.ones(len(k))))
    return Side(values, spearman_brown(float(np.mean(found))))


def _sample_values(ones: Codes, n: Codes, measure: str) -> Floats:
    rate: Floats = ones / n
    return rate if measure == RATE else n * rate * (1 - rate) / np.maximum(n - 1, 1)


def _draws(pairs: PairedItems, measure: str, model: Side, seed: int, n: int) -> Iterator[dict[str, float]]:
    generator = np.random.default_rng(seed + 1)
    everyone = np.unique(pairs.answers.respondent)
    for _ in range(n):
        respondents = np.zeros(int(pairs.answers.respondent.max()) + 1)
        respondents[everyone] = generator.multinomial(len(everyone), np.full(len(everyone), 1 / len(everyone)))
        items = generator.multinomial(pairs.n_items, np.full(pairs.n_items, 1 / pairs.n_items)).astype(float)
        yield _quantities(pairs, measure, model, respondents, items, generator, SPLITS_PER_DRAW)


def _interval(name: str, estimate: float, draws: Floats, n_resamples: int, level: float) -> dict[str, Any]:
    nothing = {"estimate": estimate, "se": NAN, "ci_low": NAN, "ci_high": NAN, "reason": ""}
    if name == "model_reliability" or np.isnan(estimate):
        return nothing
    if len(draws) < max(2, n_resamples / 2):
        return {**nothing, "reason": "not defined in most draws of people and items"}
    se, z = float(draws.std(ddof=1)), float(ndtri(0.5 + level / 2))
    if name == "share_of_ceiling" or abs(estimate) >= 1:
        return {"estimate": estimate, "se": se, "ci_low": estimate - z * se, "ci_high": estimate + z * se, "reason": ""}
    centre, spread = np.arctanh(estimate), se / (1 - estimate**2)
    low, high = np.tanh(centre - z * spread), np.tanh(centre + z * spread)
    if name != "correlation":
        low = max(low, 0.0)
    return {"estimate": estimate, "se": se, "ci_low": float(low), "ci_high": float(high), "reason": ""}


def _reason(name: str, points: dict[str, float], model: Side) -> str:
    if name == "human_reliability" or np.isnan(points["human_reliability"]):
        return TOO_FEW
    if name in ("correlation", "model_reliability") or np.isnan(model.reliability):
        return NO_SPREAD
    return NO_CEILING
