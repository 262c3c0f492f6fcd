"""Models beside people as the results page shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.figures import Figure, FigureRow, coefficient, draw, percent, points, share_scale
from analysis.results import shown
from analysis.results.sentences import question, written
from analysis.results.shown import QUESTIONS, SERIES, SETTINGS, Family, Panel, ShownTable, family, value_of
from analysis.results.stored import Results, Row, find


def show(results: Results) -> Family:
    rows = results.rows("alignment")
    settings = list(dict.fromkeys(row["persona_setting"] for row in rows))
    figures = [_match_figure(results, setting) for setting in settings]
    shown = [
        _alignment_row(results, setting, tag, question)
        for setting in settings
        for tag in dict.fromkeys(row["model_tag"] for row in rows)
        for question in QUESTIONS
        if find(rows, persona_setting=setting, model_tag=tag, question=question)
    ]
    header = [
        "Model, setting, question", "Matches a random person", "Another person does", "Always culture does",
        "Above chance (κₓ)", "Majority match (paper)", "Always culture (paper)", "Rate gap (points)", "Items",
    ]  # fmt: skip
    table = ShownTable("alignment", "How close models come to people", header, shown)
    panels = [Panel("Chance that an answer equals a random person's", figures)] if figures else []
    return family("alignment", "Alignment of models with people", sentence(rows), rows, panels, [table])


def _match_figure(results: Results, setting: str) -> Figure:
    rows = results.rows("alignment", persona_setting=setting, measure="expected_match")
    tags = list(dict.fromkeys(row["model_tag"] for row in rows))
    names = [(tag, "model", tag) for tag in tags]
    names += [(tags[0], "another_person", "Another person"), (tags[0], "always_culture", "Always follows the culture")]
    drawn = [
        FigureRow(
            label,
            [value_of(find(rows, model_tag=tag, predictor=predictor, question=question)) for question in QUESTIONS],
        )
        for tag, predictor, label in names
    ]
    title = f"Models {SETTINGS[setting]}"
    return draw(f"alignment_{setting}", title, drawn, series=SERIES, scale=share_scale(), note=results.note)


def _alignment_row(results: Results, setting: str, tag: str, question: str) -> list[str]:
    rows = results.rows("alignment", persona_setting=setting, model_tag=tag, question=question)

    def cell(predictor: str, measure: str, write: Callable[[float], str]) -> str:
        return shown.cell(find(rows, predictor=predictor, measure=measure), write)

    return [
        f"{tag} {SETTINGS[setting]}, {question}",
        cell("model", "expected_match", percent),
        cell("another_person", "expected_match", percent),
        cell("always_culture", "expected_match", percent),
        cell("model", "kappa_x", coefficient),
        cell("model", "majority_match_paper", percent),
        cell("always_culture", "majority_match_paper", percent),
        cell("model", "signed_rate_gap", points),
        str(rows[0]["n_items"]),
    ]


def sentence(rows: Sequence[Row]) -> str:
    matches = [row for row in rows if row["measure"] == "expected_match" and row["estimate"] is not None]
    models = [row for row in matches if row["predictor"] == "model"]
    if not models:
        return "Nothing can be said yet: no item was answered by both a model and people."
    best = max(models, key=lambda row: row["estimate"])
    keys = ("question", "model_tag", "persona_setting")
    beside = {row["predictor"]: row for row in matches if all(row[key] == best[key] for key in keys)}
    setting = "without persona" if best["persona_setting"] == "no_persona" else "with personas"
    sentence = (
        f"The closest is {best['model_tag']} {setting}: it gives a random person's {question(best)} in "
        f"{written(best)} of cases; the rule of always following the culture does in "
        f"{written(beside['always_culture'])}"
    )
    if "another_person" in beside:
        sentence += f", another person in {written(beside['another_person'])}"
    rule = beside["always_culture"]["estimate"]
    if best["ci_low"] is None or best["ci_low"] <= rule:
        sentence += ". It is not shown to do better than the rule"
    return f"{sentence}."
