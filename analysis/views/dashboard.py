"""One study's fieldwork: a page whose live part is asked for again every few seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from analysis.export.table_csv import csv_response
from analysis.fieldwork import CountryFill, Fieldwork, Fill, PageStop, Step
from analysis.figures import Bar, bar
from analysis.live_summary import live_outcomes
from analysis.model_runs import RunStand, model_runs
from analysis.models import AnalysisRun
from analysis.views.access import find_study, staff_only
from survey.models import Study


class FillLine(NamedTuple):
    fill: Fill
    bar: Bar


class CountryCard(NamedTuple):
    country: CountryFill
    lines: Sequence[FillLine]


class FunnelLine(NamedTuple):
    step: Step
    bar: Bar


class PageLine(NamedTuple):
    page: PageStop
    bar: Bar


class RunLine(NamedTuple):
    stand: RunStand
    bar: Bar


@staff_only
def study_dashboard(request: HttpRequest, code: str) -> HttpResponse:
    study = find_study(code)
    work = Fieldwork(study)
    context = {"work": work, "overrides": study.text_overrides.all(), **live_context(study, work)}
    return render(request, "analysis/dashboard.html", context)


@staff_only
def live(request: HttpRequest, code: str) -> HttpResponse:
    """Give the part of the dashboard that changes."""
    study = find_study(code)
    return render(request, "analysis/dashboard_live.html", live_context(study, Fieldwork(study)))


@staff_only
def fieldwork_csv(request: HttpRequest, code: str, name: str) -> HttpResponse:
    """Give the numbers behind one of the dashboard's charts."""
    study = find_study(code)
    work = Fieldwork(study)
    tables: dict[str, Callable[[Fieldwork], list[list[Any]]]] = {
        "recruitment": recruitment_rows,
        "funnel": funnel_rows,
        "pages": page_rows,
        "outcomes": partial(outcome_rows, study),
    }
    if name not in tables:
        raise Http404
    header, *rows = tables[name](work)
    return csv_response(f"{code}_{name}.csv", header, rows)


def live_context(study: Study, work: Fieldwork) -> dict[str, Any]:
    """Read everything that the live part shows."""
    runs = model_runs(study)
    stops = [stop for stop in work.page_stops if stop.n_stopped or stop.n_live]
    most = max((stop.n_stopped + stop.n_live for stop in stops), default=0)
    return {
        "study": study,
        "work": work,
        "cards": [_card(country) for country in work.countries],
        "funnel": [
            FunnelLine(step, bar(f"funnel-{place}", step.name, done=step.n, scale=work.funnel[0].n))
            for place, step in enumerate(work.funnel)
        ],
        "stops": [
            PageLine(stop, bar(f"stop-{place}", stop.page, done=stop.n_stopped, live=stop.n_live, scale=most))
            for place, stop in enumerate(stops)
        ],
        "runs": runs,
        **_outcomes(study, work),
        "run_lines": [
            RunLine(run, bar(f"run-{run.run.pk}", str(run.run), done=run.n_ended, target=run.n_cells))
            for run in runs.shown
        ],
        "latest": AnalysisRun.objects.filter(study=study).defer("results").first(),
        "is_simulated": bool(work.n_simulated or runs.n_simulated),
    }


def _outcomes(study: Study, work: Fieldwork) -> dict[str, Any]:
    """Give what people answered so far, real people where there are any; nothing while the study hides it."""
    simulated = not work.n_real
    is_shown = simulated or study.unblinded_at is not None
    outcomes = live_outcomes(study, simulated=simulated) if is_shown else []
    return {"outcomes": outcomes, "are_outcomes_shown": is_shown, "are_outcomes_simulated": simulated}


def _card(country: CountryFill) -> CountryCard:
    code = country.country
    lines = [
        FillLine(
            fill,
            bar(
                f"fill-{code}-{place}",
                f"{code.label}, {fill.label}",
                done=fill.n_complete,
                live=fill.n_live,
                target=fill.target,
            ),
        )
        for place, fill in enumerate(country.fills)
    ]
    return CountryCard(country, lines)


def recruitment_rows(work: Fieldwork) -> list[list[Any]]:
    rows: list[list[Any]] = [["country", "cell", "n_complete", "n_live", "target"]]
    for country in work.countries:
        rows += [[str(country.country), f.label, f.n_complete, f.n_live, f.target] for f in country.fills]
    return rows


def funnel_rows(work: Fieldwork) -> list[list[Any]]:
    return [["step", "n_sessions", "percent_of_landed"], *([s.name, s.n, round(s.percent, 2)] for s in work.funnel)]


def page_rows(work: Fieldwork) -> list[list[Any]]:
    header = ["page", "n_reached", "n_stopped", "n_live", "percent_stopped"]
    return [header, *([*stop, round(stop.percent_stopped, 2)] for stop in work.page_stops)]


def outcome_rows(study: Study, work: Fieldwork) -> list[list[Any]]:
    header = ["country", "question", "is_simulated", "n", "n_items", "rate", "alpha"]
    shown = _outcomes(study, work)
    simulated = shown["are_outcomes_simulated"]
    return [
        header,
        *([str(o.country), str(o.question), simulated, o.n, o.n_items, o.rate, o.alpha] for o in shown["outcomes"]),
    ]
