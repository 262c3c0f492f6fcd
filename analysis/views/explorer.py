"""The items of a study: a map of all, a page for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from analysis import explorer
from analysis.export.table_csv import csv_response
from analysis.views.access import find_study, staff_only
from survey.enums import Country, Question, Theme
from survey.models import Item, Study


@staff_only
def items_page(request: HttpRequest, code: str) -> HttpResponse:
    """Show all items by country; the address holds the choice, so that it can be passed on."""
    study = find_study(code, imported_too=True)
    return render(request, "analysis/items.html", _map(request, study))


@staff_only
def items_csv(request: HttpRequest, code: str) -> HttpResponse:
    """Give the map as a table."""
    context = _map(request, find_study(code, imported_too=True))
    countries: Sequence[Country] = context["countries"]
    header = ["item_code", "scenario_country", "theme", "question", "respondent_country", "is_simulated", "n", "rate"]
    rows = [
        [
            row.item.code, row.item.scenario_country, row.item.theme, str(context["question"]), str(country),
            context["is_simulated"], spot.answers.n, spot.answers.rate if context["is_shown"] else None,
        ]
        for row in context["rows"]
        for country, spot in zip(countries, row.spots, strict=True)
    ]  # fmt: skip
    return csv_response(f"{code}_items_{context['question']}.csv", header, rows)


@staff_only
def item_page(request: HttpRequest, code: str, item: str) -> HttpResponse:
    """Show what one item says in each language, and what people and models answered."""
    study = find_study(code, imported_too=True)
    found = get_object_or_404(Item, version=study.version_id, code=item)
    simulated = not explorer.has_real_counts(study)
    is_shown = simulated or study.unblinded_at is not None
    counts = explorer.read_counts(study, simulated=simulated, items=[found])
    countries = _countries(study)
    note = "Simulated people" if simulated and counts else ""
    context = {
        "study": study,
        "item": found,
        "texts": explorer.item_texts(found),
        "is_simulated": simulated,
        "is_shown": is_shown,
        "figure": explorer.people_figure(found, countries, counts, note) if is_shown and counts else None,
        "people": [
            (country.label, [counts.get((found.pk, country, q), explorer.NOBODY).n for q in Question])
            for country in countries
        ],
        "models": explorer.model_lines(study, found),
        "samples": explorer.sample_completions(study, found),
    }
    return render(request, "analysis/item.html", context)


def _map(request: HttpRequest, study: Study) -> dict[str, Any]:
    asked = request.GET.get("question", "")
    question = Question(asked) if asked in Question.values else Question.PERSONAL
    theme, scenario, core = (request.GET.get(name, "") for name in ("theme", "scenario", "core"))
    simulated = not explorer.has_real_counts(study)
    is_shown = simulated or study.unblinded_at is not None
    countries = _countries(study)
    counts = explorer.read_counts(study, simulated=simulated)
    items = explorer.chosen_items(study, theme=theme, scenario=scenario, core=bool(core))
    return {
        "study": study,
        "question": question,
        "questions": Question,
        "themes": Theme,
        "scenarios": Country,
        "theme": theme,
        "scenario": scenario,
        "core": core,
        "countries": countries,
        "rows": explorer.draw_map(items, countries, question, counts, shown=is_shown),
        "is_simulated": simulated and bool(counts),
        "is_shown": is_shown,
        "has_counts": bool(counts),
        "query": request.GET.urlencode(),
    }


def _countries(study: Study) -> list[Country]:
    return sorted((Country(code) for code in study.arms.values_list("country", flat=True)), key=lambda c: c.label)
