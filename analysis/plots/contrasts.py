"""Figures of contrasts: respondents' countries, personas' countries, and how far factors move models."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.plots.people import QUESTIONS, SHOWN, Frames, Missing, country, table
from analysis.plots.style import (
    TWO_COLUMNS,
    Drawn,
    Write,
    add_legend,
    describe,
    dots,
    empty_panel,
    lay_rows,
    new_figure,
    points,
    row_height,
    size_in_points,
)

DESIGNS = {"persona": "models under personas", "prompt": "models, as they are asked"}
FACTORS = {


    "persona_country": "persona's country",
    "persona_age": "persona's age", "persona_gender": "persona's gender", "condition": "told to balance",
    "preference_config": "whose preference is told", "demographic_config": "whose age and gender are told",
    "option_order": "order of the options",
}  # fmt: skip
N_MODELS = 6


def respondent_country_contrasts(frames: Frames) -> Drawn:
    """Show how far respondents' countries lie apart on the items that both judged."""
    rows = table(frames, "country_differences")
    data = pd.DataFrame(
        {
            "panel": rows["question"].map(QUESTIONS),
            "group": [
                f"{country(one)} − {country(other)}" for one, other in zip(rows["first"], rows["second"], strict=True)
            ],
            "series": "difference on shared items",
            **{name: rows[name] for name in ("estimate", "ci_low", "ci_high", "n")},
        }
    ).reset_index(drop=True)
    note = "Points between the shares of two countries' people that follow the culture, on the same items"
    return _side_by_side(
        data, list(QUESTIONS.values()), ["difference on shared items"], points, note, "Respondents' countries compared"
    )


def persona_country_contrasts(frames: Frames) -> Drawn:
    """Show how far each persona's country moves a model, against its mean over the countries."""
    data = _persona_countries(frames) if "persona_countries" in frames else _papers_persona_countries(frames)
    if data.empty:
        raise Missing("no model was asked under personas")
    models = list(dict.fromkeys(data["series"]))[:N_MODELS]
    data = data[data["series"].isin(models)].reset_index(drop=True)
    note = "Points of a model's share under personas of a country above its mean over countries"
    if data["ci_low"].isna().all():
        note += "; no interval"
    return _side_by_side(data, list(QUESTIONS.values()), models, points, note, "Personas' countries compared")


def _persona_countries(frames: Frames) -> pd.DataFrame:
    rows = frames["persona_countries"]
    return pd.DataFrame(
        {
            "panel": rows["question"].map(QUESTIONS),
            "group": rows["persona_country"].map(country),
            "series": rows["source"],
            **{name: rows[name] for name in ("estimate", "ci_low", "ci_high", "n")},
        }
    )


def _papers_persona_countries(frames: Frames) -> pd.DataFrame:
    """Give them from the paper's own table, which has no intervals."""
    rows = table(frames, "paper_alignment_combined_summary")
    keys = ["response_type", "model_tag", "persona_country"]
    rates = (
        rows[rows["persona_country"].notna()]
        .groupby(keys)
        .agg(rate=("model_culture_rate", "mean"), n=("n_model_rows", "sum"))
        .reset_index()
    )
    return pd.DataFrame(
        {
            "panel": rates["response_type"].map(QUESTIONS),
            "group": rates["persona_country"].map(country),
            "series": rates["model_tag"],
            "estimate": rates["rate"] - rates.groupby(keys[:2])["rate"].transform("mean"),
            "ci_low": np.nan,
            "ci_high": np.nan,
            "n": rates["n"],
        }
    )


def _side_by_side(
    data: pd.DataFrame, panels: list[str], series: list[str], write: Write, note: str, title: str
) -> Drawn:
    groups = list(dict.fromkeys(data["group"]))
    series = [name for name in series if name in set(data["series"])]
    figure = new_figure(TWO_COLUMNS, 1.05 + row_height(len(groups), len(series)))
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        part = data[data["panel"] == panel]
        ax.set_title(panel)
        if part.empty:
            empty_panel(ax, "not asked")
            continue
        lay_rows(ax, groups, write, 0.0)
        dots(ax, part, groups, series)
    add_legend(figure, series, note)
    return Drawn(figure, data[SHOWN], describe(data, title))


def model_spreads(frames: Frames) -> Drawn:
    """Show the spread of every persona's and prompt's levels on one scale, per model."""
    rows = table(frames, "effect_sizes")
    rows = rows[rows["design"].isin(list(DESIGNS))] if "design" in rows else rows.iloc[:0]
    if rows.empty:
        raise Missing("no model was asked under several personas or prompts")
    factor = rows["factor"].map(lambda name: FACTORS.get(name, str(name).replace("_", " ")))
    data = pd.DataFrame(
        {
            "panel": rows["design"].map(DESIGNS),
            "group": rows["source"].astype(str) + ": " + factor,
            "series": rows["question"].map(QUESTIONS),
            **{name: rows[name] for name in ("estimate", "ci_low", "ci_high", "n")},
        }
    ).reset_index(drop=True)
    panels = {name: data[data["panel"] == name] for name in DESIGNS.values() if (data["panel"] == name).any()}
    groups = {name: list(dict.fromkeys(part["group"])) for name, part in panels.items()}
    series = list(QUESTIONS.values())
    heights = [row_height(len(names), 2) + 0.1 for names in groups.values()]
    figure = new_figure(TWO_COLUMNS, 0.75 + sum(heights) + 0.3 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (name, part) in zip(axes, panels.items(), strict=True):
        _panel(ax, name, part, groups[name], series)
    reach = float(np.nanmax(data[["estimate", "ci_high"]].to_numpy(float), initial=0.01))
    axes[0].set_xlim(-0.02 * reach, 1.05 * reach)
    add_legend(figure, series, "Standard deviation of the levels' shares in points, without what sampling adds")
    return Drawn(figure, data[SHOWN], describe(data, "Standard deviation of level effects"))


def _panel(ax: Axes, title: str, part: pd.DataFrame, groups: list[str], series: list[str]) -> None:
    ax.set_title(title)
    lay_rows(ax, groups, size_in_points, None)
    dots(ax, part, groups, series)
    ax.tick_params(axis="x", labelbottom=True)
