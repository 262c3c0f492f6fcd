"""Culture-following rates as the results page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import FigureRow, difference_scale, draw, percent, points, share_scale
from analysis.results.sentences import NOTHING, doubt, size, written
from analysis.results.shown import (
    QUESTIONS,
    SERIES,
    Family,
    Panel,
    ShownTable,
    adjustment,
    basis,
    cell,
    family,
    group_label,
    ordered,
    p_pair,
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
    panels += [_poststratified_panel(results), _difference_panel(results)]
    shown = [_shown_rates(results), _shown_crossed(results), _shown_differences(results)]
    rests_on = basis(next((row for row in _first_of_groups(rows) if row["grouping"] == "overall"), None))
    return family(FamilyKey.RATES, sentence(rows), rows, panels, shown, rests_on)


def _shown_rates(results: Results) -> ShownTable:
    rows = results.rows("rates")
    shown = [
        [
            group_label(row["grouping"], group),
            *(cell(find(rows, grouping=row["grouping"], group=group, measure=q), percent) for q in QUESTIONS),
            cell(find(rows, grouping=row["grouping"], group=group, measure="gap"), points),
            str(row["n_respondents"]),
            str(row["n"]),
        ]
        for row in _first_of_groups(rows)
        if (group := row["group"])
    ]
    header = ["Group", "Personal choice", "Norm judgment", "Gap (points)", "Respondents", "Answers"]
    return ShownTable(
        "rates", f"Share that follows the culture, with {100 * results.level:g}% intervals", header, shown
    )


def _first_of_groups(rows: Sequence[Row]) -> list[Row]:
    """Give one row per group: of personal choices, of norm judgments where no other question was answered."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["measure"] in QUESTIONS:
            found.setdefault((row["grouping"], row["group"]), row)
    return list(found.values())


def _shown_crossed(results: Results) -> ShownTable:
    rows = results.rows("rates_crossed")
    found = {(row["grouping"], row["group"], row["group_2"], row["measure"]): row for row in rows}
    shown = []
    for grouping, group, other in dict.fromkeys(key[:3] for key in found if key[3] in QUESTIONS):
        first, _, second = grouping.partition(" × ")
        own = [found.get((grouping, group, other, name)) for name in (*QUESTIONS, "gap")]
        written = [cell(row, write) for row, write in zip(own, (percent, percent, points), strict=True)]
        name = f"{group_label(first, group)}, {group_label(second, other)}"
        n_respondents = next(row["n_respondents"] for row in own if row)
        shown.append([name, *written, str(n_respondents)])
    header = ["Groups", "Personal choice", "Norm judgment", "Gap (points)", "Respondents"]
    return ShownTable("rates_crossed", "Share that follows the culture where two groupings cross", header, shown)


def _shown_differences(results: Results) -> ShownTable:
    shown = [
        [
            f"{_pair(row)}, {row['question']}",
            cell(row, points),
            *p_pair(row),
            str(row["n_items"]),
            str(row["n_respondents"]),
            row["reason"],
        ]
        for row in results.rows("country_differences")
    ]
    header = ["Countries, question", "Difference (points)", "p", "p adjusted", "Same items", "Respondents", "Why not"]
    caption = f"Differences between countries on the same items{adjustment(results.rows('country_differences'))}"
    return ShownTable("country_differences", caption, header, shown)


def _pair(row: Row) -> str:
    return f"{group_label('country', row['first'])} − {group_label('country', row['second'])}"


def _poststratified_panel(results: Results) -> Panel:
    rows = results.rows("rates_poststratified")
    drawn = [
        FigureRow(group_label("country", group), [value_of(find(rows, group=group, measure=q)) for q in QUESTIONS])
        for group in ordered("country", (row["group"] for row in rows))
    ]
    title = "Share that follows the culture"
    share = draw("rates_poststratified", title, drawn, series=SERIES, scale=share_scale(), note=results.note)
    return Panel("By country, every group of age and gender weighing the same", [share])


def _difference_panel(results: Results) -> Panel:
    rows = results.rows("country_differences")
    pairs = list(dict.fromkeys((row["first"], row["second"]) for row in rows))
    drawn = []
    for first, second in pairs:
        own = [find(rows, first=first, second=second, question=question) for question in QUESTIONS]
        named = next(row for row in own if row)
        drawn.append(FigureRow(_pair(named), [value_of(row) for row in own]))
    title = "First country minus second, in points"
    scale = difference_scale(drawn)
    figure = draw("country_differences", title, drawn, series=SERIES, scale=scale, note=results.note)
    return Panel("Between countries, on the same items", [figure])


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
    personal, norm = (_answered(overall.get(question)) for question in QUESTIONS)
    told = [
        f"follow the local expectation in {written(personal)} of their personal choices" if personal else "",
        f"call it appropriate in {written(norm)} of their norm judgments" if norm else "",
    ]
    if personal and norm:
        return f"People {' and '.join(told)}: {_gap(overall.get('gap'))}."
    if personal:
        return f"People {told[0]}. Nobody answered the norm question, so that there is no gap."
    if norm:
        other = told[1].replace("it", "the local expectation", 1)
        return f"People {other}. Nobody answered the personal question, so that there is no gap."
    return NOTHING


def _answered(row: Row | None) -> Row | None:
    return row if row and row["estimate"] is not None else None


def _gap(row: Row | None) -> str:
    if row is None or row["estimate"] is None:
        return "the gap between the two is not estimable"
    if row["estimate"] == 0:
        return f"no gap{doubt(row)}"
    direction = "norm above personal" if row["estimate"] >= 0 else "personal above norm"
    return f"a gap of {size(row)}, {direction}{doubt(row)}"
