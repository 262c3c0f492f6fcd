"""Uncertainty against its ceiling, calibration, order and personas as the results page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.figures import Figure, FigureRow, coefficient, coefficient_scale, draw, points
from analysis.results import shown
from analysis.results.shown import QUESTIONS, SERIES, SETTINGS, ShownTable, value_of
from analysis.results.stored import Results, Row, find
from survey.llm.enums import Method

CEILING = (
    ("Correlation of disagreement", "disagreement", "correlation"),
    ("Ceiling", "disagreement", "ceiling"),
    ("Share of the ceiling", "disagreement", "share_of_ceiling"),
    ("People's reliability", "disagreement", "human_reliability"),
    ("Model's reliability", "disagreement", "model_reliability"),
    ("Correlation of rates", "rate", "correlation"),
    ("Ceiling (rates)", "rate", "ceiling"),
    ("Share of the ceiling (rates)", "rate", "share_of_ceiling"),
)
CALIBRATION = (
    ("Brier score", "model", "brier"),
    ("People's mean rate scores", "base_rate", "brier"),
    ("Always a half", "uniform", "brier"),
    ("Always culture", "always_culture", "brier"),
    ("Reliability", "model", "brier_reliability"),
    ("Resolution", "model", "brier_resolution"),
    ("Uncertainty", "model", "brier_uncertainty"),
    ("Within bins", "model", "brier_within_bins"),
    ("Log score", "model", "log_score"),
    ("People's mean rate (log)", "base_rate", "log_score"),
    ("Always a half (log)", "uniform", "log_score"),
    ("Always culture (log)", "always_culture", "log_score"),
    ("Calibration slope", "model", "calibration_slope"),
    ("Intercept", "model", "calibration_intercept"),
)
KEYS = ("model_tag", "persona_setting", "method", "question")


def ceiling_figures(results: Results) -> list[Figure]:
    """Draw, per setting, each model's correlation of disagreement with people's beside the ceiling."""
    figures = []
    for setting, title in SETTINGS.items():
        rows = results.rows("ceilings", persona_setting=setting, measure="disagreement")
        drawn = []
        for tag, method in dict.fromkeys((row["model_tag"], row["method"]) for row in rows):
            for quantity, told in (("correlation", tag), ("ceiling", f"{tag}: ceiling")):
                values = [
                    value_of(find(rows, model_tag=tag, method=method, question=question, quantity=quantity))
                    for question in QUESTIONS
                ]
                if any(value.estimate is not None for value in values):
                    drawn.append(FigureRow(f"{told} ({Method(method).label.lower()})", values))
        if drawn:
            figures.append(
                draw(f"ceilings_{setting}", f"Disagreement, models {title}", drawn, series=SERIES,
                     scale=coefficient_scale(drawn), note=results.note)
            )  # fmt: skip
    return figures


def tables(results: Results) -> list[ShownTable]:
    """Give the tables of uncertainty, calibration, order and personas."""
    slopes = results.rows("steerability", measure="slope")
    return [
        _wide(results.rows("ceilings"), "ceilings", "Uncertainty and rates against their noise ceilings", CEILING,
              ("measure", "quantity")),
        _wide(results.rows("calibration"), "calibration", "Scores and calibration of probabilities", CALIBRATION,
              ("predictor", "measure")),
        _long(results.rows("order_bias"), "order_bias", "What the culture gains from standing first (points)", points),
        _long(slopes, "steerability", "Slope of people on personas", coefficient),
    ]  # fmt: skip


def _label(row: Row) -> str:
    who = f"{row['model_tag']} {SETTINGS[row['persona_setting']]}" if "persona_setting" in row else row["model_tag"]
    return f"{who}, {Method(row['method']).label.lower()}, {row['question']}"


def _wide(
    rows: Sequence[Row], name: str, caption: str, columns: Sequence[tuple[str, str, str]], keys: tuple[str, str]
) -> ShownTable:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in KEYS), []).append(row)
    body = []
    for mine in groups.values():
        cells = [_cell(find(mine, **{keys[0]: first, keys[1]: second})) for _, first, second in columns]
        body.append([_label(mine[0]), *cells, str(mine[0]["n_items"])])
    return ShownTable(name, caption, ["Model", *(title for title, *_ in columns), "Items"], body)


def _cell(row: Row | None) -> str:
    """Write an estimate; one that has no interval by its nature stands alone."""
    if row is None or row["estimate"] is None:
        return shown.NO_ESTIMATE
    return coefficient(row["estimate"]) if row["ci_low"] is None else shown.cell(row, coefficient)


def _long(rows: Sequence[Row], name: str, caption: str, write: shown.Write) -> ShownTable:
    body = [[_label(row), shown.cell(row, write), *shown.p_pair(row), row["reason"] or ""] for row in rows]
    return ShownTable(name, caption + shown.adjustment(rows), ["Model", "Estimate", "p", "p adjusted", "Note"], body)


def sentence(rows: Sequence[Row]) -> str:
    """Say how well the best model knows where people disagree, of what the noise of both sides allows."""
    shares = [
        row
        for row in rows
        if row["measure"] == "disagreement" and row["quantity"] == "share_of_ceiling" and row["estimate"] is not None
    ]
    if not shares:
        return ""
    best = max(shares, key=lambda row: row["estimate"])
    beside = {row["quantity"]: row for row in rows if all(row[key] == best[key] for key in (*KEYS, "measure"))}
    told = (
        f"Where people disagree is best known by {_label(best)}: r = {_cell(beside['correlation'])} of at most "
        f"{_cell(beside['ceiling'])} that the noise of both sides allows, a share of {_cell(best)}"
    )
    if best["ci_low"] is None or best["ci_low"] <= 0:
        told += ", not shown to be above zero"
    return f"{told}."
