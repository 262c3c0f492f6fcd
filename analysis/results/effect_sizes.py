"""How much each factor moves the share that follows the culture, as the results page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import FigureRow, draw, size_in_points, size_scale
from analysis.results.sentences import question
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
    number,
    p_pair,
    value_of,
)
from analysis.results.stored import Results, Row, find

PEOPLE = "people"
FACTORS = {
    "respondent_country": "Respondent's country",
    "respondent_age": "Respondent's age",
    "respondent_gender": "Respondent's gender",
    "relation": "Relation of the scenario's country",
    "theme": "Theme",
    "scenario_country": "Scenario's country",
    "receiver_age": "Receiver's age",
    "receiver_gender": "Receiver's gender",
    "persona_country": "Persona's country",
    "persona_age": "Persona's age",
    "persona_gender": "Persona's gender",
    "condition": "Told to weigh both sides",
    "preference_config": "Who has the preference",
    "demographic_config": "What is said of both people",
    "option_order": "Order of the options",
}
IN_SENTENCE = {name: label[0].lower() + label[1:] for name, label in FACTORS.items()}


def show(results: Results) -> Family:
    rows = results.rows("effect_sizes")
    sources = list(dict.fromkeys(row["source"] for row in rows))
    panels = [_panel(results, source) for source in sources]
    rests_on = basis(find(rows, source=PEOPLE, question="personal"))
    return family(FamilyKey.EFFECT_SIZES, sentence(rows), rows, panels, [_shown(rows)], rests_on)


def _panel(results: Results, source: str) -> Panel:
    rows = results.rows("effect_sizes", source=source)
    drawn = [
        FigureRow(FACTORS[factor], [value_of(find(rows, factor=factor, question=q)) for q in QUESTIONS])
        for factor in dict.fromkeys(row["factor"] for row in rows)
    ]
    title = "Spread of the levels: standard deviation in points"
    scale = size_scale(drawn)
    figure = draw(f"effect_sizes_{source}", title, drawn, series=SERIES, scale=scale, note=results.note)
    return Panel("People" if source == PEOPLE else f"Model {source}", [figure])


def _shown(rows: Sequence[Row]) -> ShownTable:
    shown = [
        [
            f"{FACTORS[row['factor']]}, {row['question']}" + ("" if row["source"] == PEOPLE else f" ({row['source']})"),
            cell(row, size_in_points),
            *p_pair(row),
            number(row["sd_observed"], size_in_points),
            number(row["sd_sampling"], size_in_points),
            number(row["mean_abs_difference"], size_in_points),
            str(row["n_levels"]),
            _note(row),
        ]
        for row in rows
    ]
    header = [
        "Factor, question", "Spread (points)", "p", "p adjusted", "As observed", "By sampling", "Mean of differences",
        "Levels", "Note",
    ]  # fmt: skip
    caption = f"How far the levels of each factor lie apart{adjustment(rows)}"
    return ShownTable("effect_sizes", caption, header, shown)


def _note(row: Row) -> str:
    if row["reason"]:
        return str(row["reason"])
    return "cut to 0: sampling alone makes more" if row["is_truncated"] else ""


def sentence(rows: Sequence[Row]) -> str:
    told = [row for row in rows if row["source"] == PEOPLE and row["question"] == "personal"]
    told = [row for row in told if row["ci_low"] is not None]
    if not told:
        return "Nothing can be said yet: no factor has two levels with enough people and items."
    by_size = sorted(told, key=lambda row: -row["estimate"])
    shown = [row for row in by_size if row["ci_low"] > 0]
    if not shown:
        return (
            f"For no factor is it shown that its levels differ in people's {question(by_size[0])}s: every interval of "
            f"the spread begins at zero. The largest is that of {IN_SENTENCE[by_size[0]['factor']]}, with a standard "
            f"deviation of {_size(by_size[0])} points."
        )
    first, *others = shown
    how = "differ most by" if first is by_size[0] else "are shown to differ by"
    sentence = (
        f"People's {question(first)}s {how} {IN_SENTENCE[first['factor']]}: its levels spread with a "
        f"standard deviation of {_size(first)} points{_tested(first)}"
    )
    if others:
        sentence += "; also shown to matter: " + ", ".join(f"{IN_SENTENCE[r['factor']]} {_size(r)}" for r in others)
    if any(row is not first and row["ci_high"] > first["ci_low"] for row in told):
        sentence += ". Which factor is first is open, as their intervals overlap"
    return f"{sentence}."


def _tested(row: Row) -> str:
    """Write both p-values: the interval of one factor knows nothing of the others."""
    if row.get("p_value") is None:
        return ""
    raw, adjusted = p_pair(row)
    return f" (p {raw}, adjusted {adjusted})"


def _size(row: Row) -> str:
    low, high = (size_in_points(row[name]) for name in ("ci_low", "ci_high"))
    return f"{size_in_points(row['estimate'])} [{low}, {high}]"
