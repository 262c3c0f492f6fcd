"""Models beside people as the results page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import Figure, FigureRow, coefficient, draw, percent, points, share_scale, write_value
from analysis.results import shown, uncertainty
from analysis.results.sentences import question, written
from analysis.results.shown import QUESTIONS, SERIES, SETTINGS, Family, Panel, ShownTable, family, value_of
from analysis.results.stored import Results, Row, find
from survey.llm.enums import Method

CLOSENESS = (
    ("Matches a random person", "model", "expected_match", percent),
    ("Another person does", "another_person", "expected_match", percent),
    ("Always culture does", "always_culture", "expected_match", percent),
    ("A coin does", "uniform", "expected_match", percent),
    ("Chance does", "model", "chance_match", percent),
    ("Above chance (κₓ)", "model", "kappa_x", coefficient),
    ("κₓ, normalised", "model", "kappa_x_normalised", coefficient),
    ("Rate gap (points)", "model", "signed_rate_gap", points),
)
MAJORITY = (
    ("Majority match (paper: a tie is A)", "model", "majority_match_paper", percent),
    ("Half of the people does", "other_half", "majority_match_paper", percent),
    ("Always culture does", "always_culture", "majority_match_paper", percent),
    ("Half credit for ties", "model", "majority_match_half_credit", percent),
    ("Half of the people does (half credit)", "other_half", "majority_match_half_credit", percent),
    ("Always culture does (half credit)", "always_culture", "majority_match_half_credit", percent),
)
DISTANCES = (
    ("Total variation (item MAE)", "model", "total_variation", coefficient),
    ("With people's rates", "same_rates", "total_variation", coefficient),
    ("Half of the people", "other_half", "total_variation", coefficient),
    ("Always culture", "always_culture", "total_variation", coefficient),
    ("Always a half", "uniform", "total_variation", coefficient),
    ("Squared gap, debiased", "model", "squared_gap_debiased", coefficient),
    ("Jensen–Shannon (bits)", "model", "js_divergence", coefficient),
    ("With people's rates (JS)", "same_rates", "js_divergence", coefficient),
    ("Half of the people (JS)", "other_half", "js_divergence", coefficient),
    ("Always culture (JS)", "always_culture", "js_divergence", coefficient),
    ("Always a half (JS)", "uniform", "js_divergence", coefficient),
    ("Correlation of rates", "model", "rate_correlation", coefficient),
    ("Disattenuated", "model", "rate_correlation_disattenuated", coefficient),
)


def show(results: Results) -> Family:
    rows = results.rows("alignment")
    settings = list(dict.fromkeys(row["persona_setting"] for row in rows))
    groups = list(dict.fromkeys((row["persona_setting"], row["model_tag"], row["method"]) for row in rows))
    figures = [_match_figure(results, setting) for setting in settings]
    tables = [
        _table("alignment", "How close models come to people", CLOSENESS, rows, groups),
        _table("alignment_majority", "How often models choose what most people choose", MAJORITY, rows, groups),
        _table("alignment_distances", "How far models' rates are from people's", DISTANCES, rows, groups),
        _differences(results.rows("alignment_differences")),
    ]
    tables += uncertainty.tables(results)
    panels = [Panel("Chance that an answer equals a random person's", figures)] if figures else []
    panels.append(Panel("Where people disagree: models and their ceilings", uncertainty.ceiling_figures(results)))
    of_models = [row for row in rows if row["predictor"] == "model"]
    finding = f"{sentence(rows)} {uncertainty.sentence(results.rows('ceilings'))}".strip()
    return family(FamilyKey.ALIGNMENT, finding, of_models, panels, tables, shown.basis(_closest(rows)))


def setting_label(setting: str, method: str | None = None) -> str:
    """Name a persona setting and, where it is given, how the answer was elicited."""
    told = SETTINGS[setting]
    return f"{told}, {Method(method).label.lower()}" if method else told


def _several(rows: Sequence[Row]) -> bool:
    return len({row.get("method") for row in rows}) > 1


def _match_figure(results: Results, setting: str) -> Figure:
    rows = results.rows("alignment", persona_setting=setting, measure="expected_match")
    models = list(dict.fromkeys((row["model_tag"], row["method"]) for row in rows))
    tell_method = _several(rows)
    names = [
        (tag, method, "model", f"{tag}, {Method(method).label.lower()}" if tell_method else tag)
        for tag, method in models
    ]
    names += [
        (*models[0], "another_person", "Another person"),
        (*models[0], "always_culture", "Always follows the culture"),
    ]
    drawn = [
        FigureRow(
            label,
            [
                value_of(find(rows, model_tag=tag, method=method, predictor=predictor, question=question))
                for question in QUESTIONS
            ],
        )
        for tag, method, predictor, label in names
    ]
    title = f"Models {SETTINGS[setting]}"
    return draw(f"alignment_{setting}", title, drawn, series=SERIES, scale=share_scale(), note=results.note)


def _table(
    name: str,
    caption: str,
    columns: Sequence[tuple[str, str, str, shown.Write]],
    rows: Sequence[Row],
    groups: Sequence[tuple[str, str, str]],
) -> ShownTable:
    tell_method = _several(rows)
    body = []
    for setting, tag, method in groups:
        for asked in QUESTIONS:
            labels = {"persona_setting": setting, "model_tag": tag, "method": method, "question": asked}
            here = [row for row in rows if all(row[key] == value for key, value in labels.items())]
            if here:
                told = setting_label(setting, method if tell_method else None)
                cells = [_cell(find(here, predictor=who, measure=measure), write) for _, who, measure, write in columns]
                body.append([f"{tag} {told}, {asked}", *cells, str(here[0]["n_items"])])
    header = ["Model, setting, question", *(title for title, *_ in columns), "Items"]
    return ShownTable(name, caption, header, body)


def _cell(row: Row | None, write: shown.Write) -> str:
    """Write a row's estimate; what a coin scores is known without error."""
    is_known = row is not None and row["predictor"] == "uniform" and row["ci_low"] is None
    return write_value(value_of(row), write, is_alone=is_known)


def _differences(rows: Sequence[Row]) -> ShownTable:
    tell_method = _several(rows)
    body = [
        [
            f"{row['first']} − {row['second']} "
            f"{setting_label(row['persona_setting'], row['method'] if tell_method else None)}, {row['question']}",
            shown.cell(row, points),
            *shown.p_pair(row),
            str(row["n_items"]),
        ]
        for row in rows
        if row["measure"] == "expected_match"
    ]
    header = [
        "Models, setting, question",
        "Difference in matching a random person (points)",
        "p",
        "p adjusted",
        "Items",
    ]
    caption = f"Models compared item by item{shown.adjustment(rows)}"
    return ShownTable("alignment_differences", caption, header, body)


def _closest(rows: Sequence[Row]) -> Row | None:
    """Find the model's row that gives a random person's answer most often."""
    models = [row for row in rows if row["predictor"] == "model" and row["measure"] == "expected_match"]
    return max((row for row in models if row["estimate"] is not None), key=lambda row: row["estimate"], default=None)


def sentence(rows: Sequence[Row]) -> str:
    best = _closest(rows)
    if best is None:
        return "Nothing can be said yet: no item was answered by both a model and people."
    method = best["method"] if _several(rows) else None
    matches = [row for row in rows if row["measure"] == "expected_match" and row["estimate"] is not None]
    keys = ("question", "model_tag", "persona_setting", "method")
    beside = {row["predictor"]: row for row in matches if all(row.get(key) == best.get(key) for key in keys)}
    several = sum(row["predictor"] == "model" for row in matches)
    sentence = (
        f"The closest is {best['model_tag']} {setting_label(best['persona_setting'], method)}: it gives a random "
        f"person's {question(best)} in {written(best)} of cases; the rule of always following the culture does in "
        f"{written(beside['always_culture'])}"
    )
    if "another_person" in beside:
        sentence += f", another person in {written(beside['another_person'])}"
    if several > 1:
        sentence += f". Its interval does not count that it was picked as the best of {several}"
    rule = beside["always_culture"]["estimate"]
    if best["ci_low"] is None or best["ci_low"] <= rule:
        sentence += ". It is not shown to do better than the rule"
    return f"{sentence}."
