"""Figures of behaviour runs: what training, country, age and gender change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.plots.people import SHOWN, Frames, Missing, country, table
from analysis.plots.style import (
    COLOURS,
    GAP,
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
    say,
)

N_SERIES = 6
BEFORE, AFTER, SHIFT = "base", "instruct", "shift"
SIDES = {"rate_first": BEFORE, "rate_second": AFTER, "net_shift": SHIFT}
CONTRASTS = (
    ("by_actor_age", "actor_age", "younger", "older", "actor: younger − older"),
    ("by_receiver_age", "receiver_age", "younger", "older", "receiver: younger − older"),
    ("by_actor_gender", "actor_gender", "female", "male", "actor: female − male"),
    ("by_receiver_gender", "receiver_gender", "female", "male", "receiver: female − male"),
)


def base_to_instruct(frames: Frames) -> Drawn:
    """Show how instruction tuning moves the share that allows the preference, with intervals where there are some."""
    data = _shifts(frames["shift"]) if len(frames.get("shift", ())) else _papers_shifts(frames)
    groups = list(dict.fromkeys(data["group"]))
    figure = new_figure(ONE_COLUMN, 1.15 + 0.42 * len(groups))
    ax = figure.subplots()
    lay_rows(ax, groups, percent, None)
    moves = []
    for y, group in enumerate(groups):
        found = {row["series"]: row for row in data[data["group"] == group].to_dict("records")}
        if pd.isna(found[SHIFT]["estimate"]):
            say(ax, y, GAP, GREY)
            moves.append(f"{group}: {GAP}")
            continue
        _arrow(ax, y, found)
        moves.append(
            f"{group}: {_written(found[BEFORE])} to {_written(found[AFTER])}, a shift of {_written(found[SHIFT])}"
        )
    ax.set_xlim(0, 1)
    ax.set_title("base → instruct")
    ax.set_xlabel("allow the preference, where both decided")
    note = "Above: shift in points" if data["ci_low"].notna().any() else "As the paper has it: without intervals"
    looks: Any = {"color": GREY, "markersize": 4, "linestyle": ""}
    handles = [ax.plot([], [], "o", markerfacecolor="white", **looks)[0], ax.plot([], [], ">", **looks)[0]]
    figure.legend(handles, [BEFORE, AFTER], loc="outside lower center", ncols=2, title=note, title_fontsize=6.5)
    return Drawn(figure, data, f"Share that allows the preference from base to instruct model. {'; '.join(moves)}.")


def _shifts(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn shares that follow the culture, clustered by item, into those that allow the preference."""
    rows = rows[rows["measure"].isin(list(SIDES))]
    questions, methods = rows["question"].nunique() > 1, rows["method"].nunique() > 1
    group = rows["model_family"].astype(str)
    group = group + ", " + rows["question"].astype(str) if questions else group
    group = group + ", " + rows["condition"].map(_condition)
    group = group + ", " + rows["method"].astype(str).str.replace("_", " ") if methods else group
    whole = np.where(rows["measure"] == "net_shift", 0.0, 1.0)
    return pd.DataFrame(
        {
            "group": group,
            "series": rows["measure"].map(SIDES),
            "estimate": whole - rows["estimate"].astype(float),
            "ci_low": whole - rows["ci_high"].astype(float),
            "ci_high": whole - rows["ci_low"].astype(float),
            "n": rows["n_pairs"],
        }
    ).reset_index(drop=True)


def _papers_shifts(frames: Frames) -> pd.DataFrame:
    """Give them from the paper's own table, which has no intervals."""
    rows = table(frames, "paper_paired_flip_overall")
    rows = rows[rows["pair_type"] == "base_vs_instruct"].reset_index(drop=True)
    if rows.empty:
        raise Missing("no base model is paired with its instruct model")
    group = rows["model_family"].astype(str) + ", " + rows["left_prompt_condition"].map(_condition)
    names = ("left_allow_rate", "right_allow_rate", "allow_rate_delta_right_minus_left")
    parts = [
        pd.DataFrame({"group": group, "series": series, "estimate": rows[name], "n": rows["n_paired"]})
        for name, series in zip(names, (BEFORE, AFTER, SHIFT), strict=True)
    ]
    data = pd.concat(parts, ignore_index=True).assign(ci_low=np.nan, ci_high=np.nan)
    return data[["group", "series", "estimate", "ci_low", "ci_high", "n"]]


def _arrow(ax: Axes, y: float, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the way from one rate to another with its length in points, and below it the intervals of both ends."""
    start, end, shift = found[BEFORE]["estimate"], found[AFTER]["estimate"], found[SHIFT]
    colour = COLOURS[0] if end >= start else COLOURS[1]
    way = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=(end, y), xytext=(start, y), arrowprops=way)
    ax.plot(start, y, "o", color=colour, markerfacecolor="white", markersize=4)
    for row, marker, below in ((found[BEFORE], "o", 0.17), (found[AFTER], ">" if end >= start else "<", 0.29)):
        if pd.notna(row["ci_low"]):
            ax.plot([row["ci_low"], row["ci_high"]], [y + below] * 2, color=colour, linewidth=0.9)
            fill = "white" if marker == "o" else colour
            ax.plot(row["estimate"], y + below, marker, color=colour, markerfacecolor=fill, markersize=2.2)
    told = points(shift["estimate"])
    if pd.notna(shift["ci_low"]):
        told += f" [{points(shift['ci_low'])}, {points(shift['ci_high'])}]"
    middle = (start + end) / 2
    side = "left" if middle < 0.2 else "right" if middle > 0.8 else "center"
    at = {"left": min(start, end), "right": max(start, end), "center": middle}[side]
    ax.text(at, y - 0.14, told, ha=side, fontsize=6.5, color=colour)


def _written(row: Mapping[str, Any]) -> str:
    interval = "" if pd.isna(row["ci_low"]) else f" [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
    return f"{row['estimate']:.3f}{interval}"


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


def _condition(name: object) -> str:
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
