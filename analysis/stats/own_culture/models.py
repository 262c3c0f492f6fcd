"""The models behind the own-culture effect: what is fitted to which answers, and the contrasts read off."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.stats.glm import fit_terms
from analysis.stats.margins import Setting, Slope, delta_se, influence, logit_margin, mixed_margin
from analysis.stats.mixed import MixedFit, RandomTerm, fit_mixed
from analysis.stats.observations import Codes, Floats, codes
from analysis.stats.own_culture.rows import (
    ALL_COUNTRIES,
    GAP,
    Choices,
    Effect,
    Label,
    Method,
    Scale,
    effect_of,
    missing,
)
from analysis.stats.terms import NOT_GIVEN, Patterns, Term, count_patterns, design
from analysis.stats.twoway import twoway_se
from analysis.stats.within_item import conditional_logit

NAN = float("nan")
Flags = npt.NDArray[np.bool_]

SHARE_OF = "share_of_"
OTHER = "other"
MIN_RESPONDENTS = 3


@dataclass(frozen=True)
class Names:
    """The columns of a long table of answers: 0/1 `value`, who answered what, and the covariates."""

    value: str
    respondent: str
    item: str
    question: str
    country: str
    relation: str
    scenario_country: str
    covariates: tuple[str, ...] = ()
    own: str = "same"
    gap: tuple[str, str] = ("norm", "personal")

    @property
    def columns(self) -> list[str]:
        """List the columns that must be there."""
        answer = (self.value, self.respondent, self.item, self.question)
        return [*answer, self.country, self.relation, self.scenario_country, *self.covariates]


class Contrast(NamedTuple):
    """The own relation against another one."""

    label: str
    other: str
    settings: list[Setting]


@dataclass(frozen=True)
class Outcome:
    """The answers of one outcome: one question's, or both for the gap between them."""

    name: str
    frame: pd.DataFrame
    names: Names

    @property
    def is_gap(self) -> bool:
        return self.name == GAP

    @cached_property
    def contrasts(self) -> list[Contrast]:
        """The own relation against each other that was met."""
        found = sorted(str(one) for one in self.frame[self.names.relation].unique())
        others = [one for one in found if one != self.names.own]
        return [Contrast(f"{self.names.own} - {other}", other, self._settings(other)) for other in others]

    def terms(self, *, by_country: bool = False, more: Sequence[Term] = ()) -> list[Term]:
        """List the fixed terms; for the gap those that may move it come once more, with the question."""
        names = self.names
        moving: list[Term] = [(names.country,), (names.relation,)]
        if by_country:
            moving.append((names.country, names.relation))
        terms = [*moving, *((name,) for name in names.covariates), *more]
        if not self.is_gap:
            return terms
        return [(names.question,), *terms, *((names.question, *term) for term in moving)]

    def label(self, contrast: Contrast, method: Method, country: str = ALL_COUNTRIES) -> Label:
        """Name a row and count what it rests on."""
        frame, names = self.frame, self.names
        if country != ALL_COUNTRIES:
            frame = frame[frame[names.country].astype(str) == country]
        counts = len(frame), frame[names.respondent].nunique(), frame[names.item].nunique()
        return Label(self.name, country, contrast.label, method, *counts)

    def _settings(self, other: str) -> list[Setting]:
        names = self.names
        if not self.is_gap:
            return [Setting(1.0, {names.relation: names.own}), Setting(-1.0, {names.relation: other})]
        first, second = names.gap
        return [
            Setting(weight, {names.question: question, names.relation: relation})
            for weight, question, relation in (
                (1.0, first, names.own), (-1.0, first, other), (-1.0, second, names.own), (1.0, second, other),
            )
        ]  # fmt: skip


def pool_rare(frame: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Merge the levels of each covariate that few respondents have, or whose answers are all alike, into `other`.

    A covariate is only adjusted for: a level with a handful of answers must not make the whole model impossible. Where
    `other` is still rare it joins the largest level.
    """
    pooled = {}
    for name in names.covariates:
        column = frame[name].astype(object).where(frame[name].notna(), NOT_GIVEN).astype(str)
        for merged in (OTHER, None):
            rare = _rare_levels(frame, column, names)
            if rare:
                into = column[~column.isin(rare)].mode() if merged is None else [merged]
                column = column.where(~column.isin(rare), into[0] if len(into) else OTHER)
        pooled[name] = column
    return frame.assign(**pooled)


def _rare_levels(frame: pd.DataFrame, column: "pd.Series[str]", names: Names) -> list[str]:
    groups = frame.groupby(column)
    n_people, n_kinds = groups[names.respondent].nunique(), groups[names.value].nunique()
    return [str(level) for level in n_people.index[(n_people < MIN_RESPONDENTS) | (n_kinds < 2)]]


class Data:
    """An outcome's answers as a model takes them."""

    def __init__(self, outcome: Outcome, frame: pd.DataFrame, terms: Sequence[Term]) -> None:
        names = outcome.names
        self.outcome, self.terms = outcome, list(terms)
        variables = dict.fromkeys(name for term in terms for name in term)
        # The country and the relation are needed by contrasts even where they are in no term.
        self.patterns: Patterns = count_patterns(
            frame, value=names.value, variables=list(variables | dict.fromkeys([names.country, names.relation]))
        )
        self.value: Floats = frame[names.value].to_numpy(float)
        self.respondent: Codes = codes(frame, [names.respondent])
        self.item: Codes = codes(frame, [names.item])
        self.origin: Codes = codes(frame, [names.scenario_country])

    def among(self, country: str) -> Flags | None:
        """Flag the patterns of a country; None for all."""
        if country == ALL_COUNTRIES:
            return None
        found = self.patterns.variables[self.outcome.names.country]
        flags: Flags = found.codes == found.labels.index(country)
        return flags

    def random(self, slopes: dict[str, Slope], *, with_origin: bool = False) -> list[RandomTerm]:
        """Give intercepts by respondent and item, and the slopes, named `of|factor`."""
        terms = [RandomTerm("respondent", "respondent", self.respondent), RandomTerm("item", "item", self.item)]
        if with_origin:
            terms.append(RandomTerm("scenario country", "scenario country", self.origin))
        levels = {"respondent": self.respondent, "item": self.item}
        for name, slope in slopes.items():
            factor = name.rpartition("|")[2]
            terms.append(RandomTerm(name, factor, levels[factor], slope.of(self.patterns)[self.patterns.pattern]))
        return terms


class Fitted(NamedTuple):
    """A mixed model with what its contrasts need."""

    data: Data
    fit: MixedFit
    slopes: dict[str, Slope]

    def effect(self, contrast: Contrast, method: Method, choices: Choices, country: str = ALL_COUNTRIES) -> Effect:
        """Read off the population-averaged effect."""
        label = self.data.outcome.label(contrast, method, country)
        margin = mixed_margin(
            self.fit, self.data.patterns, self.data.terms, contrast.settings, self.slopes, self.data.among(country)
        )
        if margin.reason:
            return missing(label, margin.reason)
        return effect_of(label, margin.estimate, delta_se(margin, self.fit.covariance), choices)

    def log_odds(self, contrast: Contrast, choices: Choices) -> Effect:
        """Read off the difference of the coefficients."""
        label, names = self.data.outcome.label(contrast, Method.MIXED), self.data.outcome.names
        if not self.fit.converged:
            return missing(label, self.fit.reason, Scale.LOG_ODDS)
        found = relation_contrast(self.fit.names, self.fit.coef, self.fit.covariance, names, contrast.other)
        return effect_of(label, *found, choices, Scale.LOG_ODDS)


def fit_outcome(
    outcome: Outcome,
    frame: pd.DataFrame,
    terms: Sequence[Term],
    slopes: dict[str, Slope] | None = None,
    start: MixedFit | None = None,
    *,
    with_origin: bool = False,
    with_adjusted: bool = False,
) -> Fitted:
    """Fit a mixed model with effects of respondents and items; for the gap their slopes by question are in it too."""
    data = Data(outcome, frame, terms)
    found = {**(question_slopes(outcome.names) if outcome.is_gap else {}), **(slopes or {})}
    random = data.random(found, with_origin=with_origin)
    if start is None and found:  # a step with slopes costs several without
        start = fit_mixed(data.patterns, data.terms, data.value, data.random({}), with_errors=False)
    fit = fit_mixed(data.patterns, data.terms, data.value, random, start, with_adjusted=with_adjusted)
    return Fitted(data, fit, found)


def question_slopes(names: Names) -> dict[str, Slope]:
    """Let the gap differ between people and between items, as a difference of fixed effects must be judged by."""
    slope = Slope(names.question, {names.gap[0]: 0.5, names.gap[1]: -0.5})
    return {"question|respondent": slope, "question|item": slope}


def own_slopes(names: Names) -> dict[str, Slope]:
    """Let the own-culture effect differ between people and between items."""
    slope = Slope(names.relation, {names.own: 1.0})
    return {"own|respondent": slope, "own|item": slope}


def with_item_shares(outcome: Outcome) -> tuple[pd.DataFrame, list[Term]]:
    """Add to each answer how its item's answers divide into relations and countries.

    What differs between items is then the shares' part; the relation's own effect is that within items.
    """
    item = codes(outcome.frame, [outcome.names.item])
    shares: dict[str, Floats] = {}
    for name in (outcome.names.relation, outcome.names.country):
        column = outcome.frame[name].astype(str)
        for level in sorted(column.unique())[1:]:
            shares[f"{SHARE_OF}{level}"] = (np.bincount(item, column == level) / np.bincount(item))[item]
    return outcome.frame.assign(**shares), [(name,) for name in shares]


def two_way(outcome: Outcome, choices: Choices) -> list[Effect]:
    """Give the average marginal effects of a plain logit with standard errors clustered by respondent and item."""
    data = Data(outcome, outcome.frame, outcome.terms())
    fit = fit_terms(data.patterns, data.terms)
    x = design(data.patterns, data.terms).matrix
    rows = []
    for contrast in outcome.contrasts:
        label = outcome.label(contrast, Method.TWO_WAY)
        margin = logit_margin(fit, data.patterns, data.terms, contrast.settings)
        if margin.reason:
            rows.append(missing(label, margin.reason))
            continue
        parts = influence(fit, margin, x, data.value, data.patterns.pattern)
        rows.append(effect_of(label, margin.estimate, twoway_se(parts, data.respondent, data.item).twoway, choices))
    return rows


def within_item(outcome: Outcome, choices: Choices) -> list[Effect]:
    """Compare answers to the same item only, by conditional logistic regression; in log odds."""
    data = Data(outcome, outcome.frame, outcome.terms())
    columns = design(data.patterns, data.terms)
    fit = conditional_logit(data.value, columns.matrix[data.patterns.pattern, 1:], columns.names[1:], data.item)
    rows = []
    for contrast in outcome.contrasts:
        label = outcome.label(contrast, Method.WITHIN_ITEM)
        estimate, se = relation_contrast(fit.names, fit.coef, fit.covariance, outcome.names, contrast.other)
        if np.isfinite(se):
            rows.append(effect_of(label, estimate, se, choices, Scale.LOG_ODDS))
        else:
            reason = fit.reason or "no item was judged in both relations"
            rows.append(missing(label, reason, Scale.LOG_ODDS))
    return rows


def relation_contrast(
    columns: Sequence[str], coef: Floats, covariance: Floats, names: Names, other: str
) -> tuple[float, float]:
    """Give the own relation's coefficient less another's, with its standard error; the first level has none."""
    weights = np.zeros(len(columns))
    for level, weight in ((names.own, 1.0), (other, -1.0)):
        column = f"{names.relation}[{level}]"
        if column in columns:
            weights[list(columns).index(column)] = weight
    used = weights != 0
    k = len(columns)
    variance = float(weights[used] @ covariance[:k, :k][np.ix_(used, used)] @ weights[used])
    return float(weights[used] @ coef[used]), float(np.sqrt(variance)) if variance >= 0 else NAN
