"""Imports: hand a file in, choose what its columns say, look, import; take an imported study away again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from analysis.imports import importing
from analysis.imports.archives import BadUpload, unpacked
from analysis.imports.importing import UNFINISHED, CodeTaken, NotImported
from analysis.imports.incoming import scratch
from analysis.imports.mapping import ROLES, ColumnMap, guess
from analysis.imports.sources import AnswersSource, faults_csv, open_source, sample
from analysis.imports.uploads import forget, handed_in, keep, place_of
from analysis.models import Import
from analysis.tasks import launch_import
from survey.enums import Country, Locale, country_name
from survey.flow.counted import counted
from survey.views.access import find_study, staff_only

N_SHOWN = 50
N_FAULTS = 100


@staff_only
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """List what was imported and take new files."""
    if request.method == "POST":
        return take(request)
    found = list(Import.objects.select_related("study")[:N_SHOWN])
    context = {"imports": found, "is_unfinished": any(one.state in UNFINISHED for one in found)}
    return render(request, "analysis/imports.html", context)


def take(request: HttpRequest) -> HttpResponse:
    """Keep the files and tell what they are; data that are known already lead to their study."""
    files = request.FILES.getlist("files")
    if not files:
        messages.error(request, "Nothing was handed in: choose a file.")
        return redirect("analysis:imports")
    try:
        token = keep(files)
    except BadUpload as error:
        messages.error(request, f"Nothing was handed in: {error}.")
        return redirect("analysis:imports")
    handed = Import(stored_as=token)
    try:
        with unpacked(handed_in(handed), within=scratch()) as path:
            source = open_source(path)
            mapping = guess(sample(path)[0]).as_json() if isinstance(source, AnswersSource) else {}
            same = None if isinstance(source, AnswersSource) else importing.find_same(source.identity)
    except (ValueError, OSError) as error:
        forget(handed)
        messages.error(request, f"Nothing was handed in: {error}.")
        return redirect("analysis:imports")
    if same is not None and same.study is not None:
        forget(handed)
        messages.info(request, f"These very data were imported before, as {same.study.code}.")
        return redirect("analysis:items", code=same.study.code)
    by, name = request.user.get_username(), ", ".join(file.name or "" for file in files)
    kept = importing.hand_in(source.kind, name, stored_as=token, mapping=mapping, by=by)
    return redirect("analysis:import", pk=kept.pk)


@staff_only
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one import; POST looks at its rows or imports them."""
    handed = get_object_or_404(Import.objects.select_related("study"), pk=pk)
    if request.method == "POST":
        try:
            importing.request(
                handed, code=request.POST.get("code", "").strip(), title=request.POST.get("title", "").strip(),
                mapping=read_mapping(request.POST.dict()), is_dry=request.POST.get("act") != "import",
                by=request.user.get_username(),
            )  # fmt: skip
        except CodeTaken as error:
            messages.error(request, f"Nothing was started: {error}.")
        else:
            launch_import(handed.pk)
        return redirect("analysis:import", pk=pk)
    return render(request, "analysis/import.html", {**_state(handed), **_form(handed)})


@staff_only
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the part that changes while an import is under way; the page stops asking when it is over."""
    handed = get_object_or_404(Import.objects.select_related("study"), pk=pk)
    response = render(request, "analysis/import_state.html", _state(handed))
    if handed.state not in UNFINISHED:
        response["X-Refresh"] = "stop"
    return response


@staff_only
def faults(request: HttpRequest, pk: int) -> HttpResponse:
    """Give all faults that were kept as a table."""
    handed = get_object_or_404(Import, pk=pk)
    response = HttpResponse(faults_csv(handed.faults), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import_{pk}_faults.csv"'
    return response


@staff_only
@require_POST
def remove(request: HttpRequest, code: str) -> HttpResponse:
    """Take an imported study away, by whoever typed its code."""
    study = find_study(code, imported_too=True)
    if request.POST.get("code", "").strip() != code:
        messages.error(request, f"Nothing was removed: type {code} to confirm.")
        return redirect("analysis:exports", code=code)
    try:
        n_rows = importing.remove_import(study, by=request.user.get_username())
    except NotImported as error:
        messages.error(request, f"Nothing was removed: {error}.")
        return redirect("analysis:exports", code=code)
    messages.success(request, f"{code} is removed, {counted(n_rows, 'row')} with it.")
    return redirect("analysis:imports")


def read_mapping(data: dict[str, str]) -> ColumnMap:
    """Read which column says what from a form."""
    columns = {role.name: data[f"column_{role.name}"] for role in ROLES if data.get(f"column_{role.name}")}
    return ColumnMap(
        columns,
        all_country=data.get("all_country", ""),
        all_scenario_country=data.get("all_scenario_country", ""),
        all_locale=data.get("all_locale") or Locale.EN_US.value,
        culture=_codes(data.get("culture", "")),
        preference=_codes(data.get("preference", "")),
    )


def _codes(text: str) -> tuple[str, ...]:
    return tuple(code.strip() for code in text.split(",") if code.strip())


def _state(handed: Import) -> dict[str, Any]:
    return {
        "handed": handed,
        "is_unfinished": handed.state in UNFINISHED,
        "faults": handed.faults[:N_FAULTS],
        "countries": ", ".join(map(country_name, (handed.report or {}).get("countries", []))),
    }


def _form(handed: Import) -> dict[str, Any]:
    """Give what the form offers: of answers collected elsewhere the columns, with some rows to look at."""
    has_file = bool(handed.stored_as) and place_of(handed.stored_as).is_dir()  # what a command read is not kept
    if handed.kind != Import.Kind.ANSWERS or not has_file:
        return {"mapping": None, "has_file": has_file}
    header, rows = sample(handed_in(handed))
    if not header:  # no table at all, so that no column of it can be chosen
        return {"mapping": None, "has_file": True}
    mapping = ColumnMap.from_json(handed.mapping)
    return {
        "mapping": mapping,
        "has_file": True,
        "header": header,
        "rows": rows,
        "roles": [(role, mapping.columns.get(role.name, "")) for role in ROLES],
        "culture": ", ".join(mapping.culture),
        "preference": ", ".join(mapping.preference),
        "countries": Country.choices,
        "locales": Locale.values,
    }
