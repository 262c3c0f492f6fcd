"""One family of an analysis's results at its own address, and all that can be taken away of an analysis."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string

from analysis.blinding import hides
from analysis.export.table_csv import csv_response
from analysis.families import HOLDS, FamilyKey, chosen_families
from analysis.models import AnalysisRun, FigureArchive
from analysis.results import find_figure, show_family
from analysis.results.stored import Results
from analysis.views.results import find_run, require_shown
from survey.domain.registration import registration_facts
from survey.views.access import staff_only

PRINT_TYPES = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png", "csv": "text/csv; charset=utf-8"}


@staff_only
def result_family(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Show one family: finding, figures, tables, how it is computed, what is doubtful about it here."""
    run, family_key = find_run(pk), _key(key)
    results = _read(run, family_key)
    if run.state != AnalysisRun.State.DONE or hides(run.study, results.facts):
        return redirect("analysis:result", pk=pk)  # which says how far it is, or that it is hidden
    keys = _asked_for(run, family_key)
    place = keys.index(family_key)
    context = {
        "run": run,
        "study": run.study,
        "results": results,
        "family": show_family(results, family_key),
        "prints": _prints(run, family_key),
        "others": [(one, HOLDS[one].title) for one in keys],
        "before": _neighbour(keys, place - 1),
        "after": _neighbour(keys, place + 1),
    }
    return render(request, "analysis/result_family.html", context)


@staff_only
def family_json(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Give a family's finding, doubts and tables, with what they were computed from."""
    run, family_key = find_run(pk), _key(key)
    results = _shown(run, family_key)
    family = show_family(results, family_key)
    body = {
        **_record(run),
        "family": family.key,
        "finding": family.finding,
        "basis": family.basis,
        "doubts": list(family.doubts.told),
        "n_not_estimable": family.doubts.n_not_estimable,
        "reasons": list(family.doubts.reasons),
        "tables": results.tables,
    }
    return _json(body, f"{_stem(run)}_{key}.json")


@staff_only
def figure_svg(request: HttpRequest, pk: int, key: str, name: str) -> HttpResponse:
    """Give a figure of a family as a file of its own."""
    run, family_key = find_run(pk), _key(key)
    drawn = {figure.name: figure for figure in show_family(_shown(run, family_key), family_key).figures}
    if name not in drawn:
        raise Http404
    drawing = render_to_string("components/figure.svg", {"figure": drawn[name], "is_file": True})
    response = HttpResponse(f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing}', content_type="image/svg+xml")
    return as_file(response, f"{_stem(run)}_{name}.svg")


@staff_only
def old_figure_svg(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Lead from where a figure's file was to where it is: with its family."""
    run = find_run(pk)
    require_shown(run, Results.read(run).facts)
    found = find_figure(Results(run), name)
    if found is None:
        raise Http404
    return redirect("analysis:result_family_svg", pk=pk, key=found[0], name=name, permanent=True)


@staff_only
def as_json(request: HttpRequest, pk: int) -> HttpResponse:
    """Give everything that was computed, with what it was computed from."""
    run = find_run(pk)
    require_shown(run, Results.read(run).facts)
    return _json({**_record(run), "overview": run.overview, **(run.results or {})}, f"{_stem(run)}.json")


@staff_only
def table_csv(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Give a stored table; of the results nothing else is read."""
    run = find_run(pk)
    results = Results.read(run, [name])
    require_shown(run, results.facts)
    table = results.tables.get(name)
    if table is None:
        raise Http404
    missing = "" if name.startswith("paper_") else "NA"
    return csv_response(f"{_stem(run)}_{name}.csv", table["columns"], table["rows"], missing)


@staff_only
def figures_zip(request: HttpRequest, pk: int) -> HttpResponse:
    """Give all figures for print, as a worker has drawn them."""
    run = find_run(pk)
    return as_file(HttpResponse(_archive(run), content_type="application/zip"), f"{_stem(run)}_figures.zip")


@staff_only
def print_file(request: HttpRequest, pk: int, name: str, kind: str) -> HttpResponse:
    """Give one figure for print, as PDF, SVG, PNG or the numbers behind it."""
    run = find_run(pk)
    packed = _archive(run)
    if kind not in PRINT_TYPES:
        raise Http404
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        if f"{name}.{kind}" not in archive.namelist():
            raise Http404
        content = archive.read(f"{name}.{kind}")
    return as_file(HttpResponse(content, content_type=PRINT_TYPES[kind]), f"{_stem(run)}_{name}.{kind}")


def as_file(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _archive(run: AnalysisRun) -> bytes:
    require_shown(run, Results.read(run).facts)
    return bytes(get_object_or_404(FigureArchive, run=run, n_figures__gt=0).content)


def _key(key: str) -> FamilyKey:
    if key not in set(FamilyKey):
        raise Http404
    return FamilyKey(key)


def _read(run: AnalysisRun, key: FamilyKey) -> Results:
    return Results.read(run, HOLDS[key].tables, HOLDS[key].prefix)


def _asked_for(run: AnalysisRun, key: FamilyKey) -> tuple[FamilyKey, ...]:
    """Give the families of an analysis; one that was not asked for has no page."""
    keys = chosen_families(tuple(run.parameters.get("families", ())))
    if key not in keys:
        raise Http404
    return keys


def _shown(run: AnalysisRun, key: FamilyKey) -> Results:
    results = _read(run, key)
    require_shown(run, results.facts)
    _asked_for(run, key)
    return results


def _prints(run: AnalysisRun, key: FamilyKey) -> list[str]:
    """Name the family's figures for print that were drawn."""
    drawn = set(getattr(run, "print_names", None) or ())
    return [name for name in HOLDS[key].prints if f"{name}.pdf" in drawn]


def _neighbour(keys: tuple[FamilyKey, ...], place: int) -> tuple[FamilyKey, str] | None:
    return (keys[place], HOLDS[keys[place]].title) if 0 <= place < len(keys) else None


def _record(run: AnalysisRun) -> dict[str, Any]:
    """Say what results were computed from, and how."""
    return {
        "analysis": run.pk,
        "study": run.study.code,
        "snapshot_hash": run.snapshot_hash,
        "plan_hash": run.plan_hash,
        "results_hash": run.results_hash,
        "code_version": run.code_version,
        "registration": registration_facts(run.study, run.created_at),
        "parameters": run.parameters,
        "warnings": run.warnings,
    }


def _json(body: dict[str, Any], name: str) -> HttpResponse:
    return as_file(JsonResponse(body, json_dumps_params={"indent": 1, "ensure_ascii": False}), name)


def _stem(run: AnalysisRun) -> str:
    return f"{run.study.code}_analysis_{run.pk}"
