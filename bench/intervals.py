"""Rates, agreement and effect sizes, the part `rates` of `bench.coverage`: studies, truths and estimators.

Studies are drawn from a model whose true values are integrals: countries that differ, items that differ and differ
between countries, people of two demographic cells who differ, two relations of which one has less spread between items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.stats.agreement import agreement
from analysis.stats.agreement_across import agreement_across
from analysis.stats.agreement_difference import agreement_difference
from analysis.stats.effects import level_spread
from analysis.stats.latent import disagreement_of, latent_icc
from analysis.stats.pluralism import latent_agreement, pluralism
from analysis.stats.rates import difference, gap, rate
from analysis.stats.rates_standard import poststratified_by, shared_differences
from bench.covered import Coverage, Interval, counted, held_by

RELATIONS = {"same": (0.3, 0.6), "far": (0.8, 1.2)}  # mean and standard deviation of items, logit scale
COUNTRIES = {"BR": -0.4, "IN": 0.0, "UK": 0.2, "US": 0.4}
CELLS = {"women": (0.3, 0.75), "men": (-0.3, 0.25)}  # effect, and share of the people
RESPONDENT_SD = 0.8
ITEM_IN_COUNTRY_SD = 0.4
NORM_SHIFT = 0.5
N_NODES = 31
WHO: dict[str, Any] = {"respondent": "person", "item": "item"}
UNITS: dict[str, Any] = {"respondent": "person", "item": ["item", "country"], "cluster": "item", "value": "y"}
BY_RELATION: dict[str, Any] = {"group": "relation", "first": "same", "second": "far"}


@dataclass(frozen=True)
class Design:
    """People per country, items per relation, and how many of both relations each person judges."""

    name: str
    people: int
    items: int
    per_person: int


DESIGNS = (
    Design("200 people, 24 of 120 items", 50, 60, 24),
    Design("84 people, 8 of 60 items", 21, 30, 8),
    Design("1,000 people, 24 of 60 items", 250, 30, 24),
)


class Estimator(NamedTuple):
    name: str
    truth: float
    estimate: Callable[[pd.DataFrame], Interval]


def draw(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a study: new people and new items."""
    n_items = 2 * design.items
    means = np.repeat([mean for mean, _ in RELATIONS.values()], design.items)
    spreads = np.repeat([sd for _, sd in RELATIONS.values()], design.items)
    items = means + spreads * rng.normal(size=n_items)
    in_country = rng.normal(size=(len(COUNTRIES), n_items)) * ITEM_IN_COUNTRY_SD
    parts = []
    n_women = round(design.people * CELLS["women"][1])
    for at, (country, shift) in enumerate(COUNTRIES.items()):
        people = np.repeat(np.arange(design.people), design.per_person)
        of_cell = np.where(np.arange(design.people) < n_women, CELLS["women"][0], CELLS["men"][0])
        person = shift + of_cell + rng.normal(size=design.people) * RESPONDENT_SD
        judged = np.concatenate([_judged(design, rng) for _ in range(design.people)])
        linear = person[people] + items[judged] + in_country[at, judged]
        parts.append(
            pd.DataFrame(
                {
                    "person": at * design.people + people,
                    "item": judged,
                    "country": country,
                    "relation": np.where(judged < design.items, "same", "far"),
                    "cell": np.where(people < n_women, "women", "men"),
                    "y": (rng.random(len(judged)) < expit(linear)).astype(float),
                    "norm": (rng.random(len(judged)) < expit(linear + NORM_SHIFT)).astype(float),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _judged(design: Design, rng: np.random.Generator) -> Any:
    half = design.per_person // 2
    return np.concatenate([rng.permutation(design.items)[:half], design.items + rng.permutation(design.items)[:half]])


class Truth:
    """The true values of the model behind `draw`, by quadrature."""

    def __init__(self, share_of_women: float = CELLS["women"][1]) -> None:
        self.share_of_women = share_of_women

    @cached_property
    def tables(self) -> Mapping[tuple[str, str, str], Any]:
        """The chance of a 1 by relation, country and cell: items (rows) by their part in the country (columns)."""
        nodes, _ = _nodes()
        found = {}
        for relation, (mean, sd) in RELATIONS.items():
            for country, shift in COUNTRIES.items():
                for cell, (effect, _share) in CELLS.items():
                    linear = mean + shift + effect + sd * nodes[:, None] + ITEM_IN_COUNTRY_SD * nodes
                    found[relation, country, cell] = _over_people(linear)
        return found

    def chance(self, relation: str, country: str, cell: str | None = None) -> Any:
        """Give one table; without a cell, that of the sampled people together."""
        if cell is not None:
            return self.tables[relation, country, cell]
        women, men = (self.tables[relation, country, name] for name in ("women", "men"))
        return self.share_of_women * women + (1 - self.share_of_women) * men

    def mean(self, relations: Any = RELATIONS, countries: Any = COUNTRIES, cell: str | None = None) -> float:
        """Average the chance of a 1."""
        return float(np.mean([_mean(self.chance(r, c, cell)) for r in relations for c in countries]))

    def norm_mean(self) -> float:
        """Average the chance of a 1 among the norm answers."""
        nodes, _ = _nodes()
        total = 0.0
        for mean, sd in RELATIONS.values():
            for shift in COUNTRIES.values():
                for cell, share in (("women", self.share_of_women), ("men", 1 - self.share_of_women)):
                    linear = mean + shift + CELLS[cell][0] + NORM_SHIFT + sd * nodes[:, None]
                    total += share * _mean(_over_people(linear + ITEM_IN_COUNTRY_SD * nodes))
        return total / (len(RELATIONS) * len(COUNTRIES))

    def disagreement(self, relations: Any = RELATIONS) -> float:
        """Average the chance that two people of one country answer an item differently."""
        tables = [self.chance(r, c) for r in relations for c in COUNTRIES]
        return float(np.mean([_mean(2 * p * (1 - p)) for p in tables]))

    def alpha(self, relations: Any = RELATIONS) -> float:
        mean = self.mean(relations)
        return 1 - self.disagreement(relations) / (2 * mean * (1 - mean))

    def between_countries(self) -> float:
        """Average the squared difference of an item's chances between two countries."""
        _, weights = _nodes()
        names = list(COUNTRIES)
        total = []
        for relation in RELATIONS:
            for at, first in enumerate(names):
                for second in names[at + 1 :]:
                    one, two = self.chance(relation, first), self.chance(relation, second)
                    squares = _mean(one**2) + _mean(two**2)
                    total.append(squares - 2 * float(weights @ ((one @ weights) * (two @ weights))))
        return float(np.mean(total))

    def given_mean(self) -> float:
        """Give the part of the relations' difference in disagreement that is no shift of the mean."""
        shares = [self.mean([relation]) for relation in RELATIONS]
        rho = [
            latent_icc(share, self.disagreement([relation])).value
            for share, relation in zip(shares, RELATIONS, strict=True)
        ]
        by_share = [disagreement_of(share, rho[0]) - disagreement_of(share, rho[1]) for share in shares]
        return sum(by_share) / 2


def _nodes() -> tuple[Any, Any]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    return nodes, weights / weights.sum()


def _mean(table: Any) -> float:
    _, weights = _nodes()
    return float(weights @ table @ weights)


def _over_people(linear: Any) -> Any:
    nodes, weights = _nodes()
    return expit(linear[..., None] + RESPONDENT_SD * nodes) @ weights


def estimators(design: Design) -> list[Estimator]:
    """Name every estimator with its true value and how it is called."""
    truth = Truth(round(design.people * CELLS["women"][1]) / design.people)
    return [*_rates(truth), *_differences(truth), *_agreement(truth), *_agreement_compared(truth)]


def _rates(truth: Truth) -> Iterator[Estimator]:
    yield Estimator("rate", truth.mean(), lambda f: held_by(rate(f, value="y", **WHO)))
    yield Estimator(
        "rate of one country",
        truth.mean(countries=["US"]),
        lambda f: held_by(rate(f[f["country"] == "US"], value="y", **WHO)),
    )
    yield Estimator(
        "rate, poststratified",
        (truth.mean(cell="women") + truth.mean(cell="men")) / 2,
        lambda f: held_by(poststratified_by(f.assign(all="all"), value="y", by=["all"], cell="cell", **WHO)),
    )


def _differences(truth: Truth) -> Iterator[Estimator]:
    yield Estimator(
        "gap norm − personal",
        truth.norm_mean() - truth.mean(),
        lambda f: held_by(gap(f, first="norm", second="y", **WHO)),
    )
    yield Estimator(
        "difference of relations",
        truth.mean(["same"]) - truth.mean(["far"]),
        lambda f: held_by(difference(f, value="y", group="relation", first="same", second="far", **WHO)),
    )
    yield Estimator(
        "difference of countries, shared items",
        truth.mean(countries=["BR"]) - truth.mean(countries=["US"]),
        lambda f: held_by(shared_differences(f[f["country"].isin(["BR", "US"])], value="y", group="country", **WHO)),
    )
    yield Estimator(
        "SD of country effects",
        float(np.std([truth.mean(countries=[country]) for country in COUNTRIES], ddof=1)),
        lambda f: held_by(level_spread(f, value="y", factor="country", seed=1, **WHO)),
    )


def _agreement(truth: Truth) -> Iterator[Estimator]:
    yield Estimator("Krippendorff's alpha", truth.alpha(), lambda f: held_by(_measure(agreement(f, **UNITS), "alpha")))
    yield Estimator(
        "pairwise agreement",
        1 - truth.disagreement(),
        lambda f: held_by(_measure(agreement(f, **UNITS), "pairwise_agreement")),
    )
    yield Estimator(
        "latent agreement",
        latent_icc(truth.mean(), truth.disagreement()).value,
        lambda f: held_by(latent_agreement(f, **UNITS)),
    )


def _agreement_compared(truth: Truth) -> Iterator[Estimator]:
    yield Estimator(
        "difference of alpha between relations",
        truth.alpha(["same"]) - truth.alpha(["far"]),
        lambda f: held_by(_measure(agreement_difference(f, **BY_RELATION, **UNITS), "alpha")),
    )
    yield Estimator(
        "pluralism: disagreement given the mean",
        truth.given_mean(),
        lambda f: held_by(_measure(pluralism(f, **BY_RELATION, **UNITS), "given_mean")),
    )
    yield Estimator(
        "agreement within − across countries",
        truth.between_countries(),
        lambda f: held_by(agreement_across(f, value="y", group="country", **WHO)),
    )


def _measure(found: Any, name: str) -> Any:
    return next(one for one in found if one.measure == name)


def coverage(design: Design, n_studies: int, seed: int = 1) -> list[Coverage]:
    """Draw studies and count."""
    named = estimators(design)
    found: dict[str, list[Interval]] = {one.name: [] for one in named}
    for number in range(n_studies):
        frame = draw(design, np.random.default_rng([seed, number]))
        for one in named:
            found[one.name].append(one.estimate(frame))
    return [counted(one.name, one.truth, found[one.name]) for one in named]
