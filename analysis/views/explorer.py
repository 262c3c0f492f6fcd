"""The items of a study: a map of all, a page for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from analysis import explorer, item_models
from analysis.export.table_csv import csv_response
from survey.enums import Country, Question, Theme
from survey.models import Item, Study
from survey.views.access import find_study, staff_only


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
    study, found = _found(code, item)
    people = _people(study, found)
    personas = item_models.persona_lines(study, found)
    note = "Simulated people" if people.is_simulated and people.counts else ""
    countries = _countries(study)
    has_figure = people.is_shown and people.counts
    context = {
        "study": study,
        "item": found,
        "texts": explorer.item_texts(found),
        "is_simulated": people.is_simulated,
        "is_shown": people.is_shown,
        "steps_back": people.steps_back,
        "figure": explorer.people_figure(found, countries, people.counts, note) if has_figure else None,
        "people": explorer.people_lines(found, countries, people.counts),
        "models": item_models.together(personas),
        "personas": [line for line in personas if line.persona],
        "samples": explorer.sample_completions(study, found),
    }
    return render(request, "analysis/item.html", context)


@staff_only
def item_people_csv(request: HttpRequest, code: str, item: str) -> HttpResponse:
    """Give people's answers to one item as a table; shares only where they are shown."""
    study, found = _found(code, item)
    people = _people(study, found)
    header = ["item_code", "respondent_country", "question", "is_simulated", "n", "rate", "ci_low", "ci_high"]
    rows = [
        [found.code, str(line.country), str(question), people.is_simulated, answers.n, *_shares(answers, people)]
        for line in explorer.people_lines(found, _countries(study), people.counts)
        for question, answers in zip(Question, line.answers, strict=True)
    ]
    return csv_response(f"{code}_{found.code}_people.csv", header, rows)


@staff_only
def item_models_csv(request: HttpRequest, code: str, item: str) -> HttpResponse:
    """Give models' answers to one item as a table, one row per persona."""
    study, found = _found(code, item)
    header = [
        "item_code", "model_tag", "persona_setting", *item_models.PERSONA, "method", "question", "is_simulated",
        "culture_first", "preference_first", "mean", "order_bias", "n",
    ]  # fmt: skip
    rows = [
        [
            found.code, line.tag, line.setting, *(line.persona or ("", "", "")), line.method, str(line.question),
            line.is_simulated, line.culture_first, line.preference_first, line.mean, line.order_bias, line.n,
        ]
        for line in item_models.persona_lines(study, found)
    ]  # fmt: skip
    return csv_response(f"{code}_{found.code}_models.csv", header, rows)


class _People(NamedTuple):
    """What is counted of an item's people, and whether their outcomes may be shown."""

    counts: explorer.Counts
    is_simulated: bool
    is_shown: bool
    steps_back: bool  # simulated people, before real ones


def _found(code: str, item: str) -> tuple[Study, Item]:
    study = find_study(code, imported_too=True)
    return study, get_object_or_404(Item, version=study.version_id, code=item)


def _people(study: Study, item: Item) -> _People:
    who = explorer.who_is_counted(study)
    counts = explorer.read_counts(study, simulated=who.is_simulated, items=[item])
    return _People(counts, who.is_simulated, who.is_simulated or study.unblinded_at is not None, who.steps_back)


def _shares(answers: explorer.Answers, people: _People) -> Sequence[float | None]:
    return answers.shown if people.is_shown else (None, None, None)


def _map(request: HttpRequest, study: Study) -> dict[str, Any]:
    asked = request.GET.get("question", "")
    question = Question(asked) if asked in Question.values else Question.PERSONAL
    theme, scenario, core = (request.GET.get(name, "") for name in ("theme", "scenario", "core"))
    who = explorer.who_is_counted(study)
    is_shown = who.is_simulated or study.unblinded_at is not None
    countries = _countries(study)
    counts = explorer.read_counts(study, simulated=who.is_simulated)
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
        "is_simulated": who.is_simulated and bool(counts),
        "steps_back": who.steps_back,
        "is_shown": is_shown,
        "has_counts": bool(counts),
        "query": request.GET.urlencode(),
    }


def _countries(study: Study) -> list[Country]:
    return sorted((Country(code) for code in study.arms.values_list("country", flat=True)), key=lambda c: c.label)
