"""What the measures come to for other people, and for a model with exactly the people's rates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.stats.alignment.items import PairedItems
from analysis.stats.alignment.measures import BY_ITEM, NAN, Alignment, item_part
from analysis.stats.observations import Floats, Observations

OTHER_HALF, SAME_RATES = "other_half", "same_rates"
HALF_MEASURES = ("majority_match_paper", "majority_match_half_credit", *BY_ITEM[2:])
NULL_MEASURES = BY_ITEM[2:]
DRAWS = 400
TOO_FEW_HALVES = "no item has an answer in both halves"


def halves(answers: Observations, n_items: int, n_splits: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Split the respondents at random, again and again: each half's counts, [answers, ones] by item."""
    generator = np.random.default_rng(seed)
    everyone = int(answers.respondent.max()) + 1 if len(answers.respondent) else 0
    present = np.unique(answers.respondent)
    for _ in range(n_splits):
        first = np.zeros(everyone, dtype=bool)
        first[generator.permutation(present)[: len(present) // 2]] = True
        is_first = first[answers.respondent]
        yield tuple(_counts(answers.where(mask), n_items) for mask in (is_first, ~is_first))  # type: ignore[misc]


def other_half(pairs: PairedItems, *, n_splits: int, seed: int, level: float = 0.95) -> list[Alignment]:
    """Score one half of the people as if it were a model of the other half.

    Notes
    -----
    Mean over random halves of the respondents of each measure's mean over items that both halves answered. Half as many
    people stand on either side as in the model's row, so measures that few answers bias upwards are biased more here.
    The interval is the central `level` of the halves: what another split would have shown.
    """
    found: dict[str, list[float]] = {name: [] for name in HALF_MEASURES}
    for first, second in halves(pairs.answers, pairs.n_items, n_splits, seed):
        both = (first[0] > 0) & (second[0] > 0)
        if not both.any():
            continue
        rates = second[1][both] / second[0][both]
        half = _as_pairs(first[1][both] / first[0][both], first[0][both], pairs)
        for name in HALF_MEASURES:
            found[name].append(float(item_part(name, rates, half).value.mean()))
    return [_spread(OTHER_HALF, name, np.array(values), level, TOO_FEW_HALVES) for name, values in found.items()]


def same_rates(
    pairs: PairedItems, *, seed: int, n_draws: int = DRAWS, level: float = 0.95
) -> tuple[list[Alignment], dict[str, float]]:
    """Draw what a model with exactly the people's rates would score with as many answers, and compare the real score.

    Returns
    -------
    list of Alignment, dict of str to float
        For each distance its mean under this null hypothesis with the central `level` of the draws; and the share of
        draws that reach the model's distance.

    Notes
    -----
    Parametric null: an item's true rate is (a + k m + 1/2) / (n + k + 1) from both sides' answers, or from the
    people's alone where the model gives probabilities; both sides are drawn anew from it (a probability stays what
    it is). The distance over the null's mean is what few answers do not explain.

    References
    ----------
    Davison & Hinkley (1997), Bootstrap Methods and their Application, section 4.2 (p = (1 + b) / (1 + B)).
    R: no package.
    """
    generator = np.random.default_rng(seed)
    n, k, m = pairs.n_human, pairs.n_model, pairs.model_rate
    ones, weight = n * pairs.human_rate, np.zeros_like(n) if pairs.is_exact else k
    rate = (ones + weight * m + 0.5) / (n + weight + 1)
    draws: dict[str, list[float]] = {name: [] for name in NULL_MEASURES}
    for _ in range(n_draws):
        people = generator.binomial(n.astype(int), rate) / n
        model = rate if pairs.is_exact else generator.binomial(k.astype(int), rate) / k
        drawn = _as_pairs(people, n, pairs)
        for name in NULL_MEASURES:
            draws[name].append(float(item_part(name, model, drawn).value.mean()))
    rows, p_values = [], {}
    for name, values in draws.items():
        scores = np.array(values)
        reached = scores >= float(item_part(name, m, pairs).value.mean()) - 1e-12
        rows.append(_spread(SAME_RATES, name, scores, level))
        p_values[name] = float((1 + reached.sum()) / (1 + n_draws))
    return rows, p_values


def _as_pairs(rate: Floats, n: Floats, like: PairedItems) -> PairedItems:
    nobody = Observations(rate[:0], like.answers.respondent[:0], like.answers.item[:0])
    return PairedItems(rate, n, rate, n, np.zeros_like(rate), True, nobody)


def _counts(answers: Observations, n_items: int) -> Floats:
    ones = np.bincount(answers.item, answers.value, n_items)
    return np.array([np.bincount(answers.item, minlength=n_items), ones], dtype=float)


def _spread(who: str, name: str, values: Floats, level: float, why_none: str = "") -> Alignment:
    if len(values) < 2:
        return Alignment(who, name, NAN, NAN, NAN, NAN, NAN, why_none)
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return Alignment(who, name, float(values.mean()), float(values.std(ddof=1)), float(low), float(high), NAN, "")
