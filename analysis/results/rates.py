"""Culture-following rates as the results page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.figures import FigureRow, difference_scale, draw, percent, points, share_scale
from analysis.results.sentences import NOTHING, doubt, size, written
from analysis.results.shown import (
    QUESTIONS,
    SERIES,
    Family,
    Panel,
    ShownTable,
    cell,
    family,
    group_label,
    ordered,
    value_of,
)
from analysis.results.stored import Results, Row, find

GROUPINGS = {
    "country": "By country of the respondent",
    "relation": "By relation of the scenario's country",
    "theme": "By theme",
    "cell": "By age and gender of the respondent",
}


def show(results: Results) -> Family:
    rows = results.rows("rates")
    panels = [_rate_panel(results, grouping, title) for grouping, title in GROUPINGS.items()]
    shown = [
        [
            group_label(row["grouping"], group),
            *(cell(find(rows, grouping=row["grouping"], group=group, measure=q), percent) for q in QUESTIONS),
            cell(find(rows, grouping=row["grouping"], group=group, measure="gap"), points),
            str(row["n_respondents"]),
            str(row["n"]),
        ]
        for row in rows
        if row["measure"] == "personal" and (group := row["group"])
    ]
    header = ["Group", "Personal choice", "Norm judgment", "Gap (points)", "Respondents", "Answers"]
    table = ShownTable("rates", "Share that follows the culture, with 95% intervals", header, shown)
    return family("rates", "Culture-following rates", sentence(rows), rows, panels, [table])


def _rate_panel(results: Results, grouping: str, title: str) -> Panel:
    rows = results.rows("rates", grouping=grouping)
    shares = [
        FigureRow(
            group_label(grouping, group),
            [value_of(find(rows, group=group, measure=question)) for question in QUESTIONS],
        )
        for group in ordered(grouping, (row["group"] for row in rows))
    ]
    gaps = [
        FigureRow(group_label(grouping, group), [value_of(find(rows, group=group, measure="gap"))])
        for group in ordered(grouping, (row["group"] for row in rows))
    ]
    share = draw(
        f"rates_{grouping}",
        "Share that follows the culture",
        shares,
        series=SERIES,
        scale=share_scale(),
        note=results.note,
    )
    gap = draw(
        f"gap_{grouping}",
        "Gap: norm minus personal, in points",
        gaps,
        series=["gap"],
        scale=difference_scale(gaps),
        note=results.note,
    )
    return Panel(title, [share, gap] if shares else [])


def sentence(rows: Sequence[Row]) -> str:
    overall = {row["measure"]: row for row in rows if row["grouping"] == "overall"}
    if not overall or overall["personal"]["estimate"] is None:
        return NOTHING
    gap = overall["gap"]
    return (
        f"People follow the local expectation in {written(overall['personal'])} of their personal choices and call it "
        f"appropriate in {written(overall['norm'])} of their norm judgments: {_gap(gap)}."
    )


def _gap(row: Row) -> str:
    if row["estimate"] is None:
        return "the gap between the two is not estimable"
    direction = "norm above personal" if row["estimate"] >= 0 else "personal above norm"
    return f"a gap of {size(row)}, {direction}{doubt(row)}"
