"""How close a model comes to people, item by item, beside what other people and fixed rules reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.observations import Floats, require
from analysis.stats.twoway import NEGLIGIBLE, require_level

NAN = float("nan")
BLOCK = 500

MODEL, ALWAYS_CULTURE, ANOTHER_PERSON, BEST_RULE = (
    "model",
    "always_culture",
    "another_person",
    "best_fixed_rule",
)
MEASURES: dict[str, tuple[str, ...]] = {
    MODEL: (
        "expected_match",
        "chance_match",
        "kappa_x",
        "majority_match_paper",
        "majority_match_half_credit",
        "signed_rate_gap",
        "item_mae",
        "squared_gap",
        "squared_gap_debiased",
        "rate_correlation",
        "disagreement_correlation",
    ),
    ALWAYS_CULTURE: (
        "expected_match",
        "majority_match_paper",
        "majority_match_half_credit",
        "signed_rate_gap",
        "item_mae",
    ),
    ANOTHER_PERSON: ("expected_match",),
    BEST_RULE: ("item_mae",),
}
NO_ITEMS = "no item was answered by both the model and people"
WHY_UNDEFINED = {
    "expected_match": "no item has two human answers",
    "kappa_x": "model and people all give one answer",
    "squared_gap_debiased": "no item has two human answers",
    "rate_correlation": "the model's or the people's rate is the same on every item",
    "disagreement_correlation": "needs items with two answers on both sides, and disagreement that varies",
}
RESULT_COLUMNS = [
    "predictor",
    "measure",
    "estimate",
    "ci_low",
    "ci_high",
    "se",
    "n_items",
    "n_tied_items",
    "n_model_answers",
    "n_human_answers",
    "reason",
]


@dataclass(frozen=True)
class PairedItems:
    """Rates of one model and of people on the items both answered, and from how many answers each."""

    human_rate: Floats
    n_human: Floats
    model_rate: Floats
    n_model: Floats


@dataclass(frozen=True)
class Alignment:
    """One measure of one predictor; `reason` says why a number is missing."""

    predictor: str
    measure: str
    estimate: float
    ci_low: float
    ci_high: float
    se: float
    reason: str


class Resampling(NamedTuple):
    """How intervals are made: draws of items, their seed, and the confidence level."""

    n_resamples: int
    seed: int
    level: float


def alignment_table(
    human: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    item: str,
    question: str,
    human_value: str,
    model_value: str,
    by: Sequence[str],
    seed: int,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare every model, question and persona setting with people on the items both answered.

    Parameters
    ----------
    human, predictions : DataFrame
        One answer per row, personal and norm answers stacked; missing answers are left out. Every row
        counts: repeated runs that should not are the caller's to drop.
    item, question : str
        Columns of both frames.
    human_value, model_value : str
        Columns of 0/1 answers (1 = follows culture).
    by : sequence of str
        Columns of `predictions` that name the model and its setting.
    seed : int
        Seed of the item bootstrap; every group uses the same draws, so differences between models are paired.
    n_resamples : int
        Number of draws.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        `question`, `by`, then `RESULT_COLUMNS`: one row per predictor and measure (see `align`).
    """
    require(human, [item, question, human_value])
    require(predictions, [item, question, model_value, *by])
    resampling = _resampling(n_resamples, seed, level)
    people = {
        str(asked): item_counts(rows, human_value, item) for asked, rows in human.groupby(question, observed=True)
    }
    nobody = item_counts(human.iloc[:0], human_value, item)
    results = []
    for key, rows in predictions.groupby([question, *by], dropna=False, observed=True):
        pairs = pair_items(people.get(str(key[0]), nobody), item_counts(rows, model_value, item))
        group = {**dict(zip([question, *by], key, strict=True)), **_sizes(pairs)}
        results += [{**group, **vars(result)} for result in align(pairs, resampling)]
    return pd.DataFrame(results, columns=[question, *by, *RESULT_COLUMNS])


def item_counts(frame: pd.DataFrame, value: str, item: str) -> pd.DataFrame:
    """Give each item's `rate` of 1s and number of answers `n`; items nobody answered are left out."""
    answered = frame[frame[value].notna()]
    if not answered[value].isin([0, 1]).all():
        raise ValueError(f"{value}: answers must be 0, 1 or missing")
    groups = answered[value].astype(float).groupby(answered[item])
    return pd.DataFrame({"rate": groups.mean(), "n": groups.size()})


def pair_items(human: pd.DataFrame, model: pd.DataFrame) -> PairedItems:
    """Keep the items both answered, in sorted order."""
    items = human.index.intersection(model.index).sort_values()
    people, machine = human.loc[items], model.loc[items]
    return PairedItems(
        people["rate"].to_numpy(float),
        people["n"].to_numpy(float),
        machine["rate"].to_numpy(float),
        machine["n"].to_numpy(float),
    )


def align(pairs: PairedItems, resampling: Resampling) -> list[Alignment]:
    """Estimate the alignment measures with item-bootstrap intervals.

    Parameters
    ----------
    pairs : PairedItems
        p, n: people's rate and answers; m, k: the model's, per item.
    resampling : Resampling
        Draws, seed and level of the percentile interval.

    Returns
    -------
    list of Alignment
        The measures in `MEASURES`: those of the model, then the rows to read them against: a rule that
        always follows culture, another person, and the best fixed choice per item.

    Notes
    -----
    Expected match: mean of m p + (1 - m)(1 - p), the chance that a model answer equals a random person's;
    for another person 1 - 2 n p (1 - p) / (n - 1) over items with n >= 2. Chance match: the same of the mean
    rates. kappa_x = (expected - chance) / (1 - chance). Majority match: [m >= .5] = [p >= .5] (the paper's
    tie rule), or half a point where p = .5. Signed gap: mean of m - p. Item MAE: mean of abs(m - p). Squared
    gap, and debiased: (m - p)² - m (1 - m) / (k - 1) - p (1 - p) / (n - 1) over items with n >= 2; k = 1
    counts as a fixed choice, without the model's term. Rate correlation: Pearson of m with p. Disagreement
    correlation: Pearson of n p (1 - p) / (n - 1) with the model's, over items with n, k >= 2. The interval
    resamples items and holds the people fixed.

    References
    ----------
    Wong, Paritosh & Aroyo (2021), cross-replication reliability (kappa_x). R: plain means and cor(); no
    package.
    """
    n_items = len(pairs.human_rate)
    if n_items == 0:
        return [Alignment(who, name, NAN, NAN, NAN, NAN, NO_ITEMS) for who, names in MEASURES.items() for name in names]
    points = _measures(pairs, np.ones((1, n_items)))
    draws = _draws(pairs, resampling) if n_items > 1 else {}
    return [
        _result(who, name, float(points[who, name][0]), draws.get((who, name)), resampling.level)
        for who, names in MEASURES.items()
        for name in names
    ]


def _resampling(n_resamples: int, seed: int, level: float) -> Resampling:
    require_level(level)
    if n_resamples < 1:
        raise ValueError("n_resamples must be at least 1")
    return Resampling(n_resamples, seed, level)


def _sizes(pairs: PairedItems) -> dict[str, int]:
    return {
        "n_items": len(pairs.human_rate),
        "n_tied_items": int((pairs.human_rate == 0.5).sum()),
        "n_model_answers": int(pairs.n_model.sum()),
        "n_human_answers": int(pairs.n_human.sum()),
    }


def _draws(pairs: PairedItems, resampling: Resampling) -> dict[tuple[str, str], Floats]:
    generator, n_items = np.random.default_rng(resampling.seed), len(pairs.human_rate)
    chances = np.full(n_items, 1 / n_items)
    blocks = []
    for start in range(0, resampling.n_resamples, BLOCK):
        size = min(BLOCK, resampling.n_resamples - start)
        blocks.append(_measures(pairs, generator.multinomial(n_items, chances, size=size).astype(float)))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _result(who: str, name: str, estimate: float, draws: Floats | None, level: float) -> Alignment:
    if np.isnan(estimate):
        return Alignment(who, name, NAN, NAN, NAN, NAN, WHY_UNDEFINED[name])
    if draws is None:
        return Alignment(who, name, estimate, NAN, NAN, NAN, "fewer than two items")
    defined = draws[~np.isnan(draws)]
    if len(defined) < max(2, len(draws) / 2):
        return Alignment(who, name, estimate, NAN, NAN, NAN, "not defined in most resamples of the items")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Alignment(who, name, estimate, float(low), float(high), float(defined.std(ddof=1)), "")


def _measures(pairs: PairedItems, weights: Floats) -> dict[tuple[str, str], Floats]:
    """Compute every measure under each row of item weights."""
    p, n, m, k = pairs.human_rate, pairs.n_human, pairs.model_rate, pairs.n_model
    always = np.ones_like(p)
    human_pairs, both_pairs = n >= 2, (n >= 2) & (k >= 2)
    human_odds, model_odds = _disagreement(p, n), _disagreement(m, k)
    expected, chance = _mean(weights, m * p + (1 - m) * (1 - p)), _chance(weights, m, p)
    debiased = (m - p) ** 2 - model_odds / k - human_odds / n
    results = {
        (MODEL, "chance_match"): chance,
        (MODEL, "kappa_x"): _ratio(expected - chance, 1 - chance),
        (MODEL, "squared_gap"): _mean(weights, (m - p) ** 2),
        (MODEL, "squared_gap_debiased"): _mean(weights[:, human_pairs], debiased[human_pairs]),
        (MODEL, "rate_correlation"): _correlation(weights, m, p),
        (MODEL, "disagreement_correlation"): _correlation(
            weights[:, both_pairs], model_odds[both_pairs], human_odds[both_pairs]
        ),
        (ANOTHER_PERSON, "expected_match"): _mean(weights[:, human_pairs], 1 - 2 * human_odds[human_pairs]),
        (BEST_RULE, "item_mae"): _mean(weights, np.minimum(p, 1 - p)),
    }
    for who, rate in ((MODEL, m), (ALWAYS_CULTURE, always)):
        results |= {
            (who, "expected_match"): _mean(weights, rate * p + (1 - rate) * (1 - p)),
            (who, "majority_match_paper"): _mean(weights, ((rate >= 0.5) == (p >= 0.5)).astype(float)),
            (who, "majority_match_half_credit"): _mean(weights, _half_credit(rate, p)),
            (who, "signed_rate_gap"): _mean(weights, rate - p),
            (who, "item_mae"): _mean(weights, np.abs(rate - p)),
        }
    return results


def _disagreement(rate: Floats, n: Floats) -> Floats:
    """Give n p (1 - p) / (n - 1), unbiased for p (1 - p); 0 where there is one answer."""
    unbiased: Floats = n * rate * (1 - rate) / np.maximum(n - 1, 1)
    unbiased[n < 2] = 0.0
    return unbiased


def _half_credit(rate: Floats, human: Floats) -> Floats:
    matches: Floats = ((rate >= 0.5) == (human > 0.5)).astype(float)
    matches[human == 0.5] = 0.5
    return matches


def _chance(weights: Floats, m: Floats, p: Floats) -> Floats:
    model, human = _mean(weights, m), _mean(weights, p)
    return model * human + (1 - model) * (1 - human)


def _mean(weights: Floats, values: Floats) -> Floats:
    return _ratio(weights @ values, weights.sum(axis=1))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    ratio = np.full(len(numerator), NAN)
    np.divide(numerator, denominator, out=ratio, where=denominator > NEGLIGIBLE)
    return ratio


def _correlation(weights: Floats, x: Floats, y: Floats) -> Floats:
    """Correlate under each row of weights; missing where either side does not vary."""
    if len(x) < 2:
        return np.full(len(weights), NAN)
    x, y = x - x.mean(), y - y.mean()
    mean_x, mean_y = _mean(weights, x), _mean(weights, y)
    covariance = _mean(weights, x * y) - mean_x * mean_y
    variance_x, variance_y = _mean(weights, x * x) - mean_x**2, _mean(weights, y * y) - mean_y**2
    varies = (variance_x > NEGLIGIBLE) & (variance_y > NEGLIGIBLE)
    return _ratio(covariance, np.sqrt(np.where(varies, variance_x * variance_y, 0.0)))
