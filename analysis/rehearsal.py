"""Planted beside recovered: what simulated people and models were made to do, and what an analysis finds.

The truth of people is `survey.simulation.Planted`: a logit with crossed effects of respondents and items. That of
models is their parameters. Both are recovered from the tables that a real study gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit, stdtrit

from analysis.stats.mixed import MixedFit, RandomTerm, fit_mixed
from analysis.stats.observations import codes
from analysis.stats.terms import count_patterns
from survey.enums import OptionOrder, Question, Relation
from survey.llm.providers.simulated import Planted as PlantedModel
from survey.simulation import Planted

Z = 1.959963984540054


class Recovered(NamedTuple):
    """One planted number beside its estimate, all in logits; `reason` says why there is none."""

    parameter: str
    planted: float
    estimate: float
    ci_low: float
    ci_high: float
    n: int
    reason: str = ""

    @property
    def is_inside(self) -> bool:
        return bool(self.ci_low <= self.planted <= self.ci_high)


def recover_people(long: pd.DataFrame, planted: Planted) -> list[Recovered]:
    """Recover the truth behind people's answers with the crossed mixed model.

    Parameters
    ----------
    long : DataFrame
        The long table of complete, simulated sessions.
    planted : Planted
        What they were made to do.

    Returns
    -------
    list of Recovered
        Effects of relation, country, question and place of the option against the first country by name and close
        scenarios, then the two standard deviations, whose intervals are on the logarithm's scale.
    """
    answers = long[long["choice"].notna()].reset_index(drop=True)
    answers = answers.assign(
        country=answers["respondent_country"].astype(str),
        relation=pd.Categorical(answers["relation"], [Relation.CLOSE, Relation.SAME, Relation.FAR]),
        norm=(answers["question"] == Question.NORM).astype(float),
        first=np.where(answers["option_order"] == OptionOrder.CULTURE_FIRST, 1.0, -1.0),
        followed=answers["follows_culture"].astype(float),
    )
    terms = [("country",), ("relation",), ("norm",), ("first",)]
    patterns = count_patterns(answers, value="followed", variables=[name for term in terms for name in term])
    random = [RandomTerm(name, name, codes(answers, [column])) for name, column in FACTORS.items()]
    fit = fit_mixed(patterns, terms, answers["followed"].to_numpy(), random)
    return [*_effects(fit, planted), *_spreads(fit, planted)]


FACTORS = {"respondent": "respondent_id", "item": "item_code"}


def _effects(fit: MixedFit, planted: Planted) -> Iterator[Recovered]:
    truth = {"norm": planted.norm, "first": planted.first_option}
    reference = min(planted.country)
    truth |= {f"country[{name}]": value - planted.country[reference] for name, value in planted.country.items()}
    close = planted.relation[Relation.CLOSE]
    truth |= {f"relation[{name.value}]": value - close for name, value in planted.relation.items()}
    for name, coef, se in zip(fit.names, fit.coef, fit.se, strict=True):
        if (value := truth.get(name)) is not None:
            yield Recovered(name, value, coef, coef - Z * se, coef + Z * se, fit.n, fit.reason)


def _spreads(fit: MixedFit, planted: Planted) -> Iterator[Recovered]:
    first = len(fit.names)
    for place, (name, value) in enumerate({"respondent": planted.sd_person, "item": planted.sd_item}.items()):
        sd, se = fit.sd[name], float(np.sqrt(fit.covariance[first + place, first + place]))
        factor = float(np.exp(Z * se / sd)) if sd > 0 else np.nan
        yield Recovered(f"sd of {name}s", value, sd, sd / factor, sd * factor, fit.n_levels[name], fit.reason)


def recover_models(completions: pd.DataFrame, planted: Mapping[str, PlantedModel]) -> list[Recovered]:
    """Recover two slopes of each simulated model from its probabilities: order bias, and the own country's shift.

    The order bias is half of the difference of the logits of p(culture) between the two orders of one question. The
    shift is the difference, within an item and question, between personas of the scenario's country and others, after
    each persona country's own mean is taken away.
    """
    known = completions[completions["p_culture"].between(0, 1, inclusive="neither")]
    found: list[Recovered] = []
    for tag, rows in known.groupby("model_tag", observed=True):
        truth = planted.get(str(tag))
        if truth is not None:
            found += _model(str(tag), rows.assign(logit=logit(rows["p_culture"].to_numpy(float))), truth)
    return found


def _model(tag: str, rows: pd.DataFrame, truth: PlantedModel) -> Iterator[Recovered]:
    asked = ["item_code", "question", "persona_country", "persona_age", "persona_gender"]
    pairs = rows.pivot_table(index=asked, columns="option_order", values="logit", observed=True, dropna=False).dropna()
    halves = (pairs[OptionOrder.CULTURE_FIRST] - pairs[OptionOrder.PREFERENCE_FIRST]) / 2
    yield _mean(f"{tag}: order bias", truth.order_bias, halves.to_numpy())
    personas = pairs.mean(axis=1).rename("logit").reset_index()
    personas = personas[personas["persona_country"].notna()]
    countries = rows.drop_duplicates("item_code").set_index("item_code")["scenario_country"]
    own = personas["persona_country"].astype(str) == personas["item_code"].map(countries).astype(str)
    yield _shift(f"{tag}: own country", truth.own_country_shift, personas, own.to_numpy())


def _mean(name: str, truth: float, values: np.ndarray) -> Recovered:
    if len(values) < 2:
        return Recovered(name, truth, np.nan, np.nan, np.nan, len(values), "fewer than two questions in both orders")
    mean, se = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    half = max(float(stdtrit(len(values) - 1, 0.975)) * se, 1e-6)  # without noise it is exact, but for rounding
    return Recovered(name, truth, mean, mean - half, mean + half, len(values))


def _shift(name: str, truth: float, personas: pd.DataFrame, own: np.ndarray) -> Recovered:
    """Regress on the own country beside a mean per item and question and one per persona country and question."""
    if not own.any() or own.all():
        reason = "no persona lives in a scenario's country" if not own.any() else "all personas live there"
        return Recovered(name, truth, np.nan, np.nan, np.nan, len(personas), reason)
    means = [
        pd.get_dummies(personas["item_code"].astype(str) + personas["question"].astype(str)),
        pd.get_dummies(personas["persona_country"].astype(str) + personas["question"].astype(str)),
    ]
    x = np.column_stack([own, *(block.to_numpy(float) for block in means)]).astype(float)
    y = personas["logit"].to_numpy(float)
    coef, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    df = len(y) - int(rank)
    variance = float(((y - x @ coef) ** 2).sum()) / df * np.linalg.pinv(x.T @ x)[0, 0]
    half = max(float(stdtrit(df, 0.975)) * float(np.sqrt(variance)), 1e-6)
    return Recovered(name, truth, coef[0], coef[0] - half, coef[0] + half, len(y))
