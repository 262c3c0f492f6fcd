"""Where answers differ, between people, items and countries, as the results page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import FigureRow, coefficient, draw, percent, share_scale
from analysis.results.sentences import NOTHING
from analysis.results.shown import (
    NO_ESTIMATE,
    QUESTIONS,
    SERIES,
    Family,
    Panel,
    ShownTable,
    Write,
    basis,
    cell,
    family,
    listed,
    value_of,
)
from analysis.results.stored import Results, Row, find

PARTS = {
    "respondent": "Between people",
    "item": "Between items",
    "scenario country": "Between scenarios' countries",
    "together": "Between what they make together",
    "answer": "The single answer",
}
MOST_ODDS = 1000
IN_SENTENCE = {"respondent": "people", "item": "items", "scenario country": "scenarios' countries"}


def show(results: Results) -> Family:
    rows = results.rows("variance")
    drawn = [
        FigureRow(
            label,
            [value_of(find(rows, question=question, quantity="latent_share", part=part)) for question in QUESTIONS],
        )
        for part, label in PARTS.items()
        if find(rows, quantity="latent_share", part=part)
    ]
    title = "Share of the variance under the answers"
    figure = draw("variance_latent_share", title, drawn, series=SERIES, scale=share_scale(), note=results.note)
    panels = [Panel("Between whom, or between what, do answers differ?", [figure] if drawn else [])]
    missing = [row for row in rows if row["estimate"] is None]
    return family(
        FamilyKey.VARIANCE,
        sentence(rows),
        missing,
        panels,
        [_parts(rows), _explained(rows)],
        basis(find(rows, question="personal")),
    )


def _parts(rows: Sequence[Row]) -> ShownTable:
    shown = []
    for question in QUESTIONS:
        for part, label in PARTS.items():
            own = {row["quantity"]: row for row in rows if row["question"] == question and row["part"] == part}
            if own:
                levels = next((row["n_levels"] for row in own.values() if row["n_levels"] is not None), None)
                shown.append(
                    [
                        f"{label}, {question}",
                        _cell(own.get("sd"), coefficient),
                        _cell(own.get("sd_unadjusted"), coefficient),
                        _cell(own.get("latent_share"), percent),
                        _cell(own.get("probability_share"), percent),
                        _cell(own.get("median_odds_ratio"), _odds),
                        "none" if levels is None else f"{levels:.0f}",
                        _why(own),
                    ]
                )
    header = [
        "Part, question", "Standard deviation (logits)", "The same, unadjusted", "Share under the answers",
        "Share of 0/1 answers", "Median odds ratio", "Levels", "Note",
    ]  # fmt: skip
    return ShownTable("variance", "Where the variance of the answers lies", header, shown)


def _explained(rows: Sequence[Row]) -> ShownTable:
    told = {
        "r2_marginal": "By country, relation, age and gender (marginal R²)",
        "r2_conditional": "By these and by who answers what (conditional R²)",
    }
    shown = [
        [f"{label}, {question}", cell(row, percent), row["reason"]]
        for question in QUESTIONS
        for quantity, label in told.items()
        if (row := find(rows, question=question, quantity=quantity))
    ]
    return ShownTable("explained", "How much of the variance is explained", ["What, question", "R²", "Note"], shown)


def _odds(value: float) -> str:
    """Write an odds ratio; one that few answers leave without an end is told as such, not by its digits."""
    return coefficient(value) if value < MOST_ODDS else f"over {MOST_ODDS:,}"


def _cell(row: Row | None, write: Write) -> str:
    """Write a number that may have no interval by its nature, or none at all for this part."""
    if row is None:
        return "not defined"
    if row["estimate"] is None:
        return NO_ESTIMATE
    if row["ci_low"] is None:
        return write(row["estimate"])
    return cell(row, write)


def _why(own: dict[str, Row]) -> str:
    first = own.get("sd") or own.get("latent_share")
    return str(first["reason"]) if first else ""


def sentence(rows: Sequence[Row]) -> str:
    """Say of personal choices which part is largest, and how much the covariates explain."""
    question = next((name for name in QUESTIONS if find(rows, question=name, quantity="r2_marginal")), None)
    if question is None:
        reasons = sorted({row["reason"] for row in rows if row["reason"]})
        return f"Nothing can be said yet: {'; '.join(reasons)}." if reasons else NOTHING
    own = [row for row in rows if row["question"] == question]
    shares = [row for row in own if row["quantity"] == "latent_share" and row["part"] in IN_SENTENCE]
    shares.sort(key=lambda row: -row["estimate"])
    told = [f"{_cell(row, percent)} lies between {IN_SENTENCE[row['part']]}" for row in shares]
    marginal = find(own, quantity="r2_marginal")
    odds = find(own, quantity="median_odds_ratio", part=shares[0]["part"])
    whole = f"Of the variance under people's {'personal choices' if question == 'personal' else 'norm judgments'}"
    sentence = f"{whole} that country, relation, age and gender leave open, {listed(told)}"
    if odds is not None and odds["estimate"] is not None and odds["ci_low"] is not None:
        sentence += (
            f": the odds of following the culture differ by a factor of {_cell(odds, _odds)} or more between "
            f"half of all pairs of {IN_SENTENCE[shares[0]['part']]}"
        )
    return f"{sentence}. Country, relation, age and gender explain {_cell(marginal, percent)} (marginal R²)."
