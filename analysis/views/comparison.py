"""Two groups on one page: chosen in the address, so that it can be passed on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from analysis import comparison
from analysis.comparison import ALL, CORE, ITEM_SETS, SHARED, TRAITS, WORDS, Side
from analysis.export.table_csv import csv_response
from analysis.limits import FEW_RESPONDENTS
from survey.enums import AgeBucket, Country, Gender, Locale
from survey.views.access import staff_only

N_ROWS = 400
SIDES = (("a", "First group"), ("b", "Second group"))
OFFERED = (
    ("country", "Country, of people or persona", Country.choices),
    ("locale", "Language", [(value, value) for value in Locale.values]),
    ("age", "Age group", AgeBucket.choices),
    ("gender", "Gender", [*Gender.choices, ("female", "Female (persona)"), ("male", "Male (persona)")]),
)
ESTIMATES = ("first", "second", "difference", "by_item", "first_alpha", "second_alpha")


@staff_only
def page(request: HttpRequest) -> HttpResponse:
    """Show two groups beside each other, or what to choose."""
    return render(request, "analysis/compare.html", _context(request))


@staff_only
def questions_csv(request: HttpRequest) -> HttpResponse:
    """Give rates, differences and agreement as a table."""
    context = _context(request)
    header = [
        "question", "what", "estimate", "ci_low", "ci_high", "se", "reason", "first", "second", "items", "first_n",
        "second_n",
    ]  # fmt: skip
    labels = [side.chosen.label for side in context["sides"]] or ["", ""]
    rows = [
        [
            row.question.value, name, e.estimate, e.low, e.high, e.se, e.reason, *labels, context["items"],
            row.first_n, row.second_n,
        ]
        for row in context.get("rows", ())
        for name in ESTIMATES
        for e in [getattr(row, name)]
    ]  # fmt: skip
    return csv_response("comparison.csv", header, rows)


@staff_only
def items_csv(request: HttpRequest) -> HttpResponse:
    """Give both groups' shares of every item as a table."""
    context = _context(request)
    sides = ("first", "second")
    header = [
        "question",
        "item_code",
        *(f"{side}_{name}" for side in sides for name in ("n", "rate", "ci_low", "ci_high")),
        "difference",
    ]
    rows = []
    for row in context.get("all_items", ()):
        cells: list[Any] = [row.question, row.item]
        for one in (row.first, row.second):
            cells += [one.n if one else 0, one.rate if one else None, *comparison.interval(one)]
        rows.append([*cells, row.gap])
    return csv_response("comparison_items.csv", header, rows)


def _context(request: HttpRequest) -> dict[str, Any]:
    everything = comparison.offered()
    data = request.GET.dict()
    items = data.get("items", "") if data.get("items") in ITEM_SETS else SHARED
    chosen = [comparison.choose(everything, data, prefix) for prefix, _ in SIDES]
    context: dict[str, Any] = {
        "everything": everything,
        "offered": OFFERED,
        "forms": [
            (prefix, title, data.get(prefix, ""), {n: data.get(f"{prefix}_{n}", "") for n in TRAITS})
            for prefix, title in SIDES
        ],
        "item_sets": ITEM_SETS,
        "items": items,
        "query": request.GET.urlencode(),
        "own_items": urlencode({**data, "items": ALL}),
        "sides": [],
        "plot": comparison.PLOT,
        "margin": comparison.MARGIN,
    }
    if chosen[0] is None or chosen[1] is None:
        return context
    sides = [comparison.read_side(one, core=items == CORE) for one in chosen if one]
    first, second = comparison.only_shared(*sides) if items == SHARED else sides
    return {**context, "sides": sides, **_compared(first, second)}


def _compared(first: Side, second: Side) -> dict[str, Any]:
    if first.is_hidden or second.is_hidden:
        return {"hidden": [side for side in (first, second) if side.is_hidden]}
    rows, items = comparison.compare(first, second), comparison.item_rows(first, second)
    return {
        "rows": rows,
        "few": FEW_RESPONDENTS,
        "finding": comparison.finding(rows, first, second),
        "figure": comparison.rates_figure(rows, first, second),
        "dots": comparison.dots(items),
        "all_items": items,
        "item_rows": items[:N_ROWS],
        "n_more": max(0, len(items) - N_ROWS),
        "is_same": first.chosen == second.chosen,
        "do_overlap": do_overlap(first, second),
        "words": WORDS,
    }


def do_overlap(first: Side, second: Side) -> bool:
    """Tell whether some people may be in both groups: nothing that was chosen tells them apart."""
    a, b = first.chosen, second.chosen
    if a.who.model or b.who.model or a.who.study != b.who.study:
        return False
    return all(not a.traits[name] or not b.traits[name] or a.traits[name] == b.traits[name] for name in TRAITS)
