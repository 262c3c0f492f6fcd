"""One study's dashboard: what needs somebody now, how the fieldwork stands. Its live part is asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from analysis.alarms.domain import check_silence
from analysis.export.table_csv import csv_response
from analysis.fieldwork import CountryFill, Dropout, Fieldwork, Fill, PageStop, Step
from analysis.figures import Bar, bar
from analysis.item_health import read_item_health
from analysis.model_runs import RunStand
from analysis.models import AnalysisRun
from analysis.stand import StudyStand
from analysis.stand_tables import TABLES
from analysis.views.alarms import open_alarms
from analysis.watched import Watched
from survey.enums import Locale
from survey.views.access import find_study, staff_only

N_DAYS = 14


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


class DayLine(NamedTuple):
    day: date
    n: int
    bar: Bar


class DropoutLine(NamedTuple):
    dropout: Dropout
    bar: Bar


@staff_only
def study_dashboard(request: HttpRequest, code: str) -> HttpResponse:
    """Show the fieldwork; of an imported study, which has none, the items."""
    study = find_study(code, imported_too=True)
    if study.is_imported:
        return redirect("analysis:items", code=code)
    stand = StudyStand(study, Watched.read(request.GET))
    context = {
        "overrides": study.text_overrides.all(),
        "health": read_item_health(study, [line.country for line in stand.spending.lines]),
        **live_context(stand),
    }
    return render(request, "analysis/dashboard.html", context)


@staff_only
def live(request: HttpRequest, code: str) -> HttpResponse:
    """Give the part of the dashboard that changes."""
    stand = StudyStand(find_study(code), Watched.read(request.GET))
    return render(request, "analysis/dashboard_live.html", live_context(stand))


@staff_only
def fieldwork_csv(request: HttpRequest, code: str, name: str) -> HttpResponse:
    """Give the numbers behind one of the dashboard's charts, of the sessions that the address names."""
    if name not in TABLES:
        raise Http404
    stand = StudyStand(find_study(code), Watched.read(request.GET))
    header, *rows = TABLES[name](stand)
    return csv_response(f"{code}_{name}.csv", header, rows)


def live_context(stand: StudyStand) -> dict[str, Any]:
    """Read everything that the live part shows."""
    check_silence(stand.study)
    work, study = stand.work, stand.study
    return {
        "study": study,
        "stand": stand,
        "alarms": open_alarms(stand.study),
        "work": work,
        "whole": stand.whole,
        "watched": stand.watched,
        "locales": sorted({locale for arm in work.arms for locale in arm.locales}, key=Locale.values.index),
        "cards": [_card(country) for country in work.countries],
        "funnel": _funnel_lines(stand),
        "stops": _stop_lines(work),
        "dropouts": _dropout_lines(work),
        "days": _day_lines(stand),
        "run_lines": [
            RunLine(run, bar(f"run-{run.run.pk}", str(run.run), done=run.n_ended, target=run.n_cells))
            for run in stand.runs.shown
        ],
        "latest": AnalysisRun.objects.filter(study=study).defer("results").first(),
        "is_simulated": bool(stand.whole.n_simulated or stand.runs.n_simulated),
    }


def _funnel_lines(stand: StudyStand) -> list[FunnelLine]:
    return [
        FunnelLine(step, bar(f"funnel-{place}", step.name, done=step.n, scale=step.n_landed))
        for place, step in enumerate(stand.funnel)
    ]


def _stop_lines(work: Fieldwork) -> list[PageLine]:
    stops = [stop for stop in work.page_stops if stop.n_stopped or stop.n_live]
    most = max((stop.n_stopped + stop.n_live for stop in stops), default=0)
    return [
        PageLine(stop, bar(f"stop-{place}", stop.page, done=stop.n_stopped, live=stop.n_live, scale=most))
        for place, stop in enumerate(stops)
    ]


def _dropout_lines(work: Fieldwork) -> list[DropoutLine]:
    groups = [*work.dropouts_by_country, *work.dropouts_by_locale]
    return [
        DropoutLine(one, bar(f"dropout-{place}", f"Not finished: {one.label}", done=one.n_stopped, scale=one.n))
        for place, one in enumerate(groups)
        if one.n
    ]


def _day_lines(stand: StudyStand) -> list[DayLine]:
    latest = stand.days[-N_DAYS:]
    most = max((n for _, n in latest), default=0)
    return [DayLine(day, n, bar(f"day-{day}", f"Complete on {day}", done=n, scale=most)) for day, n in latest]


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
