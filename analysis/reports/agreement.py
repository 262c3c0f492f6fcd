"""Agreement of people of the same country about the same item."""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.parameters import Parameters
from analysis.reports.inputs import Inputs
from analysis.reports.multiplicity import adjusted
from analysis.reports.tables import GROUPINGS, Made, OnStep, labelled, stacked
from analysis.stats.agreement import AgreementEstimate, agreement
from analysis.stats.agreement_across import agreement_across
from analysis.stats.agreement_items import item_agreement
from analysis.stats.consensus import Consensus, consensus
from analysis.stats.pluralism import latent_agreement, pluralism
from analysis.stats.reliability import Reliability, answers_per_item, reliability
from survey.enums import Question, Relation
from survey.instruments.plan import Comparisons

AGREEMENT_GROUPINGS = ("overall", "country", "relation")
WITHIN_CULTURE = ("item_code", "respondent_country")  # people are compared with people of their own country
PAPER_NOTE = "the paper gives no interval"
NO_NUMBER_SUFFICES = "alpha may be zero: no number of answers is sure to do"
WHO: dict[str, Any] = {"value": "follows_culture", "respondent": "respondent_id"}


def make(inputs: Inputs, on_step: OnStep) -> Made:
    on_step("Agreement")
    answers, parameters = inputs.answers, inputs.parameters
    answers = answers[
        answers["respondent_country"].notna()
    ]  # whoever's country is not known has no people to agree with
    measures, reliabilities = agreement_tables(answers, parameters)
    return Made(
        {
            "agreement": measures,
            "reliability": reliabilities,
            "agreement_across": adjusted(across(answers, parameters), inputs, Comparisons.AGREEMENT_ACROSS),
            "pluralism": adjusted(
                pluralism_table(answers, parameters), inputs, Comparisons.PLURALISM, within=["measure"]
            ),
            "item_agreement": items(answers, parameters),
            "consensus": consensus_table(answers, parameters),
        }
    )


def agreement_tables(answers: pd.DataFrame, parameters: Parameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give agreement within countries, over all and in groups, with the paper's measure beside; and reliability."""
    measures, reliabilities = [], []
    stated = answers.assign(overall="all")
    columns = {"overall": "overall", **GROUPINGS}
    for grouping in AGREEMENT_GROUPINGS:
        column = columns[grouping]
        for question in Question.values:
            asked = stated[stated["question"] == question]
            labels = {"grouping": grouping, "question": question}
            found, reliable = _by_group(asked, column, parameters.level)
            measures += [labelled(part, column, **labels) for part in (found, _paper_agreement(asked, column))]
            reliabilities.append(labelled(reliable, column, **labels))
    first = ["grouping", "group", "question"]
    return stacked(measures, [*first, "measure"]), stacked(reliabilities, first)


def across(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Compare agreement within a country with agreement between countries on the items that they share."""
    parts = []
    for question in Question.values:
        asked = answers[answers["question"] == question]
        found = agreement_across(asked, item="item_code", group="respondent_country", level=parameters.level, **WHO)
        parts.append(found.assign(question=question))
    return stacked(parts, ["group", "question", "within", "across"])


def pluralism_table(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Tell disagreement inside items from a shift of the mean: between relations, and between countries on one core."""
    core = answers[answers["is_core"].fillna(False).astype(bool)]
    rows: list[dict[str, Any]] = []
    for question in Question.values:
        asked, on_core = (part[part["question"] == question] for part in (answers, core))
        for other in (Relation.CLOSE, Relation.FAR):
            rows += _told_apart(asked, "relation", Relation.SAME, other, question, parameters.level)
        countries = sorted(on_core["respondent_country"].dropna().astype(str).unique())
        for first, second in combinations(countries, 2):
            rows += _told_apart(on_core, "country", first, second, question, parameters.level)
    return stacked([pd.DataFrame(rows)], ["grouping", "first", "second", "question", "measure"])


def items(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Describe the answers to each item in each country."""
    parts = []
    for question in Question.values:
        asked = answers[answers["question"] == question]
        found = item_agreement(asked, item=list(WITHIN_CULTURE), level=parameters.level, **WHO)
        parts.append(found.assign(question=question))
    return stacked(parts, [*WITHIN_CULTURE, "question"])


def consensus_table(answers: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Ask of each country's answers whether one culture lies behind them."""
    parts = []
    for (country, question), asked in answers.groupby(["respondent_country", "question"], observed=True):
        found = consensus(asked, item="item_code", seed=parameters.seed, **WHO)
        parts.append(pd.DataFrame([{"group": str(country), "question": str(question), **_finite(found)}]))
    return stacked(parts, ["group", "question"])


def _finite(found: Consensus) -> dict[str, Any]:
    """Give the numbers; a ratio to a second eigenvalue of zero has none."""
    row = found._asdict()
    return row | {"eigenvalue_ratio": row["eigenvalue_ratio"] if np.isfinite(row["eigenvalue_ratio"]) else float("nan")}


def _by_group(asked: pd.DataFrame, column: str, level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    measures, reliabilities = [], []
    for key, group in asked.groupby(column, dropna=False, observed=True):
        units: dict[str, Any] = {"item": list(WITHIN_CULTURE), "cluster": "item_code", "level": level, **WHO}
        found = agreement(group, **units)
        measures += [{column: key, **asdict(one)} for one in (*found, latent_agreement(group, **units))]
        alpha = next(one for one in found if one.measure == "alpha")
        reliabilities.append({column: key, **_reliability(group, alpha)})
    return pd.DataFrame(measures), pd.DataFrame(reliabilities)


def _reliability(group: pd.DataFrame, alpha: AgreementEstimate) -> dict[str, Any]:
    sizes = np.asarray(group.groupby(list(WITHIN_CULTURE), observed=True).size(), dtype=np.float64)
    found: Reliability = reliability(alpha, answers_per_item(sizes[:, None]))
    row = {"estimate": found.reliability, **found._asdict(), "n": alpha.n, "n_items": alpha.n_items}
    del row["reliability"]
    if np.isinf(found.answers_ci_high):
        row |= {"answers_ci_high": float("nan"), "reason": NO_NUMBER_SUFFICES}
    return row


def _told_apart(
    asked: pd.DataFrame, grouping: str, first: str, second: str, question: str, level: float
) -> list[dict[str, Any]]:
    found = pluralism(
        asked,
        item=list(WITHIN_CULTURE),
        cluster="item_code",
        group=GROUPINGS[grouping],
        first=first,
        second=second,
        level=level,
        **WHO,
    )
    labels = {"grouping": grouping, "first": str(first), "second": str(second), "question": question}
    return [{**labels, **asdict(one)} for one in found]


def _paper_agreement(asked: pd.DataFrame, column: str) -> pd.DataFrame:
    """Give the size of the larger side of a group's pooled answers, which the paper calls agreement."""
    groups = asked.groupby(column, dropna=False, observed=True)
    counts = groups.agg(
        rate=("follows_culture", "mean"),
        n=("follows_culture", "size"),
        n_respondents=("respondent_id", "nunique"),
        n_items=("item_code", "nunique"),
    )
    counts["estimate"] = np.maximum(counts["rate"], 1 - counts["rate"])
    return counts.drop(columns="rate").reset_index().assign(measure="majority_agreement_paper", reason=PAPER_NOTE)
