"""Effects for print: the plan's tests, the own-country effect, spreads of factors, shares of variance."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis.plots.people import Frames, Missing, country, table
from analysis.plots.style import (
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
    size_in_points,
)
from analysis.results.plan import readable
from analysis.results.shown import contrast_label

MARGIN = 0.95  # inches for title, axis and legend
SERIES = {"personal": "personal choice", "norm": "norm judgment", "gap": "norm minus personal"}
NUMBERS = ["estimate", "ci_low", "ci_high"]
PARTS = {"respondent": "people", "item": "items", "scenario country": "scenarios' countries", "answer": "single answer"}
NOTHING = "no rows to draw"


def plan_tests(frames: Frames) -> Drawn:
    """Draw what the plan's hypotheses came to, by family."""
    rows = table(frames, "plan")
    names = rows["hypothesis"].astype(str).str.replace("_", " ") + rows["of"].map(
        lambda of: f": {readable(of)}" if of else ""
    )
    data = _data(rows, names, rows["family"].astype(str))
    return _drawn(data, "The analysis plan's tests, points", points, 0.0)


def own_country(frames: Frames) -> Drawn:
    """Draw the population-averaged own-country effect of each country, on both questions and the gap."""
    rows = table(frames, "own_culture")
    rows = rows[(rows["method"] == "mixed") & (rows["scale"] == "share")]
    where = rows["respondent_country"].map(lambda code: "All countries" if code == "all" else country(code))
    names = where + ": " + rows["contrast"].map(contrast_label)
    data = _data(rows, names, rows["outcome"].map(SERIES))
    return _drawn(data, "Own-country effect by the mixed model, points", points, 0.0)


def factor_spreads(frames: Frames) -> Drawn:
    """Draw how far the levels of each factor lie apart among people."""
    rows = table(frames, "effect_sizes")
    rows = rows[rows["source"] == "people"] if len(rows) else rows
    names = rows["factor"].astype(str).str.replace("_", " ") if len(rows) else pd.Series(dtype=object)
    data = _data(rows, names, rows["question"].map(SERIES) if len(rows) else pd.Series(dtype=object))
    return _drawn(data, "Spread of the levels among people, points", size_in_points, None)


def variance_parts(frames: Frames) -> Drawn:
    """Draw where the variance under the answers lies."""
    rows = table(frames, "variance")
    rows = rows[rows["quantity"] == "latent_share"] if len(rows) else rows
    names = rows["part"].map(lambda part: PARTS.get(str(part), str(part)))
    data = _data(rows, names, rows["question"].map(SERIES))
    return _drawn(data, "Share of the variance under the answers", percent, None)


def _data(rows: pd.DataFrame, group: pd.Series, series: pd.Series) -> pd.DataFrame:
    if rows.empty:
        raise Missing(NOTHING)
    numbers = rows[NUMBERS].apply(pd.to_numeric)
    found = numbers.assign(group=group.astype(str), series=series.astype(str))
    ordered: pd.DataFrame = found[["group", "series", *NUMBERS]].reset_index(drop=True)
    return ordered


def _drawn(data: pd.DataFrame, title: str, write: Callable[..., str], reference: float | None) -> Drawn:
    groups, series = (list(dict.fromkeys(data[name])) for name in ("group", "series"))
    figure = new_figure(TWO_COLUMNS, MARGIN + row_height(len(groups), len(series)))
    ax = figure.subplots()
    lay_rows(ax, groups, write, reference)
    dots(ax, data, groups, series)
    ax.set_title(title)
    add_legend(figure, series)
    return Drawn(figure, data, describe(data, title))
