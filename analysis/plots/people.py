"""Figures of what people answered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.plots.style import (
    DIFFERENCE,
    TWO_COLUMNS,
    Drawn,
    add_legend,
    describe,
    dots,
    empty_panel,
    lay_rows,
    new_figure,
    percent,
    plain,
    points,
    row_height,
)
from analysis.results.shown import short_country
from survey.enums import Relation

Frames = Mapping[str, pd.DataFrame]
QUESTIONS = {"personal": "personal choice", "norm": "norm judgment"}
SHOWN = ["panel", "group", "series", "estimate", "ci_low", "ci_high", "n"]
GAP_PANEL = "gap, norm − personal (points)"
FACTOR_LABELS = {"question_type": "question", "question_x_country": "question × country"}


class Missing(ValueError):
    """What a figure needs is not among the tables; the message says which."""


def table(frames: Frames, name: str) -> pd.DataFrame:
    """Give a table that a figure cannot do without."""
    found = frames.get(name)
    if found is None or found.empty:
        raise Missing(f"no table {name}")
    return found


def country(code: object) -> str:
    if code in (None, "not_given") or code != code:  # a missing value is not equal to itself
        return "not given"
    return short_country(code)


def rates_by_country(frames: Frames) -> Drawn:
    """Show the share that follows the culture by country, and the gap norm minus personal."""
    data = _rates(frames) if "rates" in frames else _papers_rates(table(frames, "paper_human_response_summary"))
    groups = list(dict.fromkeys(data["group"]))
    figure = new_figure(TWO_COLUMNS, 1.0 + row_height(len(groups), 2))
    axes = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    for ax, panel, write, reference, series in (
        (axes[0], "follow the culture", percent, 0.5, list(QUESTIONS.values())),
        (axes[1], GAP_PANEL, points, 0.0, [DIFFERENCE]),
    ):
        lay_rows(ax, groups, write, reference)
        dots(ax, data[data["panel"] == panel], groups, series)
        ax.set_title(panel)
    axes[0].set_xlim(0, 1)
    add_legend(figure, list(QUESTIONS.values()))
    return Drawn(figure, data, describe(data, "Share that follows the culture, by respondents' country"))


def _rates(frames: Frames) -> pd.DataFrame:
    rows = table(frames, "rates")
    rows = rows[rows["grouping"].isin(["overall", "country"]) & rows["measure"].isin([*QUESTIONS, "gap"])]
    names = zip(rows["grouping"], rows["group"], strict=True)
    rows = rows.assign(
        group=["all" if grouping == "overall" else country(group) for grouping, group in names],
        panel=np.where(rows["measure"] == "gap", GAP_PANEL, "follow the culture"),
        series=rows["measure"].map({**QUESTIONS, "gap": DIFFERENCE}),
    )
    return rows[SHOWN].reset_index(drop=True)


def _papers_rates(summary: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for one in summary[summary["grouping"].isin(["overall", "respondent_country"])].to_dict("records"):
        group = "all" if one["grouping"] == "overall" else country(one["respondent_country"])
        for name, panel, series in (
            ("personal_culture_rate", "follow the culture", QUESTIONS["personal"]),
            ("norm_culture_rate", "follow the culture", QUESTIONS["norm"]),
            ("norm_personal_gap", GAP_PANEL, DIFFERENCE),
        ):
            rows.append((panel, group, series, one[name], np.nan, np.nan, one["n_judgments"]))
    return pd.DataFrame(rows, columns=SHOWN)


def agreement_by_relation(frames: Frames) -> Drawn:
    """Show the paper's larger side of the pooled rate beside agreement between people about the same item."""
    panels = {
        "majority_agreement_paper": "larger side of pooled rate\n(the paper's “agreement”)",
        "pairwise_agreement": "two people of a country\nagree about an item",
        "alpha": "agreement beyond chance\n(Krippendorff's alpha)",
    }
    rows = _agreement(frames)
    rows = rows[rows["measure"].isin(list(panels))].assign(panel=lambda kept: kept["measure"].map(panels))
    groups = [str(relation.label) for relation in Relation if str(relation.label) in set(rows["group"])]
    figure = new_figure(TWO_COLUMNS, 1.25 + row_height(len(groups), 2))
    for ax, (measure, title) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
        ax.set_title(title, fontsize=7.5)
        part = rows[rows["measure"] == measure]
        if part.empty:
            empty_panel(ax, "not in the paper's tables")
            continue
        lay_rows(ax, groups, plain if measure == "alpha" else percent, 0.0 if measure == "alpha" else 0.5)
        dots(ax, part, groups, list(QUESTIONS.values()))
        ax.set_xlim((-0.1, 1) if measure == "alpha" else (0.45, 1))
    add_legend(figure, list(QUESTIONS.values()))
    data = rows[SHOWN].assign(panel=rows["panel"].str.replace("\n", " ")).reset_index(drop=True)
    return Drawn(figure, data, describe(data, "Agreement by relation of the scenario's country to the respondent's"))


def _agreement(frames: Frames) -> pd.DataFrame:
    labels = {relation.value: str(relation.label) for relation in Relation}
    if "agreement" in frames:
        rows = frames["agreement"]
        rows = rows[rows["grouping"] == "relation"]
        return rows.assign(group=rows["group"].map(labels), series=rows["question"].map(QUESTIONS))
    summary = table(frames, "paper_human_response_summary")
    parts = []
    for one in summary[summary["grouping"] == "country_relation"].to_dict("records"):
        for question, series in QUESTIONS.items():
            estimate = one[f"{question}_majority_agreement"]
            facts = {"group": labels[one["country_relation"]], "series": series, "n": one["n_judgments"]}
            parts.append({**facts, "measure": "majority_agreement_paper", "estimate": estimate})
    return pd.DataFrame(parts).assign(ci_low=np.nan, ci_high=np.nan)


def drop_one(frames: Frames) -> Drawn:
    """Show what each factor explains in the paper's regressions, raw and less its degrees of freedom."""
    rows = table(frames, "paper_human_regression_drop_one_deviance")
    titles = {
        "combined_personal_vs_norm": "both questions",
        "personal_choice_only": "personal choice",
        "norm_judgment_only": "norm judgment",
    }
    series = ["drop-one deviance (the paper)", "the same − degrees of freedom"]
    values = {series[0]: rows["drop_one_deviance"], series[1]: rows["drop_one_deviance"] - rows["df_difference"]}
    is_known = rows["df_difference"] > 0
    parts = [
        pd.DataFrame(
            {
                "panel": rows["model"].map(titles),
                "group": rows["dropped_factor"].map(_factor),
                "series": name,
                "estimate": numbers.where(is_known),
                "ci_low": np.nan,
                "ci_high": np.nan,
                "n": rows["df_difference"],
            }
        )
        for name, numbers in values.items()
    ]
    data = pd.concat(parts, ignore_index=True)
    groups = list(dict.fromkeys(data["group"]))
    figure = new_figure(TWO_COLUMNS, 1.05 + row_height(len(groups), 2))
    for ax, title in zip(figure.subplots(1, 3, sharey=True), titles.values(), strict=True):
        part = data[data["panel"] == title]
        ax.set_title(title)
        if part.empty:
            empty_panel(ax, "nobody answered")
            continue
        lay_rows(ax, groups, plain, 0.0)
        dots(ax, part, groups, series, absent="not in the model")
    add_legend(figure, series, "Not estimable: the factor's columns are aliased with its interaction's, which stay")
    return Drawn(figure, data.rename(columns={"n": "df_difference"}), describe(data, "Drop-one deviance of factors"))


def _factor(name: str) -> str:
    return FACTOR_LABELS.get(name, name.replace("_x_", " × ").replace("_", " ").replace("participant", "respondent"))
