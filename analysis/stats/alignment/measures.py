"""How close one model comes to people, beside what other people, fixed rules and chance reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.stats.alignment.delta import (
    Function,
    Means,
    Part,
    combine,
    delta,
    fixed,
    of_both_ones,
    of_disagreement,
    of_rate,
    only,
)
from analysis.stats.alignment.items import PairedItems
from analysis.stats.observations import Floats

NAN = float("nan")
NEGLIGIBLE = 1e-12

MODEL, ALWAYS_CULTURE, UNIFORM, ANOTHER_PERSON, BEST_RULE = (
    "model",
    "always_culture",
    "uniform",
    "another_person",
    "best_fixed_rule",
)
BY_ITEM = ("expected_match", "signed_rate_gap", "total_variation", "squared_gap", "js_divergence", "js_distance")
OF_RULES = ("expected_match", "majority_match_paper", "majority_match_half_credit", *BY_ITEM[1:])
MEASURES: dict[str, tuple[str, ...]] = {
    MODEL: (
        *OF_RULES,
        "chance_match",
        "kappa_x",
        "kappa_x_normalised",
        "squared_gap_debiased",
        "rate_correlation",
        "rate_correlation_disattenuated",
        "disagreement_correlation",
    ),
    ALWAYS_CULTURE: OF_RULES,
    UNIFORM: BY_ITEM,
    ANOTHER_PERSON: ("expected_match",),
    BEST_RULE: ("total_variation",),
}
NO_ITEMS = "no item was answered by both the model and people"
ONE_ANSWER = "no item has two human answers"
WHY_UNDEFINED = {
    "expected_match": ONE_ANSWER,
    "kappa_x": "model and people all give one answer",
    "kappa_x_normalised": "needs several model answers on every item, and people and model that agree above chance",
    "squared_gap_debiased": ONE_ANSWER,
    "rate_correlation": "the model's or the people's rate is the same on every item",
    "rate_correlation_disattenuated": "the rates vary between items no more than by the chance of few answers",
    "disagreement_correlation": "needs items with two answers on both sides, and disagreement that varies",
}
UNIT = (0.0, 1.0)
SIGNED = (-1.0, 1.0)
BOUNDS = {"signed_rate_gap": SIGNED, "kappa_x": (-np.inf, 1.0), "squared_gap_debiased": SIGNED}
UNBOUNDED = ("kappa_x_normalised", "rate_correlation_disattenuated")
CORRELATIONS = ("rate_correlation", "disagreement_correlation")


@dataclass(frozen=True)
class Alignment:
    """One measure of one predictor; `reason` says why a number is missing."""

    predictor: str
    measure: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    df: float
    reason: str


class Estimand(NamedTuple):
    """A function of item means, and the parts it takes."""

    function: Function
    parts: Mapping[str, Part]


def align(pairs: PairedItems, level: float = 0.95) -> list[Alignment]:
    """Estimate the alignment measures with intervals clustered by respondent and by item.

    Parameters
    ----------
    pairs : PairedItems
        p, n: people's rate and answers per item; m, k: the model's, v the sampling variance of m.
    level : float
        Confidence level.

    Returns
    -------
    list of Alignment
        The measures in `MEASURES`: those of the model, then the rows to read them against: a rule that always
        follows culture, one that says a half of everything, another person, and the best fixed choice per item.

    Notes
    -----
    Means over items of: expected match m p + (1 - m)(1 - p), the chance that a model answer equals a random
    person's, for another person 1 - 2 n p (1 - p) / (n - 1) where n >= 2; majority match [m >= .5] = [p >= .5] (the
    paper's tie rule), or half a point where p = .5; signed gap m - p; total variation abs(m - p), which is also the
    paper's item MAE and the Wasserstein distance; squared gap, and debiased (m - p)² - v - p (1 - p) / (n - 1) where
    n >= 2; Jensen-Shannon divergence in bits, H((m + p) / 2) - H(m) / 2 - H(p) / 2, and its root, the distance. Both
    are biased upwards by few answers, as total variation is: see `baselines.same_rates`.

    Chance match: the expected match of the mean rates. kappa_x = (expected - chance) / (1 - chance); normalised:
    over the root of the product of people's and the model's alpha. Rate correlation: Pearson of m with p;
    disattenuated: cov(m, p) over the root of (var m - mean v)(var p - mean p (1 - p) / (n - 1)). Disagreement
    correlation: Pearson of the unbiased p (1 - p) with the model's.

    The intervals are about new people and new items (`delta`); the majority matches hold the people's majorities
    fixed, since the influence of one person on a majority is not smooth.

    References
    ----------
    Wong, Paritosh & Aroyo (2021), cross-replication reliability (kappa_x). Lin (1991), IEEE Trans. Inf. Theory 37,
    145-151 (Jensen-Shannon). Spearman (1904), Am. J. Psychol. 15, 72-101 (disattenuation). R: plain means and
    cor(); philentropy::JSD; no package for the rest.
    """
    if pairs.n_items == 0:
        return [
            Alignment(who, name, NAN, NAN, NAN, NAN, NAN, NO_ITEMS) for who, names in MEASURES.items() for name in names
        ]
    return [
        _estimated(pairs, who, name, estimands[name], level)
        for who, names in MEASURES.items()
        for estimands in [ESTIMANDS[who](pairs)]
        for name in names
    ]


def _estimated(pairs: PairedItems, who: str, name: str, estimand: Estimand, level: float) -> Alignment:
    """Put one measure of one predictor with its interval."""
    found = delta(
        estimand.parts,
        estimand.function,
        pairs.answers,
        level=level,
        undefined=WHY_UNDEFINED.get(name, NO_ITEMS),
        bounds=(-np.inf, np.inf) if name in UNBOUNDED else BOUNDS.get(name, UNIT),
        as_correlation=name in CORRELATIONS,
    )
    return Alignment(who, name, found.estimate, found.se, found.ci_low, found.ci_high, found.df, found.reason)


def item_part(name: str, m: Floats, pairs: PairedItems) -> Part:
    """Give what each item adds to a measure that is a mean over items."""
    p, n = pairs.human_rate, pairs.n_human
    if name == "expected_match":
        return of_rate(p, n, m * p + (1 - m) * (1 - p), 2 * m - 1)
    if name == "signed_rate_gap":
        return of_rate(p, n, m - p, -np.ones_like(p))
    if name == "total_variation":
        return of_rate(p, n, np.abs(m - p), np.sign(p - m))
    if name == "squared_gap":
        return of_rate(p, n, (m - p) ** 2, 2 * (p - m))
    if name in ("js_divergence", "js_distance"):
        return _jensen_shannon(m, p, n, is_distance=name == "js_distance")
    if name == "majority_match_paper":
        return fixed(((m >= 0.5) == (p >= 0.5)).astype(float))
    if name == "majority_match_half_credit":
        return fixed(np.where(p == 0.5, 0.5, (m >= 0.5) == (p > 0.5)).astype(float))
    raise ValueError(f"{name} is no mean over items")


def binary_entropy(x: Floats) -> Floats:
    """Give the entropy of a yes or no in bits."""
    inside = np.clip(x, 1e-300, 1.0)
    outside = np.clip(1 - x, 1e-300, 1.0)
    entropy: Floats = -(x * np.log2(inside) + (1 - x) * np.log2(outside))
    return entropy


def jensen_shannon(m: Floats, p: Floats) -> Floats:
    """Give the Jensen-Shannon divergence of two shares in bits, from 0 to 1."""
    mixed = binary_entropy((m + p) / 2) - (binary_entropy(m) + binary_entropy(p)) / 2
    divergence: Floats = np.clip(mixed, 0.0, None)
    return divergence


def _jensen_shannon(m: Floats, p: Floats, n: Floats, *, is_distance: bool) -> Part:
    """Make the part; where all people say one thing, every answer's influence is zero, whatever the slope."""
    value = jensen_shannon(m, p)
    mixed_people = (p > 0) & (p < 1)
    safe, middle = np.where(mixed_people, p, 0.5), np.where(mixed_people, (m + p) / 2, 0.5)
    slope = np.where(mixed_people, 0.5 * (np.log2((1 - middle) / middle) - np.log2((1 - safe) / safe)), 0.0)
    if not is_distance:
        return of_rate(p, n, value, slope)
    root = np.sqrt(value)
    return of_rate(p, n, root, np.where(root > NEGLIGIBLE, slope / (2 * np.maximum(root, NEGLIGIBLE)), 0.0))


def mean_of(name: str, m: Floats, pairs: PairedItems) -> Estimand:
    """Make the estimand of a measure that is a mean over all items."""
    return Estimand(lambda means: means["value"], {"value": item_part(name, m, pairs)})


def correlation(means: Means) -> complex:
    """Give Pearson's r from the means of x, y, xx, yy and xy; NaN where one does not vary."""
    variance_x, variance_y = means["xx"] - means["x"] ** 2, means["yy"] - means["y"] ** 2
    if variance_x.real <= NEGLIGIBLE or variance_y.real <= NEGLIGIBLE:
        return complex(NAN)
    return complex((means["xy"] - means["x"] * means["y"]) / np.sqrt(variance_x * variance_y))


def _model(pairs: PairedItems) -> dict[str, Estimand]:
    m = pairs.model_rate
    return {
        **{name: mean_of(name, m, pairs) for name in OF_RULES},
        **_chance_corrected(pairs),
        "squared_gap_debiased": _debiased(pairs, m, pairs.model_variance),
        "rate_correlation": Estimand(correlation, _rate_moments(pairs)),
        "rate_correlation_disattenuated": _disattenuated(pairs),
        "disagreement_correlation": _disagreement_correlation(pairs),
    }


def _rule(rate: float, names: tuple[str, ...]) -> Callable[[PairedItems], dict[str, Estimand]]:
    def estimands(pairs: PairedItems) -> dict[str, Estimand]:
        return {name: mean_of(name, np.full(pairs.n_items, rate), pairs) for name in names}

    return estimands


def _another_person(pairs: PairedItems) -> dict[str, Estimand]:
    enough = pairs.n_human >= 2
    parts = {"u": of_disagreement(pairs.human_rate, pairs.n_human), "enough": fixed(enough.astype(float))}
    return {"expected_match": Estimand(lambda means: 1 - 2 * _over(means["u"], means["enough"]), parts)}


def _best_rule(pairs: PairedItems) -> dict[str, Estimand]:
    p = pairs.human_rate
    part = of_rate(p, pairs.n_human, np.minimum(p, 1 - p), np.sign(0.5 - p))
    return {"total_variation": Estimand(lambda means: means["value"], {"value": part})}


def _chance_corrected(pairs: PairedItems) -> dict[str, Estimand]:
    m, p, n = pairs.model_rate, pairs.human_rate, pairs.n_human
    parts = {
        "match": item_part("expected_match", m, pairs),
        "m": fixed(m),
        "p": of_rate(p, n, p, np.ones_like(p)),
    }

    def chance(means: Means) -> complex:
        return means["m"] * means["p"] + (1 - means["m"]) * (1 - means["p"])

    def kappa(means: Means) -> complex:
        return _over(means["match"] - chance(means), 1 - chance(means))

    alphas = _alpha_parts(pairs)

    def normalised(means: Means) -> complex:
        people, model = _alpha(means, "people", pairs.n_items), _alpha(means, "model", pairs.n_items)
        if not (people.real > NEGLIGIBLE and model.real > NEGLIGIBLE):
            return complex(NAN)
        return complex(kappa(means) / np.sqrt(people * model))

    return {
        "chance_match": Estimand(chance, parts),
        "kappa_x": Estimand(kappa, parts),
        "kappa_x_normalised": Estimand(normalised, parts | alphas),
    }


def _alpha_parts(pairs: PairedItems) -> dict[str, Part]:
    """Make the parts of both alphas: n times the chance that a pair differs, n, and the number of ones."""
    p, n, k = pairs.human_rate, pairs.n_human, pairs.n_model
    enough, one = n >= 2, np.ones_like(p)
    u = of_disagreement(p, n)
    differ = combine((2 * n, u), (2 * u.value, Part(np.zeros_like(p), one, one)))
    people = {"people_differ": differ, "people_n": Part(n, one, one), "people_ones": Part(n * p, one, 0 * one)}
    weight = one if pairs.is_exact else k
    model = {
        "model_differ": fixed(2 * weight * pairs.model_spread),
        "model_n": fixed(weight),
        "model_ones": fixed(weight * pairs.model_rate),
    }
    grand = {"model_finite": fixed(np.full_like(p, 0.0 if pairs.is_exact else 1.0))}
    return {name: only(part, enough) for name, part in people.items()} | model | grand


def _alpha(means: Means, whose: str, n_items: int) -> complex:
    """Give 1 - Do / De; De counts pairs of different answers, or of a model's probabilities without that."""
    n, ones = means[f"{whose}_n"], means[f"{whose}_ones"]
    is_finite = whose == "people" or means["model_finite"].real > 0.5
    pairs = n * (n - 1 / n_items) if is_finite else n * n
    if not (n.real > NEGLIGIBLE and pairs.real > NEGLIGIBLE and 0 < ones.real < n.real):
        return complex(NAN)
    return 1 - (means[f"{whose}_differ"] / n) / (2 * ones * (n - ones) / pairs)


def _debiased(pairs: PairedItems, m: Floats, v: Floats) -> Estimand:
    p, n = pairs.human_rate, pairs.n_human
    enough = n >= 2
    value = combine((1.0, fixed(m**2 - v)), (-2 * m, of_rate(p, n, p, np.ones_like(p))), (1.0, of_both_ones(p, n)))
    parts = {"value": only(value, enough), "enough": fixed(enough.astype(float))}
    return Estimand(lambda means: _over(means["value"], means["enough"]), parts)


def _rate_moments(pairs: PairedItems) -> dict[str, Part]:
    m, p, n = pairs.model_rate, pairs.human_rate, pairs.n_human
    centre = p.mean()
    p = p - centre  # the moments of a centred rate lose no digits; its derivatives are those of the rate

    def part(value: Floats, slope: Floats) -> Part:
        return of_rate(pairs.human_rate, n, value, slope)

    x = m - m.mean()
    return {
        "x": fixed(x),
        "xx": fixed(x**2),
        "y": part(p, np.ones_like(p)),
        "yy": part(p**2, 2 * p),
        "xy": part(x * p, x),
    }


def _disattenuated(pairs: PairedItems) -> Estimand:
    p, n = pairs.human_rate, pairs.n_human
    enough = n >= 2
    noise = combine((1 / n, of_disagreement(p, n)), (-of_disagreement(p, n).value / n**2, _weight(p)))
    parts = _rate_moments(pairs) | {
        "noise": only(noise, enough),
        "enough": fixed(enough.astype(float)),
        "model_noise": fixed(pairs.model_variance),
    }

    def function(means: Means) -> complex:
        variance_x = means["xx"] - means["x"] ** 2 - means["model_noise"]
        variance_y = means["yy"] - means["y"] ** 2 - _over(means["noise"], means["enough"])
        if not (variance_x.real > NEGLIGIBLE and variance_y.real > NEGLIGIBLE):
            return complex(NAN)
        return complex((means["xy"] - means["x"] * means["y"]) / np.sqrt(variance_x * variance_y))

    return Estimand(function, parts)


def _weight(p: Floats) -> Part:
    """Make the part whose derivative is that of the number of answers."""
    one = np.ones_like(p)
    return Part(np.zeros_like(p), one, one)


def _disagreement_correlation(pairs: PairedItems) -> Estimand:
    people, model = of_disagreement(pairs.human_rate, pairs.n_human), pairs.model_spread
    used = (pairs.n_human >= 2) & ~np.isnan(model)
    x = np.where(used, model, 0.0)
    parts = {
        "x": fixed(x),
        "xx": fixed(x**2),
        "y": people,
        "yy": Part(people.value**2, 2 * people.value * people.one, 2 * people.value * people.zero),
        "xy": Part(x * people.value, x * people.one, x * people.zero),
    }
    kept = {name: only(part, used) for name, part in parts.items()} | {"used": fixed(used.astype(float))}

    def function(means: Means) -> complex:
        if means["used"].real * pairs.n_items < 2:
            return complex(NAN)
        return correlation({name: means[name] / means["used"] for name in parts})

    return Estimand(function, kept)


def _over(numerator: complex, denominator: complex) -> complex:
    return numerator / denominator if abs(denominator) > NEGLIGIBLE else complex(NAN)


ESTIMANDS: dict[str, Callable[[PairedItems], dict[str, Estimand]]] = {
    MODEL: _model,
    ALWAYS_CULTURE: _rule(1.0, OF_RULES),
    UNIFORM: _rule(0.5, BY_ITEM),
    ANOTHER_PERSON: _another_person,
    BEST_RULE: _best_rule,
}
