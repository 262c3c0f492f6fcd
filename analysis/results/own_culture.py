"""The own-country effect as the results page shows it: the primary estimate first, then what other methods say."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import Figure, FigureRow, coefficient, difference_scale, draw, points
from analysis.results.sentences import doubt, size
from analysis.results.shown import (
    QUESTIONS,
    SERIES,
    Family,
    Panel,
    ShownTable,
    adjustment,
    basis,
    cell,
    contrast_label,
    family,
    group_label,
    ordered,
    p_pair,
    value_of,
)
from analysis.results.stored import Results, Row, find

GAP = "gap"
PRIMARY = "mixed"
METHODS = {
    PRIMARY: "Mixed model",
    "mixed_random_slope": "… effect differs by person, item",
    "mixed_scenario_country": "… with scenario's country",
    "mixed_item_mean": "… within items",
    "logit_two_way": "Logit, clustered errors",
    "rate_difference": "Difference of rates",
    "within_item": "Conditional logit within items",
}


def show(results: Results) -> Family:
    rows = results.rows("own_culture")
    contrasts = list(dict.fromkeys(row["contrast"] for row in rows))
    panels = [
        Panel("Own country against other countries, in points", [_by_country(results, one) for one in contrasts]),
        Panel("How much hangs on the method, in points", [_by_method(results, one) for one in contrasts]),
        Panel("The gap, norm minus personal, in points", [_gap(results, one) for one in contrasts]),
    ]
    primary = [row for row in rows if row["method"] == PRIMARY and row["scale"] == "share"]
    beside = [row for row in rows if row["respondent_country"] == "all" and row not in primary]
    tables = [
        _primary_table(primary),
        _methods_table(beside),
    ]
    rests_on = basis(find(primary, respondent_country="all", outcome="personal"))
    return family(FamilyKey.OWN_CULTURE, sentence(rows), rows, panels, tables, rests_on)


HEADER = (
    "Contrast", "Difference", "p, no effect", "adjusted", "p, too small to matter", "adjusted", "Respondents", "Items",
    "Why not",
)  # fmt: skip


def _primary_table(rows: Sequence[Row]) -> ShownTable:
    shown = [[f"{group_label('country', row['respondent_country'])}, {row['outcome']}", *_cells(row)] for row in rows]
    caption = f"Difference in the share that follows the culture, primary method{adjustment(rows)}"
    return ShownTable("own_culture", caption, ["Respondents, outcome", *HEADER], shown)


def _methods_table(rows: Sequence[Row]) -> ShownTable:
    shown = [[f"{row['outcome'].capitalize()}: {METHODS[row['method']]}", *_cells(row)] for row in rows]
    caption = f"The same over all countries, by other methods{adjustment(rows)}"
    return ShownTable("own_culture_methods", caption, ["Outcome, method", *HEADER], shown)


def _cells(row: Row) -> list[str]:
    return [
        contrast_label(row["contrast"]),
        cell(row, points) if row["scale"] == "share" else _log_odds(row),
        *p_pair(row),
        *p_pair(row, "p_equivalence", "p_equivalence"),
        str(row["n_respondents"]),
        str(row["n_items"]),
        row["reason"],
    ]


def _log_odds(row: Row) -> str:
    told = cell(row, coefficient)
    return told if row["estimate"] is None else f"{told} log odds"


def _by_country(results: Results, contrast: str) -> Figure:
    rows = results.rows("own_culture", contrast=contrast, method=PRIMARY, scale="share")
    countries = ordered("country", (row["respondent_country"] for row in rows))
    drawn = [
        FigureRow(
            group_label("country", country),
            [value_of(find(rows, respondent_country=country, outcome=question)) for question in QUESTIONS],
        )
        for country in countries
    ]
    return _figure(results, f"own_culture_{_other(contrast)}", f"Own country minus {_other(contrast)} countries", drawn)


def _by_method(results: Results, contrast: str) -> Figure:
    rows = results.rows("own_culture", contrast=contrast, respondent_country="all", scale="share")
    drawn = [
        FigureRow(label, [value_of(find(rows, method=method, outcome=question)) for question in QUESTIONS])
        for method, label in METHODS.items()
        if find(rows, method=method)
    ]
    title = f"Own country minus {_other(contrast)} countries, by method"
    return _figure(results, f"own_culture_methods_{_other(contrast)}", title, drawn)


def _gap(results: Results, contrast: str) -> Figure:
    rows = results.rows("own_culture", contrast=contrast, method=PRIMARY, scale="share", outcome=GAP)
    countries = ordered("country", (row["respondent_country"] for row in rows))
    drawn = [
        FigureRow(group_label("country", country), [value_of(find(rows, respondent_country=country))])
        for country in countries
    ]
    title = f"Gap, own country minus {_other(contrast)} countries"
    return _figure(results, f"own_culture_gap_{_other(contrast)}", title, drawn, ("norm minus personal",))


def _figure(
    results: Results, name: str, title: str, drawn: Sequence[FigureRow], series: Sequence[str] = SERIES
) -> Figure:
    return draw(name, title, drawn, series=series, scale=difference_scale(drawn), note=results.note)


def _other(contrast: str) -> str:
    return contrast.rpartition(" ")[2]


def sentence(rows: Sequence[Row]) -> str:
    overall = [row for row in rows if row["respondent_country"] == "all" and row["scale"] == "share"]
    primary = [row for row in overall if row["method"] == PRIMARY]
    estimated = [row for row in primary if row["estimate"] is not None and row["outcome"] != GAP]
    if not estimated:
        return _nothing(primary)
    personal = [row for row in estimated if row["outcome"] == "personal"] or estimated
    parts = [
        f"{size(row)} {'more' if row['estimate'] >= 0 else 'less'} than in {_other(row['contrast'])} countries"
        f"{doubt(row)}{_range(row, overall)}"
        for row in personal
    ]
    what = "follow the culture" if personal[0]["outcome"] == "personal" else "call the culture appropriate"
    return f"In scenarios of their own country people {what} {', and '.join(parts)}."


def _range(row: Row, overall: Sequence[Row]) -> str:
    """Say between which sizes the other methods lie."""
    others = [
        100 * other["estimate"]
        for other in overall
        if other["method"] != PRIMARY
        and (other["outcome"], other["contrast"]) == (row["outcome"], row["contrast"])
        and other["estimate"] is not None
    ]
    if not others:
        return ""
    return f" (other methods: {min(others):+.1f} to {max(others):+.1f})".replace("-", "−")


def _nothing(primary: Sequence[Row]) -> str:
    reasons = sorted({row["reason"] for row in primary if row["reason"]})
    if reasons:
        return f"Nothing can be said yet: {'; '.join(reasons)}."
    return "Nothing can be said yet: there are no answers to compare scenarios at home with others."
