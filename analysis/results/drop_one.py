"""What the regression of answers loses without each factor, as the results page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import Figure, FigureRow, Value, draw, statistic_scale
from analysis.results.sentences import NOTHING
from analysis.results.shown import (
    NO_ESTIMATE,
    Family,
    Panel,
    ShownTable,
    adjustment,
    basis,
    family,
    listed,
    p_pair,
    p_value,
)
from analysis.results.stored import Results, Row

FACTORS = {
    "question": "Question",
    "respondent_country": "Respondent's country",
    "relation": "Relation of the scenario's country",
    "respondent": "Respondent's age and gender",
    "receiver": "Receiver's age and gender",
    "question_x_country": "Question × respondent's country",
    "question_x_relation": "Question × relation",
    "respondent_x_receiver": "Respondent's × receiver's age and gender",
    "scenario_country": "Scenario's country",
}
N_NAMED = 3
SERIES = ("beside people and items", "answers as independent")
ALPHA = 0.05
HEADER = (
    "Factor, with its interactions", "Beside people and items: χ²", "df", "p", "p adjusted",
    "AIC rises by", "Answers as independent: deviance", "df", "p", "p adjusted", "deviance − df", "AIC rises by",
    "Why not",
)  # fmt: skip


def show(results: Results) -> Family:
    rows = results.rows("drop_one")
    ranked = sorted(rows, key=lambda row: -(row["mixed_statistic"] or 0.0) + (row["mixed_df"] or 0.0))
    shown = [
        [
            FACTORS[row["factor"]],
            _number(row["mixed_statistic"]),
            _whole(row["mixed_df"]),
            *p_pair(row, "mixed_p", "mixed_p_value"),
            _number(_aic(row)),
            _number(row["deviance"]),
            _whole(row["df"]),
            *p_pair(row),
            _number(row["deviance_less_df"]),
            _number(row["aic"]),
            row["reason"],
        ]
        for row in ranked
    ]
    caption = f"What the model loses without each factor{adjustment(rows, 'mixed_p')}"
    table = ShownTable("drop_one", caption, HEADER, shown)
    panels = [Panel("What each factor explains beyond chance", [_figure(ranked, results.note)])] if ranked else []
    return family(FamilyKey.DROP_ONE, sentence(rows), rows, panels, [table], _basis(rows, results))


def _basis(rows: Sequence[Row], results: Results) -> str:
    """Say on how much the regressions rest; they take both questions' answers."""
    counts = {name: results.facts.get(name) for name in ("n_respondents", "n_items")}
    return basis({**rows[0], **counts}) if rows else ""


def _figure(rows: Sequence[Row], note: str) -> Figure:
    """Draw both statistics less their degrees of freedom, which is zero on average for a factor without effect."""
    drawn = [FigureRow(FACTORS[row["factor"]], [Value(_less_df(row)), Value(row["deviance_less_df"])]) for row in rows]
    title = "χ² less its degrees of freedom: 0 is chance"
    return draw("drop_one", title, drawn, series=SERIES, scale=statistic_scale(drawn), note=note)


def _less_df(row: Row) -> float | None:
    missing = row["mixed_statistic"] is None or row["mixed_df"] is None
    return None if missing else float(row["mixed_statistic"] - row["mixed_df"])


def _aic(row: Row) -> float | None:
    """Give by how much the mixed model's AIC rises without the factor."""
    lost = _less_df(row)
    return None if lost is None else lost - float(row["mixed_df"])


def sentence(rows: Sequence[Row]) -> str:
    tested = [row for row in rows if row["mixed_statistic"] is not None and row["mixed_p_value"] is not None]
    if not tested:
        why = list(dict.fromkeys(row["reason"] for row in rows if row.get("reason")))
        return f"Nothing can be said yet: {why[0]}." if why else NOTHING
    clear = [row for row in tested if _p(row) < ALPHA]
    clear.sort(key=lambda row: row["mixed_df"] - row["mixed_statistic"])
    if not clear:
        return "Beside what people and items differ in, no factor is shown to matter."
    names = [
        f"{_lower(FACTORS[row['factor']])} (χ² {row['mixed_statistic']:.1f} on {row['mixed_df']:.0f}, adjusted p "
        f"{'' if _p(row) < 0.001 else '= '}{p_value(_p(row))})"
        for row in clear[:N_NAMED]
    ]
    if len(clear) > N_NAMED:
        names.append(f"{len(clear) - N_NAMED} more")
    return f"Beside what people and items differ in, answers depend on {listed(names)}.{_paper(rows, clear[0])}"


def _p(row: Row) -> float:
    """Give the p-value adjusted for the number of factors; of old analyses the raw one."""
    found: float = row.get("mixed_p_adjusted", row["mixed_p_value"])
    return found


def _paper(rows: Sequence[Row], first: Row) -> str:
    """Say what would rank first by the raw deviance, where that is another factor."""
    counted = [row for row in rows if row["deviance"] is not None]
    if not counted:
        return ""
    most = max(counted, key=lambda row: row["deviance"])
    if most["factor"] == first["factor"]:
        return ""
    name = _lower(FACTORS[most["factor"]])
    return f" By the raw deviance of independent answers, as the paper ranks, {name} would come first."


def _lower(label: str) -> str:
    return label[0].lower() + label[1:]


def _number(value: float | None) -> str:
    return NO_ESTIMATE if value is None else f"{value:.1f}".replace("-", "−")


def _whole(value: float | None) -> str:
    return NO_ESTIMATE if value is None else f"{value:.0f}"
