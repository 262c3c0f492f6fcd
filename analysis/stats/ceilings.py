"""How high a correlation with people can be, given how reliable people's and models' own item values are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
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
OPPOSED = -1 / 3  # halves that correlate by less make a whole whose reliability would be below -1
NO_SAMPLING = "no interval: exact probabilities have no sampling"
MEAN_OF_HALVES = "no interval: the mean over random halves of the model's samples"
TOO_FEW = "fewer than five items with enough answers in both halves of the people"
ALIKE = "people's values are the same on every item, or on every item in one half of the people"
PEOPLE_OPPOSED = "halves of the people contradict each other: their reliability would be below -1"
MODEL_OPPOSED = "halves of the model's samples contradict each other: its reliability would be below -1"
NO_VARIATION = "no variation between respondents or items"
NO_CEILING = "one side's values are not reliable above chance: there is no ceiling to hold the correlation against"
NO_SPREAD = "needs several model answers to an item, and values that vary between items"


class Weighted(NamedTuple):
    """Weighted counts by item: answers, ones, and ordered pairs of different respondents."""

    n: Floats
    ones: Floats
    pairs: Floats


class Drawn(NamedTuple):
    """One draw of people and items: the items' weights, all people's counts, those of the people in random halves."""

    items: Floats
    whole: Weighted
    halves: list[tuple[Weighted, Weighted]]


class Draws:
    """What is drawn of one set of people's answers; models and measures that stand beside them share it.

    The counts of all weights are sums of one sparse matrix, items by respondents, times the weights.
    """

    def __init__(self, answers: Observations, n_items: int, *, seed: int, n_splits: int, n_resamples: int) -> None:
        self.n_items, self.n_resamples = n_items, n_resamples
        self.n_people = int(answers.respondent.max(initial=-1)) + 1
        shape = (n_items, self.n_people)
        place = answers.item, answers.respondent
        self._answered = csr_array((np.ones(len(answers.value)), place), shape)
        self._ones = csr_array((answers.value, place), shape)
        everybody = np.ones(self.n_people)
        self.point = self._draw(everybody, np.ones(n_items), np.random.default_rng(seed), n_splits)
        self._everyone, self._seed = np.unique(answers.respondent), seed

    @cached_property
    def resamples(self) -> list[Drawn]:
        """Draw people and items anew, with replacement, and halves of the people that were drawn."""
        generator, everyone = np.random.default_rng(self._seed + 1), self._everyone
        found = []
        for _ in range(self.n_resamples):
            people = np.zeros(self.n_people)
            people[everyone] = generator.multinomial(len(everyone), np.full(len(everyone), 1 / len(everyone)))
            items = generator.multinomial(self.n_items, np.full(self.n_items, 1 / self.n_items)).astype(float)
            found.append(self._draw(people, items, generator, SPLITS_PER_DRAW))
        return found

    def _draw(self, people: Floats, items: Floats, generator: np.random.Generator, n_splits: int) -> Drawn:
        present = np.flatnonzero(people > 0)
        weights = [people]
        for _ in range(n_splits):
            first = np.zeros(self.n_people)
            chosen = generator.permutation(present)[: len(present) // 2]
            first[chosen] = people[chosen]
            weights.append(first)
        whole, *halves = self._counts(np.stack(weights, axis=1))
        return Drawn(items, whole, [(half, _rest(whole, half)) for half in halves])

    def _counts(self, weights: Floats) -> list[Weighted]:
        """Count under each column of weights; a respondent is no pair with their own copies."""
        n, ones = self._answered @ weights, self._ones @ weights
        own = self._answered @ weights**2
        return [Weighted(*column) for column in zip(n.T, ones.T, (n**2 - own).T, strict=True)]


def _rest(whole: Weighted, half: Weighted) -> Weighted:
    """Give the counts of those who are not in the half: pairs across the halves are lost to both."""
    n = whole.n - half.n
    own = (whole.n**2 - whole.pairs) - (half.n**2 - half.pairs)
    return Weighted(n, whole.ones - half.ones, n**2 - own)


@dataclass(frozen=True)
class Side:
    """Item values of one side and how reliable they are, or why that is not known; NaN where answers are too few."""

    values: Floats
    reliability: float
    reason: str = ""


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
    known: dict[tuple[Any, ...], Draws] = {}
    sizes = {"seed": seed, "n_splits": n_splits, "n_resamples": n_resamples}
    for group in groups(human, predictions, columns):
        key = (group.labels[columns.question], *group.items)
        if key not in known:
            known[key] = Draws(group.pairs.answers, group.pairs.n_items, **sizes)
        for measure in MEASURES:
            found = ceilings(group.pairs, measure, known[key], seed=seed, n_splits=n_splits, level=level)
            rows += [{**group.labels, "measure": measure, **row} for row in found]
    return pd.DataFrame(rows, columns=[columns.question, *columns.by, *COLUMNS])


def ceilings(
    pairs: PairedItems, measure: str, draws: Draws, *, seed: int, n_splits: int = 100, level: float = 0.95
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

    Halves that correlate below -1/3 would be stepped up to less than -1, which no correlation can be: no reliability. A
    model that always takes the first option does so, half of its samples being A and half B on every item.

    References
    ----------
    Spearman (1910) and Brown (1910), Br. J. Psychol. 3, 271-295 and 296-322. Schoppe et al. (2016), Front. Comput.
    Neurosci. 10:10 (share of what noise leaves). Owen & Eckles (2012), Ann. Appl. Stat. 6, 895-927 (product
    weights). R: psych::splitHalf for complete data.
    """
    n_respondents = pairs.answers.n_respondents
    model = _model_side(pairs, measure, seed, n_splits)
    points = _quantities(measure, model, draws.point)
    is_known = np.isfinite(points["human_reliability"])
    why_none = "" if is_known else _why_no_reliability(measure, draws.point)
    resampled = [_quantities(measure, model, one) for one in draws.resamples] if is_known else []
    n_items = int(np.isfinite(_values(draws.point.whole, measure)).sum())
    rows = []
    for name in QUANTITIES:
        values = np.array([one[name] for one in resampled])
        row = _interval(name, points[name], values[np.isfinite(values)], draws.n_resamples, level)
        reason = row.pop("reason")
        if np.isnan(points[name]):
            reason = _reason(name, why_none, model)
        elif reason and why_none:
            reason = f"no interval: {why_none}"
        if name == "model_reliability" and not reason:
            reason = NO_SAMPLING if pairs.is_exact else MEAN_OF_HALVES
        rows.append({"quantity": name, **row, "n_items": n_items, "n_respondents": n_respondents, "reason": reason})
    return rows


def spearman_brown(r: float, k: float = 2.0) -> float:
    """Step a reliability up to k times as many answers: k r / (1 + (k - 1) r)."""
    return k * r / (1 + (k - 1) * r)


def _stepped_up(half: float) -> float:
    """Give the reliability of the whole from the correlation of its halves; missing where it would be below -1."""
    return spearman_brown(half) if half >= OPPOSED else NAN


def _values(counts: Weighted, measure: str) -> Floats:
    """Give each item's rate or unbiased disagreement; missing below two answers of different people."""
    values = np.full(len(counts.n), NAN)
    enough = counts.pairs > NEGLIGIBLE
    if measure == RATE:
        np.divide(counts.ones, counts.n, out=values, where=enough)
    else:
        np.divide(counts.ones * (counts.n - counts.ones), counts.pairs, out=values, where=enough)
    return values


def _correlate(x: Floats, y: Floats, weights: Floats) -> float:
    used = np.isfinite(x) & np.isfinite(y) & (weights > 0)
    if used.sum() < FEWEST_ITEMS:
        return NAN
    x, y, w = x[used], y[used], weights[used] / weights[used].sum()
    x, y = x - w @ x, y - w @ y
    scale = (w @ x**2) * (w @ y**2)
    return float((w @ (x * y)) / np.sqrt(scale)) if scale > NEGLIGIBLE**2 else NAN


def _quantities(measure: str, model: Side, drawn: Drawn) -> dict[str, float]:
    """Compute all quantities under a draw's weights of respondents and items."""
    values = _values(drawn.whole, measure)
    found = [
        _correlate(_values(first, measure), _values(second, measure), drawn.items) for first, second in drawn.halves
    ]
    known = [r for r in found if np.isfinite(r)]
    half = float(np.mean(known)) if len(known) >= max(1, len(found) / 2) else NAN
    reliability = _stepped_up(half)
    correlation = _correlate(values, model.values, drawn.items)
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
        return Side(values, NAN, TOO_FEW if len(values) < FEWEST_ITEMS else NO_SPREAD)
    k, ones = k[enough], ones[enough]
    size = k // 2
    found = []
    for _ in range(n_splits):
        part = generator.hypergeometric(ones, k - ones, size)
        halves = [_sample_values(part, size, measure), _sample_values(ones - part, k - size, measure)]
        found.append(_correlate(halves[0], halves[1], np.ones(len(k))))
    half = float(np.mean(found))
    return Side(values, _stepped_up(half), MODEL_OPPOSED if half < OPPOSED else NO_SPREAD)


def _sample_values(ones: Codes, n: Codes, measure: str) -> Floats:
    rate: Floats = ones / n
    return rate if measure == RATE else n * rate * (1 - rate) / np.maximum(n - 1, 1)


def _interval(name: str, estimate: float, draws: Floats, n_resamples: int, level: float) -> dict[str, Any]:
    nothing = {"estimate": estimate, "se": NAN, "ci_low": NAN, "ci_high": NAN, "reason": ""}
    if name == "model_reliability" or np.isnan(estimate):
        return nothing
    if len(draws) < max(2, n_resamples / 2):
        return {**nothing, "reason": "not defined in most draws of people and items"}
    se, z = float(draws.std(ddof=1)), float(ndtri(0.5 + level / 2))
    if se <= NEGLIGIBLE:
        return {**nothing, "reason": NO_VARIATION}
    if name == "share_of_ceiling" or abs(estimate) >= 1:
        return {"estimate": estimate, "se": se, "ci_low": estimate - z * se, "ci_high": estimate + z * se, "reason": ""}
    centre, spread = np.arctanh(estimate), se / (1 - estimate**2)
    low, high = np.tanh(centre - z * spread), np.tanh(centre + z * spread)
    if name != "correlation" and estimate >= 0:
        low = max(low, 0.0)
    return {"estimate": estimate, "se": se, "ci_low": float(low), "ci_high": float(high), "reason": ""}


def _why_no_reliability(measure: str, drawn: Drawn) -> str:
    """Say why people's reliability is missing: too few answers, nothing that varies, or halves at odds."""
    both = [
        np.isfinite(_values(first, measure)) & np.isfinite(_values(second, measure)) for first, second in drawn.halves
    ]
    enough = [used for used in both if used.sum() >= FEWEST_ITEMS]
    if len(enough) < max(1, len(both) / 2):
        return TOO_FEW
    known = [
        _correlate(_values(first, measure), _values(second, measure), drawn.items) for first, second in drawn.halves
    ]
    return PEOPLE_OPPOSED if np.isfinite(known).sum() >= max(1, len(both) / 2) else ALIKE


def _reason(name: str, why_none: str, model: Side) -> str:
    if name == "correlation":
        return why_none if why_none in (TOO_FEW, ALIKE) else NO_SPREAD
    if name == "model_reliability":
        return model.reason
    if why_none:
        return why_none
    return model.reason if np.isnan(model.reliability) else NO_CEILING
