"""The data as files: streamed, never built up in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from analysis.blinding import WITHHELD, is_withheld, tells_answers, withholds_answers
from analysis.export.codebook import codebook_csv, codebook_markdown
from analysis.extract import ALL_TABLES, TABLES, Selection, stream_csv
from analysis.model_columns import MODEL_TABLES
from analysis.page_columns import PAGES
from analysis.paper_columns import PAPER_TABLES
from analysis.text_columns import TEXTS
from analysis.views.release_form import form_context
from survey.enums import Status
from survey.models import Study, SurveySession
from survey.views.access import find_study, staff_only
from survey.views.downloads import as_download


@staff_only
def page(request: HttpRequest, code: str) -> HttpResponse:
    """Describe the files and offer them."""
    return show(request, find_study(code, imported_too=True))


def show(
    request: HttpRequest,
    study: Study,
    *,
    release_fault: str = "",
    entered: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the page, with what was wrong with a release that was asked for."""
    sessions = SurveySession.objects.filter(arm__study=study)
    imported = study.imported if study.is_imported else None
    stored = imported.report["n_rows"] if imported else ALL_TABLES
    tables = [*TABLES.values(), TEXTS, PAGES, *MODEL_TABLES.values()]
    context = {
        "study": study,
        "imported": imported,
        "tables": [table for table in tables if table.name in stored],
        "paper_tables": [table for table in PAPER_TABLES.values() if table.name in stored],
        "withheld": {name for name, table in ALL_TABLES.items() if tells_answers(table)}
        if withholds_answers(study)
        else set(),
        "n_complete": sessions.filter(status=Status.COMPLETE).count(),
        "n_simulated": sessions.filter(participant__is_simulated=True).count(),
        "n_sessions": sessions.count(),
        "release_fault": release_fault,
        **form_context(study, entered),
    }
    return render(request, "analysis/exports.html", context, status=status)


@staff_only
def download(request: HttpRequest, code: str, name: str) -> HttpResponseBase:
    """Send one file; ``data=real`` leaves simulated rows out, ``sessions=complete`` unfinished sessions."""
    study = find_study(code, imported_too=True)
    codebooks: dict[str, tuple[Callable[[], str], str]] = {
        "codebook.csv": (codebook_csv, "text/csv"),
        "codebook.md": (codebook_markdown, "text/markdown"),
    }
    if name in codebooks:
        write, kind = codebooks[name]
        response = HttpResponse(write(), content_type=f"{kind}; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{study.code}_{name}"'
        return response
    table = ALL_TABLES.get(name.removesuffix(".csv"))
    if table is None or not name.endswith(".csv"):
        raise Http404
    if is_withheld(study, table):
        raise PermissionDenied(WITHHELD)
    real, complete = request.GET.get("data") == "real", request.GET.get("sessions") == "complete"
    chosen = Selection(include_simulated=not real, complete_only=complete)
    file = f"{study.code}_{table.name}{'_real' * real}{'_complete' * complete}.csv"
    return as_download(stream_csv(table, study, chosen), file)
