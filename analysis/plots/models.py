"""Figures of models beside people."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from analysis.plots.people import QUESTIONS, Frames, Missing, table
from analysis.plots.style import (
    GREY,
    LEVEL,
    LIGHT,
    REFERENCE,
    TWO_COLUMNS,
    UNDER,
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
    square_panels,
    style_of,
)
from analysis.results.shown import SETTINGS
from analysis.stats.wilson import wilson_interval

N_MODELS = 6
MEASURES = {
    "majority_choice_alignment": ("matches the majority", percent, None),
    "distributional_mae": ("mean absolute error by item", plain, None),
    "signed_culture_rate_gap_model_minus_human": ("culture-rate gap, model − people (points)", points, 0.0),
    "human_model_agreement_correlation": ("uncertainty correlation (personas)", plain, 0.0),
}
PREDICTORS = {
    "always_culture": "always the culture",
    "another_person": "another person",
    "best_fixed_rule": "best fixed rule",
}


def alignment_four_panel(frames: Frames) -> Drawn:
    """Show the paper's four measures of alignment, per model and question."""
    neutral = table(frames, "paper_alignment_no_persona_summary")
    uncertain = frames.get("paper_alignment_uncertainty_summary", pd.DataFrame(columns=["setting"]))
    uncertain = uncertain[uncertain["setting"] == "persona"]
    parts = []
    for measure, (title, _, _) in MEASURES.items():
        source = uncertain if measure == "human_model_agreement_correlation" else neutral
        if source.empty:
            continue
        parts.append(
            pd.DataFrame(
                {
                    "panel": title,
                    "group": source["model_tag"],
                    "series": source["response_type"].map(QUESTIONS),
                    "estimate": source[measure].astype(float),
                    "ci_low": np.nan,
                    "ci_high": np.nan,
                    "n": source["n_items"],
                }
            )
        )
    data = pd.concat(parts, ignore_index=True)
    groups = _ranked(data[data["panel"] == MEASURES["majority_choice_alignment"][0]])
    figure = new_figure(TWO_COLUMNS, 1.3 + 2 * row_height(len(groups), 2))
    for ax, (title, write, reference) in zip(figure.subplots(2, 2, sharey=True).flat, MEASURES.values(), strict=True):
        part = data[data["panel"] == title]
        ax.set_title(title)
        if part.empty:
            empty_panel(ax, "no answers under personas")
            continue
        lay_rows(ax, groups, write, reference)
        dots(ax, part, groups, list(QUESTIONS.values()))
    add_legend(figure, list(QUESTIONS.values()), "As the paper has them: without intervals")
    return Drawn(figure, data, describe(data, "The paper's measures of alignment, without intervals"))


def _ranked(data: pd.DataFrame) -> list[str]:
    means = data.groupby("group")["estimate"].mean()
    return sorted(means.index, key=lambda name: (-means[name] if pd.notna(means[name]) else np.inf, str(name)))


def alignment_and_ceiling(frames: Frames) -> Drawn:
    """Show how often each model says what a random person says, beside what people and fixed rules reach."""
    rows = table(frames, "alignment")
    rows = rows[(rows["measure"] == "expected_match") & rows["predictor"].isin(["model", *PREDICTORS])]
    is_model = rows["predictor"] == "model"
    is_first = ~rows.duplicated(["question", "predictor"])  # a rule or a person is the same beside each model
    rows = rows[is_model | (is_first & (rows["persona_setting"] == rows["persona_setting"].iloc[0]))]
    is_model = rows["predictor"] == "model"
    data = pd.DataFrame(
        {
            "panel": rows["question"].map(QUESTIONS),
            "group": _told(rows).where(is_model, rows["predictor"].map(PREDICTORS)).astype(str),
            "series": rows["persona_setting"].map(SETTINGS).where(is_model, REFERENCE),
            **{name: rows[name] for name in ("estimate", "ci_low", "ci_high")},
            "n": rows["n_items"],
        }
    ).reset_index(drop=True)
    models = _ranked(data[data["series"] != REFERENCE])
    references = [
        name for name in ("another person", "best fixed rule", "always the culture") if name in set(data["group"])
    ]
    groups = [*references, *models]
    series = [name for name in (*SETTINGS.values(), REFERENCE) if name in set(data["series"])]
    figure = new_figure(TWO_COLUMNS, 1.1 + row_height(len(groups), 3))
    for ax, panel in zip(figure.subplots(1, 2, sharex=True, sharey=True), QUESTIONS.values(), strict=True):
        part = data[data["panel"] == panel]
        ax.set_title(panel)
        if part.empty:
            empty_panel(ax, "not asked")
            continue
        lay_rows(ax, groups, percent, 0.5)
        dots(ax, part, groups, series)
        ceiling = part.loc[part["group"] == "another person", "estimate"]
        if len(ceiling) and pd.notna(ceiling.iloc[0]):
            ax.axvline(ceiling.iloc[0], color=GREY, linewidth=0.8, zorder=UNDER)
    add_legend(figure, series, "Chance to choose as a random person about the same item; solid line: another person")
    return Drawn(figure, data, describe(data, "Expected match with a random person, with intervals"))


def _told(rows: pd.DataFrame) -> pd.Series:
    """Name each row's model, and the method where a model was asked by several in one setting."""
    asked = rows[rows["predictor"] == "model"]
    if asked.groupby(["model_tag", "persona_setting"])["method"].nunique().max() <= 1:
        return rows["model_tag"].astype(str)
    return rows["model_tag"].astype(str) + ", " + rows["method"].astype(str).str.replace("_", " ")


def item_rates(frames: Frames, level: float = LEVEL) -> Drawn:
    """Show each item's share of A among people against the model's under its personas, with intervals."""
    profiles = table(frames, "paper_human_item_profiles")
    people = profiles[profiles["respondent_country"].isna() & profiles["respondent_demo"].isna()]
    answers = table(frames, "paper_alignment_persona_item_level")
    answers = answers[answers["llm_culture"].notna()]
    if answers.empty:
        raise Missing("no answers under personas that respondents stand beside")
    groups = answers.groupby(["model_tag", "response_type", "scenario_item_id"])["llm_culture"]
    data = groups.agg(model_rate="mean", n_model_answers="size").reset_index()
    humans = people[["scenario_item_id", "response_type", "human_culture_rate", "n_humans"]]
    data = data.merge(humans, on=["scenario_item_id", "response_type"])
    for side, rate, n in (("human", "human_culture_rate", "n_humans"), ("model", "model_rate", "n_model_answers")):
        data[f"{side}_low"], data[f"{side}_high"] = wilson_interval((data[rate] * data[n]).round(), data[n], level)
    models = sorted(data["model_tag"].unique())[:N_MODELS]
    figure, axes = square_panels(len(models))
    for place, ax in enumerate(axes.flat):
        if place >= len(models):
            ax.set_axis_off()
            continue
        _scatter(ax, data[data["model_tag"] == models[place]], models[place])
    figure.supylabel("model, under personas", fontsize=7.5)
    add_legend(figure, list(QUESTIONS.values()), "Across: people who follow the culture")
    alt = f"Share of A per item among people against {', '.join(models)}; a dot per item, grey lines their intervals."
    return Drawn(figure, data, alt)


def _scatter(ax: Axes, data: pd.DataFrame, title: str) -> None:
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    ax.hlines(data["model_rate"], data["human_low"], data["human_high"], color=LIGHT, linewidth=0.5, zorder=1)
    ax.vlines(data["human_culture_rate"], data["model_low"], data["model_high"], color=LIGHT, linewidth=0.5, zorder=1)
    for place, (question, label) in enumerate(QUESTIONS.items()):
        part, look = data[data["response_type"] == question], style_of(place, label)
        ax.plot(
            part["human_culture_rate"], part["model_rate"], look.marker, color=look.colour, markersize=2.4,
            markerfacecolor=look.fill, markeredgewidth=0.7, zorder=3,
        )  # fmt: skip
    ax.set(title=title, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(percent))
