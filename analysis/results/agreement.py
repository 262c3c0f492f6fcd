"""Agreement between people as the results page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.figures import Figure, FigureRow, coefficient, coefficient_scale, draw, percent, share_scale, write_value
from analysis.results.sentences import written
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

MEASURES = {
    "pairwise_agreement": "Chance that two people agree",
    "alpha": "Krippendorff's alpha",
    "ac1": "Gwet's AC1",
}


def show(results: Results) -> Family:
    rows = results.rows("agreement")
    panels = [Panel("Agreement within countries", [_agreement_figure(results, name) for name in MEASURES])]
    measures = [*MEASURES, "majority_agreement_paper"]
    shown = []
    for grouping, group, question in dict.fromkeys((row["grouping"], row["group"], row["question"]) for row in rows):
        own = [row for row in rows if (row["grouping"], row["group"], row["question"]) == (grouping, group, question)]
        writes = [percent if "agreement" in name else coefficient for name in measures]
        cells = [cell(find(own, measure=name), write) for name, write in zip(measures, writes, strict=True)]
        shown.append([f"{group_label(grouping, group)}, {question}", *cells, f"{own[0]['n']:g}"])
    header = ["Group, question", *MEASURES.values(), "Larger side of the pooled answers (paper)", "Answers"]
    table = ShownTable("agreement", "Agreement of people of the same country about the same item", header, shown)
    return family("agreement", "Agreement between people", sentence(rows), rows, panels, [table])


def _agreement_figure(results: Results, measure: str) -> Figure:
    rows = results.rows("agreement", measure=measure)
    places = [
        (grouping, group)
        for grouping in dict.fromkeys(row["grouping"] for row in rows)
        for group in ordered(grouping, (row["group"] for row in rows if row["grouping"] == grouping))
    ]
    drawn = [
        FigureRow(
            group_label(grouping, group),
            [value_of(find(rows, grouping=grouping, group=group, question=question)) for question in QUESTIONS],
        )
        for grouping, group in places
    ]
    scale = share_scale() if measure == "pairwise_agreement" else coefficient_scale(drawn)
    title = MEASURES[measure]
    return draw(f"agreement_{measure}", title, drawn, series=SERIES, scale=scale, note=results.note)


def sentence(rows: Sequence[Row]) -> str:
    overall = {(row["question"], row["measure"]): row for row in rows if row["grouping"] == "overall"}
    pairwise = [overall.get((question, "pairwise_agreement")) for question in ("personal", "norm")]
    alphas = [overall.get((question, "alpha")) for question in ("personal", "norm")]
    if not all(row and row["estimate"] is not None for row in pairwise):
        return "Nothing can be said yet: agreement needs two answers from the same country to one item."
    personal, norm = (written(row) for row in pairwise if row)
    alpha = " and ".join(write_value(value_of(row), coefficient) for row in alphas if row)
    return (
        f"Two people of the same country agree about an item in {personal} of personal choices and in {norm} of norm "
        f"judgments; beyond chance, Krippendorff's alpha is {alpha}."
    )
