"""The analysis plan's tests as the results page shows them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import FigureRow, Value, difference_scale, draw, points, write_value
from analysis.plan import FAMILY_TITLES
from analysis.results import shown
from analysis.results.shown import Family, Panel, ShownTable, family, value_of
from analysis.results.stored import Results, Row
from survey.enums import Country
from survey.instruments.plan import HypothesisFamily
from survey.llm.enums import Method

METHODS = {
    "mixed": "mixed model",
    "two_way": "two-way errors",
    "clustered": "errors by item",
    "rate_difference": "difference of rates",
    "logit_two_way": "logit, two-way errors",
}
NAMES_OF_CODES = {
    **{code.value: shown.group_label("country", code.value) for code in Country},
    **{method.value: str(method.label).lower() for method in Method},
}
CODES = re.compile(rf"(?<![\w-])({'|'.join(NAMES_OF_CODES)})(?![\w-])")
OF_RELATIONS = re.compile(r"^same − (?:close|far)\b")
HEADER = [
    "Hypothesis, of", "Estimate (points)", "p", "p adjusted", "Adjusted by", "Tests", "Smaller than", "Verdict",
    "Method", "As sensitivity (points)", "Answers", "Respondents", "Items", "Why not",
]  # fmt: skip


def show(results: Results) -> Family:
    rows = results.rows("plan")
    panels, tables = [], []
    for name, title in FAMILY_TITLES.items():
        mine = [row for row in rows if row["family"] == name]
        drawn = [FigureRow(label(row), [value_of(row)]) for row in mine if row["estimate"] is not None]
        if drawn:
            figure = draw(
                f"plan_{name}", f"{title} tests, points", drawn, series=["estimate"], scale=difference_scale(drawn),
                note=results.note,
            )  # fmt: skip
            panels.append(Panel(f"{title} hypotheses", [figure]))
        tables.append(ShownTable(f"plan_{name}", f"{title} hypotheses", HEADER, [_cells(row) for row in mine]))
    return family(FamilyKey.PLAN, sentence(rows), rows, panels, tables, _basis(rows))


def label(row: Row) -> str:
    """Name a test: the hypothesis and what it is about."""
    name = str(row["hypothesis"]).replace("_", " ")
    return f"{name}: {readable(str(row['of']))}" if row["of"] else name


def readable(of: str) -> str:
    """Write what a test is about with names for codes of relations, countries and methods."""
    of = OF_RELATIONS.sub(lambda found: shown.contrast_label(found[0]), of)
    return CODES.sub(lambda found: NAMES_OF_CODES[found[0]], of.removesuffix(", all"))


def verdict(row: Row) -> str:
    """Say what a test allows to say, by the adjusted p-value and the test of equivalence."""
    if row["p_value"] is None:
        return shown.NO_ESTIMATE
    if row["family"] == HypothesisFamily.EXPLORATORY:
        return "exploratory: no verdict"
    if row["is_supported"]:
        return "differs from zero" + (", by less than matters" if row["is_equivalent"] else "")
    return "no difference that matters" if row["is_equivalent"] else "open"


def _cells(row: Row) -> list[str]:
    return [
        label(row),
        shown.cell(row, points),
        shown.p_value(row["p_value"]),
        shown.p_value(row["p_adjusted"]),
        shown.ADJUSTMENTS[row["adjustment"]],
        str(row["n_tests"]),
        _smaller(row),
        verdict(row),
        METHODS.get(row.get("method") or "two_way", ""),
        _sensitivity(row),
        *(_count(row.get(name)) for name in ("n", "n_respondents", "n_items")),
        row["reason"],
    ]


def _smaller(row: Row) -> str:
    """Write the test of equivalence, raw and adjusted."""
    told = f"{100 * row['sesoi']:g} points: p {shown.p_value(row['p_equivalent'])}"
    if row["p_equivalent"] is None or "p_equivalent_adjusted" not in row:
        return told
    return f"{told}, adjusted {shown.p_value(row['p_equivalent_adjusted'])}"


def _sensitivity(row: Row) -> str:
    """Write what a method that adjusts for less gives; a test without such a method says so."""
    method = row.get("sensitivity_method")
    if not method:
        return "none declared"
    value = Value(row["sensitivity"], row["sensitivity_ci_low"], row["sensitivity_ci_high"])
    return f"{write_value(value, points)} ({METHODS[method]})"


def _count(value: float | None) -> str:
    return "not counted" if value is None else f"{value:,.0f}"


def _basis(rows: Sequence[Row]) -> str:
    """Say on how much the first primary test rests."""
    return shown.basis(next((row for row in rows if row["p_value"] is not None), None))


def sentence(rows: Sequence[Row]) -> str:
    """Say how many of the declared primary tests differ from zero after adjustment, and which way."""
    if not rows:
        return "This instrument declares no analysis plan: every test on this page is exploratory."
    primary = [row for row in rows if row["family"] == HypothesisFamily.PRIMARY]
    tested = [row for row in primary if row["p_value"] is not None]
    if not tested:
        return "None of the plan's primary hypotheses can be tested yet."
    told = [
        f"{label(row)} {shown.cell(row, points)} points"
        f" (p {shown.p_value(row['p_value'])}, adjusted {shown.p_value(row['p_adjusted'])}: {verdict(row)})"
        for row in tested
    ]
    n = sum(bool(row["is_supported"]) for row in tested)
    found = f"Of {len(tested)} primary tests {n} differ{'s' if n == 1 else ''} from zero after adjustment"
    return f"{found}: {'; '.join(told)}."
