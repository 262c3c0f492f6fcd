"""Figures of behaviour runs: what training, country, age and gender change."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.people import SHOWN, Frames, Missing, country, table
from analysis.plots.style import (
    COLOURS,
    GREY,
    LIGHT,
    MEAN,
    ONE_COLUMN,
    TWO_COLUMNS,
    Drawn,
    add_legend,
    describe,
    dots,
    lay_rows,
    new_figure,
    percent,
    points,
    row_height,
)

N_SERIES = 6
CONTRASTS = (
    ("by_actor_age", "actor_age", "younger", "older", "actor: younger − older"),
    ("by_receiver_age", "receiver_age", "younger", "older", "receiver: younger − older"),
    ("by_actor_gender", "actor_gender", "female", "male", "actor: female − male"),
    ("by_receiver_gender", "receiver_gender", "female", "male", "receiver: female − male"),
)


def base_to_instruct(frames: Frames) -> Drawn:
    """Show how instruction tuning moves the share that allows the preference."""
    rows = table(frames, "paper_paired_flip_overall")
    rows = rows[rows["pair_type"] == "base_vs_instruct"].reset_index(drop=True)
    if rows.empty:
        raise Missing("no base model is paired with its instruct model")
    pairs = {
        f"{one['model_family']}, {_condition(one['left_prompt_condition'])}": one for one in rows.to_dict("records")
    }
    figure = new_figure(ONE_COLUMN, 0.9 + 0.3 * len(pairs))
    ax = figure.subplots()
    lay_rows(ax, list(pairs), percent, None)
    for y, one in enumerate(pairs.values()):
        _arrow(ax, y, one["left_allow_rate"], one["right_allow_rate"])
    ax.set_xlim(0, 1)
    ax.set_title("base → instruct")
    ax.set_xlabel("allow the preference, where both decided")
    moves = (f"{name}: {one['left_allow_rate']:.3f} to {one['right_allow_rate']:.3f}" for name, one in pairs.items())
    alt = "; ".join(moves)
    return Drawn(figure, rows, f"Share that allows the preference from base to instruct model. {alt}.")


def _arrow(ax: Axes, y: float, start: float, end: float) -> None:
    """Draw the way from one rate to another, with its length in points."""
    colour = COLOURS[0] if end >= start else COLOURS[1]
    way = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=(end, y), xytext=(start, y), arrowprops=way)
    ax.plot(start, y, "o", color=colour, markerfacecolor="white", markersize=4)
    ax.text((start + end) / 2, y - 0.14, points(end - start), ha="center", fontsize=6.5, color=colour)


def country_contrasts(frames: Frames) -> Drawn:
    """Show how far each scenario country's allow rate lies from its model's mean over countries."""
    rows = _chosen(table(frames, "paper_by_base_country"))
    means = rows.groupby("series")["allow_rate_valid"].transform("mean")
    data = _with_mean(rows.assign(group=rows["base_country"].map(country), estimate=rows["allow_rate_valid"] - means))
    spread = data[data["series"] == MEAN].set_index("group")["estimate"].sort_values()
    data = data.assign(panel="allow rate − mean over countries (points)")
    sd, reach = 100 * spread.std(ddof=0), 100 * (spread.max() - spread.min())
    told = f"Standard deviation of the means {sd:.1f} points; range {reach:.1f}, which grows with their number"
    figure = _contrast_figure(data, list(spread.index), "allow rate − mean over countries (points)", told)
    return Drawn(figure, data[SHOWN], describe(data, "Scenario country and the share that allows the preference"))


def demographic_contrasts(frames: Frames) -> Drawn:
    """Show the differences of allow rates between ages and genders, per model."""
    parts = []
    for name, column, first, second, label in CONTRASTS:
        if f"paper_{name}" not in frames:
            continue
        rows = _chosen(frames[f"paper_{name}"])
        wide = rows.pivot_table(index="series", columns=column, values="allow_rate_valid", dropna=False, observed=False)
        n = rows.groupby("series")["n_valid"].sum()
        difference = wide.get(first, np.nan) - wide.get(second, pd.Series(np.nan, index=wide.index))
        parts.append(pd.DataFrame({"group": label, "series": wide.index, "estimate": difference, "n_valid": n}))
    if not parts:
        raise Missing("no table of decisions by age or gender")
    data = _with_mean(pd.concat(parts, ignore_index=True)).assign(panel="difference of allow rates (points)")
    told = "Each dot is one model; models are the units, and so few of them leave their mean without an interval"
    figure = _contrast_figure(data, [row[-1] for row in CONTRASTS], "difference of allow rates (points)", told)
    return Drawn(figure, data[SHOWN], describe(data, "Age, gender and the share that allows the preference"))


def _condition(name: str) -> str:
    return "told to balance" if name == "balance" else "not told"


def _chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep one prompt condition, that which most files have, and name each file by its model."""
    files = rows.drop_duplicates(["prompt_condition", "path"])["prompt_condition"].value_counts()
    most = sorted(files.index, key=lambda name: (-files[name], str(name)))[0]
    kept: pd.DataFrame = rows.loc[rows["prompt_condition"] == most]
    return kept.assign(series=kept["eval_model"].astype(str))


def _with_mean(rows: pd.DataFrame) -> pd.DataFrame:
    data = rows[["group", "series", "estimate"]].assign(n=rows["n_valid"])
    known = data.groupby("group", sort=False)["estimate"].agg(["mean", "count"]).reset_index()
    mean = pd.DataFrame({"group": known["group"], "series": MEAN, "estimate": known["mean"], "n": known["count"]})
    return pd.concat([data, mean], ignore_index=True).assign(ci_low=np.nan, ci_high=np.nan)


def _contrast_figure(data: pd.DataFrame, groups: list[str], label: str, told: str) -> Figure:
    models = [name for name in dict.fromkeys(data["series"]) if name != MEAN][:N_SERIES]
    series = [*models, MEAN]
    figure = new_figure(TWO_COLUMNS, 1.1 + row_height(len(groups), len(series)))
    ax = figure.subplots()
    lay_rows(ax, groups, points, 0.0)
    for y in range(1, len(groups), 2):
        ax.axhspan(y - 0.5, y + 0.5, color=LIGHT, alpha=0.35, linewidth=0, zorder=0)
    dots(ax, data, groups, series)
    ax.set_xlabel(label, color=GREY)
    add_legend(figure, series, told)
    return figure
