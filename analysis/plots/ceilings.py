"""Figures of what agreement and correlation can reach, and of models' probabilities beside people's rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from scipy.special import stdtrit

from analysis.plots.people import QUESTIONS, SHOWN, Frames, Missing, country, table
from analysis.plots.style import (
    GREY,
    LEVEL,
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
    square_panels,
    style_of,
)

N_MODELS = 6
N_BINS = 10
AGREEMENT_PANELS = {
    "alpha": "agreement beyond chance\n(Krippendorff's alpha)",
    "ceiling": "ceiling of a correlation\nwith item rates",
    "across": "agree more within than\nacross countries (points)",
}
MEASURES = {"rate": "rates", "disagreement": "disagreement"}
QUANTITIES = {"correlation": "correlation with people", "ceiling": "noise ceiling"}
SETTINGS = {"no_persona": "no persona", "persona": "personas"}
EXACT = ("first_token", "verbalised")


def agreement_and_ceiling(frames: Frames) -> Drawn:
    """Show agreement in each country, the ceiling that it sets for any model, and agreement across countries."""
    agreement = table(frames, "agreement")
    parts = [_by_country(agreement[agreement["measure"] == "alpha"]).assign(panel=AGREEMENT_PANELS["alpha"])]
    if "reliability" in frames:
        # A model with exactly the country's rates would correlate with the observed ones by the root of reliability.
        roots = _by_country(frames["reliability"])
        columns = ["estimate", "ci_low", "ci_high"]
        roots[columns] = np.sqrt(roots[columns].astype(float).clip(lower=0))
        parts.append(roots.assign(panel=AGREEMENT_PANELS["ceiling"]))
    if len(frames.get("agreement_across", ())):
        parts.append(_named(frames["agreement_across"]).assign(panel=AGREEMENT_PANELS["across"]))
    data = pd.concat(parts, ignore_index=True)
    groups = list(dict.fromkeys(data["group"]))
    figure = new_figure(TWO_COLUMNS, 1.25 + row_height(len(groups), 2))
    for ax, panel in zip(figure.subplots(1, 3, sharey=True), AGREEMENT_PANELS.values(), strict=True):
        part = data[data["panel"] == panel]
        ax.set_title(panel, fontsize=7.5)
        if part.empty:
            empty_panel(ax, "no item judged in two countries")
            continue
        lay_rows(ax, groups, points if panel == AGREEMENT_PANELS["across"] else plain, 0.0)
        dots(ax, part, groups, list(QUESTIONS.values()))
        if panel == AGREEMENT_PANELS["ceiling"]:
            ax.set_xlim(-0.03, 1.03)
    add_legend(figure, list(QUESTIONS.values()), "By respondents' country")
    data = data[SHOWN].assign(panel=data["panel"].str.replace("\n", " "))
    return Drawn(figure, data, describe(data, "Agreement within countries and the ceilings that it sets"))


def _by_country(rows: pd.DataFrame) -> pd.DataFrame:
    return _named(rows[rows["grouping"].isin(["overall", "country"])])


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    names = [name if name == "all" else country(name) for name in rows["group"]]
    return rows.assign(group=names, series=rows["question"].map(QUESTIONS)).reset_index(drop=True)


def correlation_and_ceiling(frames: Frames) -> Drawn:
    """Show how far models' item values correlate with people's, beside what the noise of both lets a perfect one."""
    rows = table(frames, "ceilings")
    rows = rows[rows["quantity"].isin(list(QUANTITIES))]
    title = rows["measure"].map(MEASURES) + ", " + rows["question"].map(QUESTIONS)
    data = pd.DataFrame(
        {
            "panel": title,
            "group": _settings(rows),
            "series": rows["quantity"].map(QUANTITIES),
            **{name: rows[name] for name in ("estimate", "ci_low", "ci_high")},
            "n": rows["n_items"],
        }
    ).reset_index(drop=True)
    groups = list(dict.fromkeys(data["group"]))
    panels = [f"{measure}, {question}" for measure in MEASURES.values() for question in QUESTIONS.values()]
    figure = new_figure(TWO_COLUMNS, 1.35 + 2 * row_height(len(groups), 2))
    for ax, panel in zip(figure.subplots(2, 2, sharex=True, sharey=True).flat, panels, strict=True):
        part = data[data["panel"] == panel]
        ax.set_title(panel)
        if part.empty:
            empty_panel(ax, "not asked")
            continue
        lay_rows(ax, groups, plain, 0.0)
        dots(ax, part, groups, list(QUANTITIES.values()))
    note = "Correlation over items; the ceiling is what a model with exactly the people's values would reach"
    add_legend(figure, list(QUANTITIES.values()), note)
    return Drawn(figure, data[SHOWN], describe(data, "Correlations of models with people beside their noise ceilings"))


def _settings(rows: pd.DataFrame) -> list[str]:
    """Name each row's model and setting, and the method where a model was asked by several."""
    several = rows.groupby("model_tag")["method"].nunique().max() > 1
    return [
        f"{tag}, {SETTINGS.get(setting, setting)}" + (f", {str(method).replace('_', ' ')}" if several else "")
        for tag, setting, method in zip(rows["model_tag"], rows["persona_setting"], rows["method"], strict=True)
    ]


def calibration(frames: Frames, level: float = LEVEL) -> Drawn:
    """Show people's mean rate of the items to which a model gives about the same probability."""
    items = table(frames, "alignment_items")
    items = items[items["method"].isin(EXACT)]
    if items.empty:
        raise Missing("no model gave probabilities")
    items = items.assign(group=_settings(items))
    models = list(dict.fromkeys(items["group"]))[:N_MODELS]
    data = pd.concat(
        [_bins(items[items["group"] == name], level).assign(group=name) for name in models], ignore_index=True
    )
    figure, axes = square_panels(len(models))
    for place, ax in enumerate(axes.flat):
        if place < len(models):
            _diagonal(ax, data[data["group"] == models[place]], models[place])
        else:
            ax.set_axis_off()
    figure.supylabel("people who follow the culture", fontsize=7.5)
    note = "Across: the model's probability of following the culture, items in tenths of it"
    add_legend(figure, list(QUESTIONS.values()), note)
    return Drawn(figure, data, describe(data, "People's rate by the model's probability"))


def _bins(items: pd.DataFrame, level: float) -> pd.DataFrame:
    """Average the items of each tenth of the model's probability; intervals are between items."""
    tenth = np.minimum((items["model_rate"].astype(float) * N_BINS).astype(int), N_BINS - 1)
    groups = items.assign(tenth=tenth).groupby(["question", "tenth"])
    found = groups.agg(
        model_rate=("model_rate", "mean"), estimate=("human_rate", "mean"), sd=("human_rate", "std"),
        n_items=("human_rate", "size"),
    ).reset_index()  # fmt: skip
    half = stdtrit(np.maximum(found["n_items"] - 1, 1), 0.5 + level / 2) * found["sd"] / np.sqrt(found["n_items"])
    low, high = (found["estimate"] + sign * half for sign in (-1, 1))
    found = found.assign(series=found["question"].map(QUESTIONS), ci_low=low.clip(0, 1), ci_high=high.clip(0, 1))
    return found[["series", "model_rate", "estimate", "ci_low", "ci_high", "n_items"]]


def _diagonal(ax: Axes, data: pd.DataFrame, title: str) -> None:
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=(0, (4, 3)))
    for place, name in enumerate(QUESTIONS.values()):
        part, look = data[data["series"] == name], style_of(place, name)
        at = part["model_rate"] + (place - 0.5) * 0.012
        ax.vlines(at, part["ci_low"], part["ci_high"], color=look.colour, linewidth=0.9, zorder=2)
        ax.plot(at, part["estimate"], look.marker, color=look.colour, markersize=4, markerfacecolor=look.fill, zorder=3)
    ax.set(title=title, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(percent))
