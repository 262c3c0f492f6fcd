"""Staff pages of completions: find them by their factors, look at one as it was sent and received."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from survey.llm.completion_filter import CompletionFilter, chips, kept
from survey.llm.models import Completion
from survey.views.access import staff_only
from survey.views.csv_lines import write_parts
from survey.views.downloads import as_download

PAGE_SIZE = 50
CSV_CHUNK = 2000
SEARCH_SECONDS = 8.0


# In the words of the export's completions.csv, and the text of the reply.
CSV_COLUMNS = {
    "completion": "pk", "study": "cell__run__study__code", "run": "cell__run_id", "model_tag": "cell__spec__tag",
    "model": "cell__spec__model", "is_simulated": "is_simulated", "item_code": "cell__item__code",
    "scenario_country": "cell__item__scenario_country", "question": "cell__question",
    "persona_setting": "cell__persona_setting", "persona_country": "cell__persona_country",
    "persona_age": "cell__persona_age", "persona_gender": "cell__persona_gender", "locale": "cell__locale",
    "option_order": "cell__option_order", "condition": "cell__condition", "paraphrase": "cell__paraphrase",
    "preference_config": "cell__preference_config", "demographic_config": "cell__demographic_config",
    "method": "cell__method", "repeat": "cell__repeat", "state": "cell__state", "choice": "choice",
    "p_culture": "p_culture", "label_mass": "label_mass", "parse_stage": "parse_stage",
    "parser_version": "parser_version", "seed": "seed", "finish_reason": "finish_reason",
    "prompt_tokens": "prompt_tokens", "completion_tokens": "completion_tokens", "latency_ms": "latency_ms",
    "cost": "cost", "taken_from": "cached_from_id", "text": "text",
}  # fmt: skip


def read_filter(request: HttpRequest) -> CompletionFilter:
    return CompletionFilter(request.GET, queryset=Completion.objects.current())


@staff_only
@require_safe
def completion_list(request: HttpRequest) -> HttpResponse:
    """List completions, newest first, in pages that begin below a completion; no count of millions is ever made."""
    found, below = kept(request.GET), request.GET.get("below", "")
    if len(found) + ("below" in request.GET) < len(request.GET):
        query = urlencode(found | ({"below": below} if below else {}))
        return HttpResponseRedirect(f"{request.path}?{query}")  # a link worth keeping
    chosen = read_filter(request)
    rows: QuerySet[Completion] = chosen.qs if chosen.form.is_valid() else Completion.objects.none()
    if below.isdecimal():
        rows = rows.filter(pk__lt=int(below[:18]))
    shown, is_too_slow = _first(rows.select_related("cell__spec", "cell__item").defer("request", "reply"))
    context = {
        "form": chosen.form,
        "rows": shown[:PAGE_SIZE],
        "is_too_slow": is_too_slow,
        "chips": chips(chosen, found) if chosen.form.is_valid() else [],
        "csv_query": urlencode(found),
        "has_simulated": any(row.is_simulated for row in shown[:PAGE_SIZE]),
        "newest": f"?{urlencode(found)}" if below else "",
        "older": f"?{urlencode({**found, 'below': shown[PAGE_SIZE - 1].pk})}" if len(shown) > PAGE_SIZE else "",
    }
    return render(request, "llm/completions.html", context)


@transaction.atomic
def _first(rows: QuerySet[Completion]) -> tuple[list[Completion], bool]:
    """Read one row more than a page shows, unless that takes too long: a rare word in millions of texts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SEARCH_SECONDS * 1000:.0f}"])
    try:
        with transaction.atomic():
            return list(rows.order_by("-pk")[: PAGE_SIZE + 1]), False
    except OperationalError:
        return [], True


@staff_only
@require_safe
def completions_csv(request: HttpRequest) -> HttpResponseBase:
    """Give what the filter finds as a file that is written while it is sent."""
    chosen = read_filter(request)
    if not chosen.form.is_valid():
        return HttpResponse("This filter is not understood.", status=400, content_type="text/plain; charset=utf-8")
    rows = read_as_sent(chosen.qs.order_by("pk").values_list(*CSV_COLUMNS.values()))
    return as_download(write_parts(chain([list(CSV_COLUMNS)], rows)), "completions.csv")


def read_as_sent(rows: QuerySet[Any, Any]) -> Iterator[Any]:
    """Read rows as of one moment; outside a transaction PostgreSQL would put all of them aside before the first."""
    with transaction.atomic():
        yield from rows.iterator(chunk_size=CSV_CHUNK)


@staff_only
@require_safe
def completion_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one completion: its factors, the request and the reply as stored, how it was read."""
    related = ("cell__spec", "cell__item", "cell__run__study", "cached_from__cell", "set_aside_by")
    completion = get_object_or_404(Completion.objects.select_related(*related), pk=pk)
    context = {
        "completion": completion,
        "cell": completion.cell,
        "prompt": _prompt(completion.request),
        "settings": _pretty({k: v for k, v in completion.request.items() if k not in ("messages", "prompt")}),
        "reply": _pretty(completion.reply),
        "attempts": completion.cell.attempts.all(),
        "others": completion.cell.completions.exclude(pk=pk).select_related("set_aside_by").order_by("pk"),
    }
    return render(request, "llm/completion.html", context)


def _prompt(body: dict[str, Any]) -> str:
    """Give the words of a request, whichever format it was sent in."""
    if "prompt" in body:
        return str(body["prompt"])
    return "\n\n".join(str(message.get("content", "")) for message in body.get("messages", []))


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
