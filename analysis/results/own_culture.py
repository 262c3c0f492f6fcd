"""The own-country effect as the results page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.figures import Figure, FigureRow, difference_scale, draw, points
from analysis.results.sentences import doubt, size
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
    p_value,
    value_of,
)
from analysis.results.stored import Results, Row, find


def show(results: Results) -> Family:
    rows = results.rows("own_culture")
    contrasts = list(dict.fromkeys(row["contrast"] for row in rows))
    figures = [_own_culture_figure(results, contrast) for contrast in contrasts]
    panels = [Panel("Own country against other countries, in points", figures)] if figures else []
    shown = [
        [
            f"{group_label('country', row['respondent_country'])}, {row['question']}",
            row["contrast"].replace(" - ", " − "),
            cell(row, points),
            p_value(row["p_value"]),
            str(row["n_respondents"]),
            str(row["n_items"]),
            row["reason"],
        ]
        for row in rows
    ]
    header = ["Respondents, question", "Contrast", "Difference (points)", "p", "Respondents", "Items", "Why not"]
    table = ShownTable("own_culture", "Difference in the share that follows the culture", header, shown)
    return family("own_culture", "Own-country effect", sentence(rows), rows, panels, [table])


def _own_culture_figure(results: Results, contrast: str) -> Figure:
    rows = results.rows("own_culture", contrast=contrast)
    countries = ordered("country", (row["respondent_country"] for row in rows))
    drawn = [
        FigureRow(
            group_label("country", country),
            [value_of(find(rows, respondent_country=country, question=question)) for question in QUESTIONS],
        )
        for country in countries
    ]
    other = contrast.rpartition(" ")[2]
    return draw(
        f"own_culture_{other}",
        f"Own country minus {other} countries",
        drawn,
        series=SERIES,
        scale=difference_scale(drawn),
        note=results.note,
    )


def sentence(rows: Sequence[Row]) -> str:
    overall = [row for row in rows if row["respondent_country"] == "all" and row["estimate"] is not None]
    if not overall:
        return "Nothing can be said yet: there are no answers to compare scenarios at home with others."
    personal = [row for row in overall if row["question"] == "personal"] or overall
    parts = [
        f"{size(row)} {'more' if row['estimate'] >= 0 else 'less'} "
        f"than in {row['contrast'].rpartition(' ')[2]} countries{doubt(row)}"
        for row in personal
    ]
    return f"In scenarios of their own country people follow the culture {', and '.join(parts)}."
