"""The state of a study's texts: counts by locale, the texts themselves, the variants of English, the gate."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from analysis.export.table_csv import csv_response
from analysis.figures import Bar, bar
from analysis.translations import Filters, LocaleStand, beside_source, differences, differing_keys, find_texts, stands
from survey.domain.translations import open_text_faults, override_texts, text_faults
from survey.enums import Locale, TextStatus
from survey.flow.provenance import statuses_from
from survey.models import Text
from survey.views.access import find_study, staff_only

PER_PAGE = 25
COLUMNS = ("key", "status", "staleness", "translator", "reviewer", "adjudicator", "note", "source_hash", "body")


class StandLine(NamedTuple):
    stand: LocaleStand
    bar: Bar


@staff_only
def page(request: HttpRequest, code: str) -> HttpResponse:
    """Show how far each locale is, and whether the texts let the study open."""
    study = find_study(code)
    found = stands(study, statuses_from(study.required_text_status))
    context = {
        "study": study,
        "statuses": TextStatus.labels,
        "lines": [
            StandLine(s, bar(f"texts-{s.locale}", f"{s.locale}: texts ready", done=s.n_ready, target=s.n))
            for s in found
        ],
        "faults": text_faults(study),
        "is_held_back": bool(open_text_faults(study)),
        "overrides": study.text_overrides.select_related("version__instrument"),
        "n_differing": differing_keys(study).count(),
    }
    return render(request, "analysis/translations.html", context)


@staff_only
def status_csv(request: HttpRequest, code: str) -> HttpResponse:
    """Give the numbers of the table."""
    study = find_study(code)
    header = ["locale", *(status.replace(" ", "_") for status in TextStatus.values), "stale", "ready"]
    found = stands(study, statuses_from(study.required_text_status))
    return csv_response(
        f"{code}_translations.csv", header, [[s.locale, *s.by_status, s.n_stale, s.n_ready] for s in found]
    )


@staff_only
def texts_csv(request: HttpRequest, code: str, locale: str) -> HttpResponse:
    """Give a locale's texts with what is recorded of them."""
    texts = Text.objects.filter(version=find_study(code).version_id, locale=known(locale)).order_by("key")
    return csv_response(f"{code}_texts_{locale}.csv", COLUMNS, texts.values_list(*COLUMNS), missing="")


@staff_only
def locale_page(request: HttpRequest, code: str, locale: str) -> HttpResponse:
    """List the texts of a locale beside their source."""
    study = find_study(code)
    filters = Filters.read(request.GET.dict())
    shown = paginate(request, find_texts(study, known(locale), filters))
    context = {
        "study": study,
        "locale": Locale(locale),
        "source_locale": study.version.structure["source_locale"],
        "filters": filters,
        "statuses": TextStatus,
        "shown": shown,
        "lines": beside_source(study, list(shown)),
        "query": urlencode({**filters._asdict(), "stale": "1" if filters.stale else ""}),
    }
    return render(request, "analysis/translations_locale.html", context)


@staff_only
def variants(request: HttpRequest, code: str) -> HttpResponse:
    """Show where the variants of the source's language differ from it."""
    study = find_study(code)
    shown = paginate(request, differing_keys(study))
    context = {
        "study": study,
        "source_locale": study.version.structure["source_locale"],
        "shown": shown,
        "found": differences(study, list(shown)),
        "query": "",
    }
    return render(request, "analysis/translations_variants.html", context)


@staff_only
@require_POST
def override(request: HttpRequest, code: str) -> HttpResponse:
    """Record the reader's decision to open the study with its texts as they are."""
    try:
        override_texts(find_study(code), by=request.user.get_username(), reason=request.POST.get("reason", ""))
    except ValueError as error:
        messages.error(request, f"Nothing was recorded: {error}.")
    else:
        messages.success(request, "Your decision is recorded: the texts no longer hold the study back.")
    return redirect("analysis:translations", code)


def known(locale: str) -> str:
    if locale not in Locale.values:
        raise Http404
    return locale


def paginate(request: HttpRequest, found: Any) -> Page[Any]:
    return Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
