"""What staff may send to start a run, to describe a model or to say what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import TextChoices

from survey.enums import Country, Locale, Question, Theme
from survey.llm.design import N_SAMPLES, Design, alignment, behaviour, personas_of
from survey.llm.enums import (
    Again,
    DemographicConfig,
    LocaleSource,
    Method,
    PreferenceConfig,
    PromptCondition,
    ProviderName,
    RunKind,
)
from survey.llm.experiment import Experiment, ItemChoice
from survey.llm.models import ModelPrice, ModelSpec
from survey.llm.prompts import Persona, n_paraphrases
from survey.llm.providers.simulated import Planted
from survey.llm.validity import MAX_SAMPLES
from survey.models import Study


class BudgetForm(forms.Form):
    """What a run may cost; empty for no limit."""

    budget = forms.DecimalField(min_value=0, max_digits=12, decimal_places=4, required=False)


class PriorityForm(forms.Form):
    """Which of the runs that share a model is asked first: the one with the higher number; equals take turns."""

    priority = forms.IntegerField(min_value=-100, max_value=100)


class AgainForm(forms.Form):
    """What is to be asked again."""

    kinds = forms.TypedMultipleChoiceField(
        choices=Again.choices, coerce=Again, error_messages={"required": "Choose what to ask again."}
    )


FIXED_ONCE_ASKED = ("tag", "provider", "model", "prompt_format")  # else one name would stand for two models
OURS_IN_REQUEST = frozenset({"model", "messages", "prompt", "stream", "n", "seed"})
MAY_BE_LEFT_OUT = frozenset({"seed"})


class Respondents(TextChoices):
    """As whom a model answers; each stands for one or more personas."""

    NOBODY = "nobody", "Nobody in particular (no persona)"
    FULL = "country_age_gender", "Personas: country × age × gender"
    COUNTRY = "country", "Personas by country alone"
    AGE = "age", "Personas by age alone"
    GENDER = "gender", "Personas by gender alone"

    def personas(self, countries: Sequence[str]) -> list[Persona | None]:
        """Give the personas; nobody is None."""
        return [None] if self == Respondents.NOBODY else list(personas_of(countries, self.value.split("_")))


LANGUAGES = [*LocaleSource.choices, *Locale.choices]


def _several(choices: Sequence[tuple[Any, str]], label: str, **more: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(choices=choices, label=label, widget=forms.CheckboxSelectMultiple, **more)


class ExperimentForm(forms.Form):
    """A run's factors; checks that need more than one field stand in `survey.llm.validity`."""

    study = forms.ModelChoiceField(queryset=Study.objects.all(), to_field_name="code", empty_label=None)
    kind = forms.ChoiceField(
        choices=RunKind.choices, label="Design", help_text="yoked: order, language and option order are the sessions'"
    )
    specs = forms.ModelMultipleChoiceField(
        queryset=ModelSpec.objects.all(), to_field_name="tag", widget=forms.CheckboxSelectMultiple, label="Models"
    )
    questions = _several(Question.choices, "Questions")
    respondents = _several(Respondents.choices, "Asked as")
    methods = _several(Method.choices, "Methods")
    n_samples = forms.IntegerField(
        min_value=1, max_value=MAX_SAMPLES, label="Samples per question", help_text="for samples and restricted choices"
    )
    n_repeats = forms.IntegerField(min_value=1, max_value=MAX_SAMPLES, label="Repetitions of the other methods")
    locales = _several(LANGUAGES, "Prompt language")
    conditions = _several(PromptCondition.choices, "Prompt condition")
    paraphrases = forms.TypedMultipleChoiceField(
        coerce=int,
        choices=[(n, f"Wording {n}") for n in range(1, n_paraphrases() + 1)],
        widget=forms.CheckboxSelectMultiple,
        label="Wordings of each condition",
    )
    preference_configs = _several(PreferenceConfig.choices, "Who has the preference")
    demographic_configs = _several(DemographicConfig.choices, "Said of actor and receiver")
    countries = _several(Country.choices, "Only items of", required=False, help_text="none: all countries")
    themes = _several(Theme.choices, "Only items about", required=False, help_text="none: all themes")
    is_core_only = forms.BooleanField(required=False, label="Only the common core")
    codes = forms.CharField(required=False, label="Only these items", help_text="codes, separated by spaces or commas")
    limit = forms.IntegerField(min_value=1, required=False, label="At most so many items", help_text="for a trial")
    n_sessions = forms.IntegerField(
        min_value=1, required=False, label="Yoked: at most so many sessions", help_text="blank: all complete ones"
    )
    budget = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=4, required=False, label="Budget",
        help_text="in the currency of the models' prices; the run pauses before it costs more",
    )  # fmt: skip
    reuses_answers = forms.BooleanField(
        required=False,
        label="Take answers already there",
        help_text="which earlier runs got to the very same calls, seed and repeat included; off: all is asked afresh",
    )
    priority = forms.IntegerField(
        min_value=-100,
        max_value=100,
        required=False,
        label="Priority",
        help_text="usually 0; of runs that share a model the higher one is asked first",
    )

    def experiment(self) -> Experiment:
        """Give what was chosen; `ValueError` names what cannot be."""
        data = self.cleaned_data
        study: Study = data["study"]
        return Experiment(
            study=study,
            design=self._design(study),
            specs=list(data["specs"]),
            items=ItemChoice(
                countries=data["countries"],
                themes=data["themes"],
                is_core_only=data["is_core_only"],
                codes=data["codes"].replace(",", " ").split(),
                limit=data["limit"],
            ).take(study),
            n_sessions=data["n_sessions"],
        )

    def _design(self, study: Study) -> Design:
        data = self.cleaned_data
        countries = [arm.country for arm in study.arms.order_by("country")]
        kinds = [Respondents(name) for name in data["respondents"]]
        return Design(
            kind=RunKind(data["kind"]),
            personas=tuple(persona for kind in kinds for persona in kind.personas(countries)),
            questions=tuple(map(Question, data["questions"])),
            locales=tuple(data["locales"]),
            conditions=tuple(map(PromptCondition, data["conditions"])),
            paraphrases=tuple(data["paraphrases"]),
            preference_configs=tuple(map(PreferenceConfig, data["preference_configs"])),
            demographic_configs=tuple(map(DemographicConfig, data["demographic_configs"])),
            methods=tuple(map(Method, data["methods"])),
            n_samples=data["n_samples"],
            n_repeats=data["n_repeats"],
        )


def ready_design(kind: RunKind) -> Mapping[str, Any]:
    """Give the fields of a ready design, as the form begins with them."""
    design = behaviour() if kind == RunKind.BEHAVIOUR else alignment([])
    nobody_only = kind == RunKind.BEHAVIOUR
    return {
        "kind": kind,
        "questions": list(design.questions),
        "respondents": [Respondents.NOBODY, *([] if nobody_only else [Respondents.FULL])],
        "methods": list(design.methods),
        "n_samples": N_SAMPLES,
        "n_repeats": 1,
        "locales": list(design.locales),
        "conditions": list(design.conditions),
        "paraphrases": list(design.paraphrases),
        "preference_configs": list(design.preference_configs),
        "demographic_configs": list(design.demographic_configs),
        "priority": 0,
    }


class ModelSpecForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ModelSpec
        fields = [
            "tag", "provider", "base_url", "model", "api_key_env", "family", "stage", "prompt_format",
            "max_in_flight", "requests_per_minute", "tokens_per_minute", "timeout_s", "parameters",
        ]  # fmt: skip
        labels = {"base_url": "Base URL", "api_key_env": "Variable with the API key", "timeout_s": "Time limit"}
        error_messages = {"parameters": {"invalid": 'This is not JSON; write it like {"temperature": 0.7}.'}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.cells.exists():
            fixed = [*FIXED_ONCE_ASKED, *(["parameters"] if self.instance.is_simulated else [])]
            for name in fixed:
                self.fields[name].disabled = True
                self.fields[name].help_text = "fixed, because this model has been asked"

    def clean_parameters(self) -> Any:
        """Take an emptied field for no parameters."""
        return self.cleaned_data["parameters"] or {}

    def clean(self) -> dict[str, Any]:
        """Hold each provider's fields against what it needs."""
        cleaned = super().clean() or {}
        parameters = cleaned.get("parameters", {})
        if cleaned.get("provider") == ProviderName.SIMULATED:
            cleaned["base_url"] = cleaned["api_key_env"] = ""
            try:
                Planted.from_parameters(parameters)
            except ValueError as error:
                self.add_error("parameters", ValidationError(f"{error}."))
            return cleaned
        if not cleaned.get("base_url") and "base_url" not in self.errors:
            self.add_error("base_url", "An endpoint needs an address.")
        if not isinstance(parameters, dict) or _ours(parameters):
            names = ", ".join(sorted(OURS_IN_REQUEST))
            self.add_error(
                "parameters", f"Write a JSON object of request fields, none of these: {names}; seed may be null."
            )
        return cleaned


def _ours(parameters: Mapping[str, Any]) -> list[str]:
    """List the fields that a run itself decides; the seed may be left out where a model refuses it."""
    left_out = {name for name, value in parameters.items() if value is None} & MAY_BE_LEFT_OUT
    return sorted(set(parameters) & OURS_IN_REQUEST - left_out)


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ModelPrice
        fields = ["valid_from", "prompt_per_million", "completion_per_million", "currency"]
        widgets = {"valid_from": forms.DateInput(attrs={"type": "date"})}

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()
