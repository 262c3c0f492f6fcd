"""What researchers enter about a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms

from survey.domain.quotas import CellLimits
from survey.domain.study_settings import ArmSettings, StudySettings
from survey.enums import AgeBucket, Gender, Locale, Outcome, PanelName
from survey.instruments.loader import SHIPPED
from survey.instruments.upload import LARGEST_ZIP, MB
from survey.models import Arm
from survey.panels.terms import COUNTS, MONEY, read_number

MOST = 100_000
AREA = forms.Textarea(attrs={"rows": 3})


class ReasonForm(forms.Form):
    """Why something is changed; kept with the change."""

    reason = forms.CharField(max_length=300, required=False)


class CellForm(ReasonForm):
    """The numbers of one quota cell."""

    target = forms.IntegerField(min_value=0, max_value=MOST)
    over_target = forms.IntegerField(min_value=0, max_value=MOST)
    soft_limit = forms.IntegerField(min_value=0, max_value=MOST, required=False)
    is_open = forms.BooleanField(required=False)

    def limits(self) -> CellLimits:
        return CellLimits(**{name: self.cleaned_data[name] for name in CellLimits._fields})


class NewCellForm(CellForm):
    """A quota cell to be added, and whom it is for; blank stands for any."""

    country = forms.CharField(max_length=2)
    age_bucket = forms.ChoiceField(choices=[("", "Any age"), *AgeBucket.choices], required=False)
    gender = forms.ChoiceField(choices=[("", "Any gender"), *Gender.choices], required=False)


class DeviationForm(forms.Form):
    """Something that was done otherwise than registered, in somebody's words."""

    what = forms.CharField(max_length=200, label="What deviates", help_text="such as “analysis of hypothesis 2”")
    before = forms.CharField(max_length=2000, required=False, label="As registered", widget=AREA)
    after = forms.CharField(max_length=2000, label="As done", widget=AREA)
    reason = forms.CharField(max_length=2000, label="Why", widget=AREA)


class SettingsForm(ReasonForm):
    """What is said of the study as a whole."""

    title = forms.CharField(max_length=200)
    contact_email = forms.EmailField(
        required=False, label="Contact", help_text="shown on every participant page; empty: the site’s address"
    )
    ethics_reference = forms.CharField(
        max_length=200, required=False, label="Ethics approval", help_text="who approved it, under which number"
    )
    stopping_rule = forms.CharField(
        max_length=2000,
        required=False,
        widget=AREA,
        help_text="when collection ends; empty: when every quota cell is full. Registered at the launch",
    )

    def settings(self) -> StudySettings:
        return StudySettings(**{name: self.cleaned_data[name] for name in StudySettings._fields})


TERMS: dict[str, tuple[str, str]] = {
    "reward": ("Reward", "for a complete, in pence or cents"),
    "screen_out_reward": ("Reward for a screen-out", "in pence or cents"),
    "budget": ("Budget", "of this country, in pence or cents"),
    "screen_out_slots": ("Paid screen-outs at most", ""),
    "review_days": ("Days after which a wait for review is long", ""),
}


class ArmForm(ReasonForm):
    """Locales, panel, codes and terms of one country; a field for each setting that every panel has."""

    locales = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    panel = forms.ChoiceField(choices=[one for one in PanelName.choices if one[0] != PanelName.SIMULATED])
    currency = forms.CharField(max_length=3, required=False, help_text="three letters, such as GBP")
    other = forms.JSONField(
        required=False,
        label="Further settings of the panel",
        help_text='as JSON, such as {"study_id": "…"}; docs/panels.md names them',
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def __init__(self, arm: Arm, *args: Any, **options: Any) -> None:
        initial = options.setdefault("initial", initial_of(arm))
        super().__init__(*args, **options)
        self.arm = arm
        offered = arm.study.version.structure["arms"].get(arm.country, {}).get("locales", [])
        self.fields["locales"].choices = [(one, Locale(one).label) for one in offered]  # type: ignore[attr-defined]
        for name, (label, told) in TERMS.items():
            self.fields[name] = forms.CharField(max_length=20, required=False, label=label, help_text=told)
        for outcome in Outcome:
            self.fields[f"code_{outcome}"] = forms.CharField(max_length=64, required=False, label=outcome.label)
        self.fields["other"].initial = initial["other"]

    @property
    def code_fields(self) -> list[forms.BoundField]:
        return [self[f"code_{outcome}"] for outcome in Outcome]

    @property
    def term_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in (*TERMS, "currency")]

    def clean(self) -> dict[str, Any]:
        """Read the numbers, and see that the further settings are a mapping without what has a field of its own."""
        cleaned: dict[str, Any] = super().clean() or {}
        for name in TERMS:
            if cleaned.get(name) and read_number(cleaned[name]) is None:
                self.add_error(name, "Write a number.")
        other = cleaned.get("other") or {}
        if not isinstance(other, dict):
            self.add_error("other", 'Write {"name": value, …}.')
        elif double := sorted({*TERMS, "currency"} & other.keys()):
            self.add_error("other", f"{', '.join(double)}: enter above.")
        return cleaned

    def settings(self) -> ArmSettings:
        data = self.cleaned_data
        terms = {name: as_number(data[name]) for name in (*MONEY, *COUNTS) if data[name]}
        currency = {"currency": data["currency"].upper()} if data["currency"] else {}
        codes = {outcome.value: data[f"code_{outcome}"] for outcome in Outcome if data[f"code_{outcome}"]}
        return ArmSettings(
            data["locales"], PanelName(data["panel"]), codes, {**(data["other"] or {}), **terms, **currency}
        )


def as_number(value: str) -> int | float:
    number = read_number(value)
    assert number is not None  # noqa: S101 - the form has read it already  # nosec B101
    return int(number) if number == int(number) else float(number)


def initial_of(arm: Arm) -> dict[str, Any]:
    settings = arm.panel_settings if isinstance(arm.panel_settings, dict) else {}
    codes = arm.exit_codes if isinstance(arm.exit_codes, dict) else {}
    known = {*TERMS, "currency"}
    return {
        "locales": arm.locales,
        "panel": arm.panel,
        **{name: settings[name] for name in known if name in settings},
        **{f"code_{outcome}": code for outcome, code in codes.items()},
        "other": {name: value for name, value in settings.items() if name not in known},
    }


def installed() -> dict[str, Path]:
    """Give the instruments that lie on the server, by the name of their folder."""
    return {path.parent.name: path.parent for path in sorted(SHIPPED.parent.glob("*/instrument.yaml"))}


class NewStudyForm(forms.Form):
    """A study to be made: its instrument, and what every country of it begins with."""

    file = forms.FileField(
        required=False, label="Zip file", widget=forms.ClearableFileInput(attrs={"accept": ".zip,application/zip"})
    )
    folder = forms.ChoiceField(required=False, label="Or one that lies on the server")
    code = forms.SlugField(
        max_length=40,
        help_text="stands in links and files, such as norms-2027",
        error_messages={"invalid": "Use letters, digits, hyphens and underscores alone, without spaces."},
    )
    title = forms.CharField(max_length=200)
    panel = forms.ChoiceField(choices=[one for one in PanelName.choices if one[0] != PanelName.SIMULATED])
    target_per_cell = forms.IntegerField(
        min_value=0, max_value=MOST, initial=20, label="Completes per quota cell", help_text="five cells a country"
    )
    reward = forms.IntegerField(
        min_value=0, max_value=MOST, required=False, help_text="for a complete, in pence or cents"
    )
    currency = forms.RegexField(r"^[A-Za-z]{3}$", required=False, help_text="three letters, such as GBP")

    def __init__(self, *args: Any, checks_only: bool = False, **options: Any) -> None:
        """Ask for the instrument alone where nothing but a check of it is wanted."""
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.required = field.required and not checks_only
        choices = [("", "–"), *((name, name) for name in installed())]
        self.fields["folder"].choices = choices  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None and file.size > LARGEST_ZIP:
            raise forms.ValidationError(f"The file has more than {LARGEST_ZIP // MB} MB.")
        return file

    def clean(self) -> dict[str, Any]:
        """See that there is one instrument, and a currency for the reward."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "file" in cleaned and (cleaned["file"] is None) == (not cleaned.get("folder")):
            self.add_error("file", "Choose a zip file, or one that lies on the server.")
        if cleaned.get("reward") is not None and not cleaned.get("currency"):
            self.add_error("currency", "Say in which currency the reward is.")
        cleaned["currency"] = cleaned.get("currency", "").upper()
        return cleaned
