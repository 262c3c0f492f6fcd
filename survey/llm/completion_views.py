"""Staff pages of completions: find them by their factors, look at one as it was sent and received."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from survey.enums import Choice, Country, Locale, OptionOrder, Question
from survey.llm.enums import (
    CellState,
    DemographicConfig,
    Method,
    ParseStage,
    PersonaSetting,
    PreferenceConfig,
    PromptCondition,
)
from survey.llm.models import Completion
from survey.llm.views import staff_page

PAGE_SIZE = 50


class CompletionFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The factors by which completions are found; all of them may be left empty."""

    run = django_filters.NumberFilter(field_name="cell__run", label="Run")
    study = django_filters.CharFilter(field_name="cell__run__study__code", label="Study")
    spec = django_filters.CharFilter(field_name="cell__spec__tag", label="Model")
    item = django_filters.CharFilter(field_name="cell__item__code", label="Item")
    question = django_filters.ChoiceFilter(field_name="cell__question", choices=Question.choices, label="Question")
    persona_setting = django_filters.ChoiceFilter(
        field_name="cell__persona_setting", choices=PersonaSetting.choices, label="Asked as"
    )
    persona_country = django_filters.ChoiceFilter(
        field_name="cell__persona_country", choices=Country.choices, label="Persona's country"
    )
    locale = django_filters.ChoiceFilter(field_name="cell__locale", choices=Locale.choices, label="Language")
    option_order = django_filters.ChoiceFilter(
        field_name="cell__option_order", choices=OptionOrder.choices, label="Order"
    )
    condition = django_filters.ChoiceFilter(
        field_name="cell__condition", choices=PromptCondition.choices, label="Condition"
    )
    preference_config = django_filters.ChoiceFilter(
        field_name="cell__preference_config", choices=PreferenceConfig.choices, label="Preference"
    )
    demographic_config = django_filters.ChoiceFilter(
        field_name="cell__demographic_config", choices=DemographicConfig.choices, label="Demographics"
    )
    method = django_filters.ChoiceFilter(field_name="cell__method", choices=Method.choices, label="Method")
    state = django_filters.ChoiceFilter(field_name="cell__state", choices=CellState.choices, label="State")
    parse_stage = django_filters.ChoiceFilter(choices=ParseStage.choices, label="Read by")
    choice = django_filters.ChoiceFilter(choices=Choice.choices)
    is_taken = django_filters.BooleanFilter(
        field_name="cached_from", lookup_expr="isnull", exclude=True, label="Taken from an earlier run"
    )

    class Meta:
        model = Completion
        fields: list[str] = []


def found(request: HttpRequest) -> CompletionFilter:
    rows: QuerySet[Completion] = Completion.objects.current().select_related("cell__spec", "cell__item", "cell__run")
    return CompletionFilter(request.GET, queryset=rows.defer("request", "reply"))


@staff_page
@require_safe
def completion_list(request: HttpRequest) -> HttpResponse:
    """List completions, newest first, in pages that begin below a completion; no count of millions is ever made."""
    chosen = found(request)
    rows = chosen.qs.order_by("-pk") if chosen.form.is_valid() else Completion.objects.none()
    below = request.GET.get("below", "")
    if below.isdecimal():
        rows = rows.filter(pk__lt=int(below[:18]))
    shown = list(rows[: PAGE_SIZE + 1])
    kept = {name: value for name, value in request.GET.items() if value and name != "below"}
    context = {
        "form": chosen.form,
        "rows": shown[:PAGE_SIZE],
        "n_chosen": len(kept),
        "newest": f"?{urlencode(kept)}" if below else "",
        "older": f"?{urlencode({**kept, 'below': shown[PAGE_SIZE - 1].pk})}" if len(shown) > PAGE_SIZE else "",
    }
    return render(request, "llm/completions.html", context)


@staff_page
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
