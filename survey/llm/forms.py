"""What staff may send to start a run or to describe a model."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from survey.llm.enums import PersonaSetting, ProviderName
from survey.llm.models import ModelSpec
from survey.llm.providers.simulated import Planted
from survey.models import Study

FIXED_ONCE_ASKED = ("tag", "provider", "model")  # else one name would stand for two models
OURS_IN_REQUEST = frozenset({"model", "messages", "stream", "n", "seed"})


class RunForm(forms.Form):
    study = forms.ModelChoiceField(queryset=Study.objects.all(), to_field_name="code", empty_label=None)
    specs = forms.ModelMultipleChoiceField(
        queryset=ModelSpec.objects.all(), widget=forms.CheckboxSelectMultiple, label="Models"
    )
    persona = forms.MultipleChoiceField(
        choices=PersonaSetting.choices,
        initial=PersonaSetting.values,
        widget=forms.CheckboxSelectMultiple,
        label="Asked as",
    )
    limit = forms.IntegerField(
        min_value=1, required=False, label="Only the first items", help_text="for a trial; blank: all items"
    )


class ModelSpecForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ModelSpec
        fields = [
            "tag", "provider", "base_url", "model", "api_key_env", "family", "stage", "max_in_flight",
            "timeout_s", "parameters",
        ]  # fmt: skip

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
        if not isinstance(parameters, dict) or set(parameters) & OURS_IN_REQUEST:
            names = ", ".join(sorted(OURS_IN_REQUEST))
            self.add_error("parameters", f"Write a JSON object of request fields, none of these: {names}.")
        return cleaned
