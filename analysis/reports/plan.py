"""The analysis plan's hypotheses, tested as declared: raw and adjusted p-values, and equivalence to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr

from analysis.plan import Hypothesis, Plan
from analysis.reports.alignment import COLUMNS, with_probabilities
from analysis.reports.inputs import Inputs
from analysis.reports.own_culture import NAMES, own_culture_table
from analysis.reports.shift import shift_of
from analysis.reports.tables import Made, OnStep
from analysis.reshape import to_wide
from analysis.stats.alignment import Estimated, PairedItems, groups, over_rule, rate_gap
from analysis.stats.multiplicity import ADJUSTED_COLUMNS, adjust_families
from analysis.stats.own_culture import Method, Scale
from analysis.stats.rates import difference, gap
from survey.enums import Question
from survey.instruments.plan import EVERY, Estimand, HypothesisFamily

WHO: dict[str, Any] = {"respondent": "respondent_id", "item": "item_code"}
VALUE = "follows_culture"
TEST_COLUMNS = [
    "hypothesis", "family", "statement", "of", "estimate", "se", "ci_low", "ci_high", "df", "p_value",
    *ADJUSTED_COLUMNS, "sesoi", "p_equivalent", "p_equivalent_adjusted", "is_equivalent", "method", "sensitivity",
    "sensitivity_ci_low", "sensitivity_ci_high", "sensitivity_method", "n", "n_respondents", "n_items", "reason",
]  # fmt: skip
LATER = ("p_equivalent_adjusted", "is_equivalent")
SENSITIVITY = ("sensitivity", "sensitivity_ci_low", "sensitivity_ci_high", "sensitivity_method")
COUNTS = ("n", "n_respondents", "n_items")
CLUSTERED = "clustered"  # a mean over pairs with errors clustered by item
TWO_WAY = "two_way"  # means and rates with errors clustered by respondent and item
NO_DATA = "nothing to test it on yet"
Tests = Iterator[tuple[str, dict[str, Any]]]


def make(inputs: Inputs, on_step: OnStep) -> Made:
    if inputs.plan is None:
        return Made({}, {"plan": None})
    declared = inputs.plan
    if any(one.estimand == Estimand.OWN_CULTURE_EFFECT for one in declared.hypotheses):
        own_culture_table(inputs, on_step)
    on_step("The analysis plan")
    facts = {
        "version": declared.version,
        "hash": declared.digest,
        "alpha": declared.alpha,
        "adjustments": dict(declared.adjustments),
        "tables": dict(declared.tables),
    }
    return Made({"plan": tests(inputs, declared)}, {"plan": facts})


def tests(inputs: Inputs, plan: Plan) -> pd.DataFrame:
    """Test every hypothesis of the plan, primary ones first; what cannot be tested keeps its row and a reason."""
    rows: list[dict[str, Any]] = []
    order = {family: place for place, family in enumerate(HypothesisFamily)}
    for hypothesis in sorted(plan.hypotheses, key=lambda one: (order[one.family], one.name)):
        found = list(ESTIMATES[hypothesis.estimand](inputs, hypothesis)) or [("", {"reason": NO_DATA})]
        rows += [_row(hypothesis, of, numbers) for of, numbers in found]
    frame = pd.DataFrame(rows, columns=[name for name in TEST_COLUMNS if name not in (*ADJUSTED_COLUMNS, *LATER)])
    methods = {str(family): method for family, method in plan.adjustments.items()}
    adjusted = adjust_families(frame, family="family", p_value="p_value", methods=methods, alpha=plan.alpha)
    beside = adjust_families(frame, family="family", p_value="p_equivalent", methods=methods, alpha=plan.alpha)
    both = adjusted.assign(p_equivalent_adjusted=beside["p_adjusted"], is_equivalent=beside["is_supported"])
    return both.reindex(columns=TEST_COLUMNS)


def _row(hypothesis: Hypothesis, of: str, numbers: dict[str, Any]) -> dict[str, Any]:
    names = ("estimate", "se", "ci_low", "ci_high", "df", "p_value")
    told = {name: float(numbers.get(name, np.nan)) for name in names}
    return {
        "hypothesis": hypothesis.name,
        "family": hypothesis.family.value,
        "statement": hypothesis.statement,
        "of": of,
        **told,
        "sesoi": hypothesis.sesoi,
        "p_equivalent": equivalence(told["estimate"], told["se"], told["df"], hypothesis.sesoi),
        "method": numbers.get("method", TWO_WAY),
        **{name: numbers.get(name) for name in (*SENSITIVITY, *COUNTS)},
        "reason": numbers.get("reason", ""),
    }


def equivalence(estimate: float, se: float, df: float, sesoi: float) -> float:
    """Test that the effect is smaller than the smallest of interest: the larger of two one-sided t tests' p-values.

    Schuirmann (1987), J. Pharmacokinet. Biopharm. 15, 657-680. R: TOSTER::tsum_TOST.
    """
    if not (np.isfinite(estimate) and se > 0):
        return float("nan")
    return float(max(stdtr(df, -(estimate + sesoi) / se), stdtr(df, (estimate - sesoi) / se)))


def _countries(inputs: Inputs) -> list[str]:
    return sorted(str(code) for code in inputs.answers["respondent_country"].dropna().unique())


def _places(inputs: Inputs, country: str) -> list[str]:
    return _countries(inputs) if country == EVERY else [country]


def _own_culture(inputs: Inputs, hypothesis: Hypothesis) -> Tests:
    """Read the population-averaged effect off the mixed model; beside it stands what adjusts for less."""
    wanted = hypothesis.settings
    table = own_culture_table(inputs, lambda step: None)
    contrast = f"{NAMES.own} - {wanted['other']}"
    table = table[(table["outcome"] == wanted["question"]) & (table["contrast"] == contrast)]
    table = table[table["scale"] == Scale.SHARE]
    for place in _places(inputs, wanted["country"]):
        rows = table[table[NAMES.country] == place].set_index("method")
        if Method.MIXED not in rows.index:
            continue
        numbers = {str(name): value for name, value in rows.loc[Method.MIXED].items()} | {"method": Method.MIXED.value}
        yield f"same − {wanted['other']}, {place}", numbers | _sensitivity(rows)


def _sensitivity(rows: pd.DataFrame) -> dict[str, Any]:
    """Give the difference of rates; for an interaction, which has none, the plain logit's."""
    for method in (Method.RATE_DIFFERENCE, Method.TWO_WAY):
        if method in rows.index:
            row = rows.loc[method]
            return dict(zip(SENSITIVITY, (row["estimate"], row["ci_low"], row["ci_high"], method.value), strict=True))
    return {}


def _norm_gap(inputs: Inputs, hypothesis: Hypothesis) -> Tests:
    wide = to_wide(inputs.answers)
    columns = [f"{question}_{VALUE}" for question in (Question.NORM, Question.PERSONAL)]
    for place in _places(inputs, hypothesis.settings["country"]):
        rows = wide if place == "all" else wide[wide["respondent_country"] == place]
        yield (
            f"norm − personal, {place}",
            asdict(gap(rows, first=columns[0], second=columns[1], level=inputs.parameters.level, **WHO)),
        )


def _country_difference(inputs: Inputs, hypothesis: Hypothesis) -> Tests:
    wanted, answers = hypothesis.settings, inputs.answers
    countries = _countries(inputs)
    pairs = list(combinations(countries, 2)) if wanted["first"] == EVERY else [(wanted["first"], wanted["second"])]
    by_item = answers.groupby("item_code", observed=True)["respondent_country"].nunique()
    core = by_item.index[by_item == len(countries)]
    rows = answers[(answers["question"] == wanted["question"]) & answers["item_code"].isin(core)]
    for first, second in pairs:
        found = difference(
            rows,
            value=VALUE,
            group="respondent_country",
            first=first,
            second=second,
            level=inputs.parameters.level,
            **WHO,
        )
        yield f"{first} − {second}", asdict(found)


def _models(inputs: Inputs, hypothesis: Hypothesis, test: Callable[[PairedItems, float], Estimated]) -> Tests:
    wanted = hypothesis.settings
    models = with_probabilities(inputs.models)
    models = models[
        (models["question"] == wanted["question"]) & (models["persona_setting"] == wanted["persona_setting"])
    ]
    for group in groups(inputs.answers, models, COLUMNS):
        numbers = asdict(test(group.pairs, inputs.parameters.level)) | {"n_items": group.pairs.n_items}
        yield f"{group.labels['model_tag']}, {group.labels['method']}", numbers


def _rate_gap(inputs: Inputs, hypothesis: Hypothesis) -> Tests:
    return _models(inputs, hypothesis, rate_gap)


def _over_rule(inputs: Inputs, hypothesis: Hypothesis) -> Tests:
    return _models(inputs, hypothesis, over_rule)


def _shift(inputs: Inputs, hypothesis: Hypothesis) -> Tests:
    table = shift_of(inputs)
    rows = table[(table["measure"] == "net_shift") & (table["condition"] == hypothesis.settings["condition"])]
    for row in rows.to_dict("records"):
        yield (
            f"{row['model_family']}, {row['question']}, {row['method']}",
            {str(key): row[key] for key in row}
            | {
                "method": CLUSTERED,
                "n": row["n_pairs"],
                "n_items": row["n_sources"],
            },
        )


ESTIMATES: dict[Estimand, Callable[[Inputs, Hypothesis], Tests]] = {
    Estimand.OWN_CULTURE_EFFECT: _own_culture,
    Estimand.NORM_PERSONAL_GAP: _norm_gap,
    Estimand.COUNTRY_DIFFERENCE: _country_difference,
    Estimand.MODEL_RATE_GAP: _rate_gap,
    Estimand.MODEL_OVER_RULE: _over_rule,
    Estimand.BASE_INSTRUCT_SHIFT: _shift,
}
