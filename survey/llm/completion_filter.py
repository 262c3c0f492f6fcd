"""What completions are found by: their factors, how they were read, a word in the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

import django_filters
from django.http import QueryDict

from survey.enums import ActorGender, AgeBucket, Choice, Country, Locale, OptionOrder, Question
from survey.llm.enums import (
    CellState,
    DemographicConfig,
    Method,
    ParseStage,
    PersonaSetting,
    PreferenceConfig,
    PromptCondition,
)
from survey.llm.models import Completion, ModelSpec
from survey.models import Study

ANSWERED = [state for state in CellState.choices if state[0] in (CellState.DONE, CellState.REFUSED, CellState.UNPARSED)]


def _factor(name: str, choices: list[tuple[str, str]], label: str) -> django_filters.ChoiceFilter:
    return django_filters.ChoiceFilter(field_name=f"cell__{name}", choices=choices, label=label, empty_label="any")


class CompletionFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The factors by which completions are found; all of them may be left empty."""

    run = django_filters.NumberFilter(field_name="cell__run", label="Run")
    study = django_filters.ModelChoiceFilter(
        field_name="cell__run__study", queryset=Study.objects.order_by("code"), to_field_name="code", label="Study",
        empty_label="any",
    )  # fmt: skip
    spec = django_filters.ModelChoiceFilter(
        field_name="cell__spec", queryset=ModelSpec.objects.all(), to_field_name="tag", label="Model", empty_label="any"
    )
    item = django_filters.CharFilter(field_name="cell__item__code", label="Item", lookup_expr="iexact")
    country = _factor("item__scenario_country", Country.choices, "Scenario’s country")
    question = _factor("question", Question.choices, "Question")
    option_order = _factor("option_order", OptionOrder.choices, "Order")
    persona_setting = _factor("persona_setting", PersonaSetting.choices, "Asked as")
    persona_country = _factor("persona_country", Country.choices, "Persona’s country")
    persona_age = _factor("persona_age", AgeBucket.choices, "Persona’s age")
    persona_gender = _factor("persona_gender", ActorGender.choices, "Persona’s gender")
    locale = _factor("locale", Locale.choices, "Language")
    condition = _factor("condition", PromptCondition.choices, "Condition")
    paraphrase = django_filters.NumberFilter(field_name="cell__paraphrase", label="Wording")
    preference_config = _factor("preference_config", PreferenceConfig.choices, "Preference")
    demographic_config = _factor("demographic_config", DemographicConfig.choices, "Demographics")
    method = _factor("method", Method.choices, "Method")
    state = _factor("state", ANSWERED, "State")
    parse_stage = django_filters.ChoiceFilter(choices=ParseStage.choices, label="Read by", empty_label="any")
    choice = django_filters.ChoiceFilter(choices=Choice.choices, label="Choice", empty_label="any")
    is_taken = django_filters.BooleanFilter(
        field_name="cached_from", lookup_expr="isnull", exclude=True, label="Taken from an earlier run"
    )
    is_simulated = django_filters.BooleanFilter(label="Simulated")
    text = django_filters.CharFilter(lookup_expr="icontains", label="Text contains")

    class Meta:
        model = Completion
        fields: list[str] = []


class Chip(NamedTuple):
    """A filter that is set, and the address without it."""

    label: str
    value: str
    without: str


def kept(query: QueryDict) -> dict[str, str]:
    """Give the filters that are set, by name: what makes up a permanent link."""
    return {name: str(query[name]) for name in CompletionFilter.base_filters if query.get(name)}


def chips(chosen: CompletionFilter, found: Mapping[str, str]) -> list[Chip]:
    """Say which filters are set, in words."""
    return [
        Chip(
            chosen.form.fields[name].label,
            _said(chosen, name, value),
            f"?{urlencode({other: found[other] for other in found if other != name})}",
        )
        for name, value in found.items()
    ]


def _said(chosen: CompletionFilter, name: str, value: str) -> str:
    labels = {str(key): str(label) for key, label in getattr(chosen.form.fields[name].widget, "choices", [])}
    return labels.get(value, value)
