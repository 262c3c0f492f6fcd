"""Base models beside instruct models as the results page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.families import FamilyKey
from analysis.figures import FigureRow, coefficient, difference_scale, draw, percent, points
from analysis.results import shown
from analysis.results.sentences import doubt, size
from analysis.results.shown import Family, Panel, ShownTable, family, value_of
from analysis.results.stored import Results, Row
from survey.llm.enums import Method

CONDITIONS = {"balance": "balance", "no_balance": "no balance"}
SHOWN = (
    ("Base follows the culture", "rate_first", percent),
    ("Instruct does", "rate_second", percent),
    ("Net shift (points)", "net_shift", points),
    ("To culture", "flip_plus", percent),
    ("Away from it", "flip_minus", percent),
    ("Flips of a rerun", "rerun_flips", percent),
    ("Beyond reruns", "excess_flips", percent),
    ("κ", "kappa", coefficient),
)


def show(results: Results) -> Family:
    rows = results.rows("shift")
    groups = list(dict.fromkeys(group_of(row) for row in rows))
    shifts = [row for row in rows if row["measure"] == "net_shift"]
    tell_method = len({row["method"] for row in rows}) > 1
    drawn = [FigureRow(label(row, tell_method=tell_method), [value_of(row)]) for row in shifts]
    title = "Instruct minus base, points that follow the culture"
    scale = difference_scale(drawn)
    figures = [draw("shift", title, drawn, series=["net shift"], scale=scale, note=results.note)] if drawn else []
    body = []
    for group in groups:
        mine = {row["measure"]: row for row in rows if group_of(row) == group}
        net = mine["net_shift"]
        bounds = _bounds(net)
        cells = [shown.cell(mine[measure], write) for _, measure, write in SHOWN]
        body.append(
            [
                label(net, tell_method=tell_method),
                *cells[:3],
                *shown.p_pair(net),
                *cells[3:],
                bounds,
                str(net["n_undecided"]),
                str(net["n_pairs"]),
                str(net["n_sources"]),
            ]
        )
    titles = [title for title, *_ in SHOWN]
    header = [
        "Family, question, condition", *titles[:3], "p of the net shift", "p adjusted", *titles[3:],
        "Shift within bounds", "Unread", "Pairs", "Items",
    ]  # fmt: skip
    tables = [ShownTable("shift", f"From base to instruct{shown.adjustment(rows)}", header, body)]
    panels = [Panel("How instruction tuning shifts decisions", figures)] if figures else []
    return family(FamilyKey.SHIFT, sentence(rows), rows, panels, tables, shown.basis(_largest(rows)))


def group_of(row: Row) -> tuple[str, ...]:
    return row["model_family"], row["question"], row["condition"], row["method"]


def label(row: Row, *, tell_method: bool = False) -> str:
    """Name a family of models under one question and condition, and the method where there are several."""
    told = f"{row['model_family']}, {row['question']}, {CONDITIONS[row['condition']]}"
    return f"{told}, {Method(row['method']).label.lower()}" if tell_method else told


def _largest(rows: Sequence[Row]) -> Row | None:
    shifts = [row for row in rows if row["measure"] == "net_shift" and row["estimate"] is not None]
    return max(shifts, key=lambda row: abs(row["estimate"]), default=None)


def sentence(rows: Sequence[Row]) -> str:
    """Say the largest shift with its interval, its bounds, and whether a rerun explains the flips."""
    most = _largest(rows)
    if most is None:
        return "Nothing can be said yet: no family has behaviour runs of both its base and its instruct model."
    shifts = [row for row in rows if row["measure"] == "net_shift" and row["estimate"] is not None]
    tell_method = len({row["method"] for row in shifts}) > 1
    told = (
        f"The largest {f'of {len(shifts)} shifts' if len(shifts) > 1 else 'shift'} is that of "
        f"{label(most, tell_method=tell_method)}: the instruct model follows the culture {size(most)} "
        f"{'more' if most['estimate'] >= 0 else 'less'} than its base model{doubt(most)}"
    )
    if most["n_undecided"]:
        told += f"; counting unread answers either way it lies between the bounds {_bounds(most)} points"
        low, high = _ends(most)
        if low <= 0 <= high:
            told += ", which leaves the direction open"
    return f"{told}."


def _ends(row: Row) -> tuple[float, float]:
    """Give the ends of the interval that holds both bounds; the bounds where they have none."""
    low, high = row["bounds_ci_low"], row["bounds_ci_high"]
    return row["bound_low"] if low is None else low, row["bound_high"] if high is None else high


def _bounds(row: Row) -> str:
    """Write the bounds, and in brackets the interval that holds them both."""
    told = f"{shown.number(row['bound_low'], points)} to {shown.number(row['bound_high'], points)}"
    if row["bounds_ci_low"] is None or row["bounds_ci_high"] is None:
        return told
    return f"{told} [{points(row['bounds_ci_low'])}, {points(row['bounds_ci_high'])}]"
