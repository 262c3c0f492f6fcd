"""Raw records for staff. What belongs to a version or was answered can be read here, never changed."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest

from survey import models
from survey.enums import StudyState
from survey.panels.lint import lint_arm
from survey.panels.rules import Severity


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Show, never touch: these rows are written by the flow or by the instrument loader alone."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def is_registered(study: models.Study) -> bool:
    return study.pk is not None and study.registrations.exists()


class ArmFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """Keep the arms of a live study free of errors: whoever is inside needs the way back to their panel.

    What was registered of them at the launch changes on the study's setup page alone, which asks why.
    """

    def clean(self) -> None:
        super().clean()
        if not any(self.errors) and is_registered(self.instance):
            touched = {"country", "locales"}
            if self.deleted_forms or any(touched & set(form.changed_data) for form in self.forms):
                raise ValidationError("Countries and locales are registered: change locales on the Setup page.")
        if self.instance.state != StudyState.LIVE or any(self.errors):
            return
        kept = [form.instance for form in self.forms if form.instance.country and form not in self.deleted_forms]
        faults = [
            f"{arm.country}: {fault}" for arm in kept for fault in lint_arm(arm) if fault.severity == Severity.ERROR
        ]
        if faults:
            raise ValidationError(faults)


class ArmInline(admin.TabularInline):  # type: ignore[type-arg]
    model = models.Arm
    formset = ArmFormSet
    extra = 0


@admin.register(models.Study)
class StudyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Titles, contact and arms. What is registered, and the state, change on the study's setup page alone."""

    list_display = ["code", "title", "version", "state", "launched_at"]
    inlines = [ArmInline]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Study | None = None) -> list[str]:
        fixed = ["state", "launched_at", "unblinded_at", "stopping_rule"]
        return fixed if obj is None else ["version", *fixed]


@admin.register(models.StudyChange)
class StudyChangeAdmin(ReadOnly):
    list_display = ["study", "kind", "cell", "old", "new", "by", "reason", "at"]
    list_filter = ["study", "kind"]
    list_select_related = ["study", "cell__arm__study"]


@admin.register(models.QuotaCell)
class QuotaCellAdmin(ReadOnly):
    """Cells are added, changed and removed on the study's setup page, where each change is kept."""

    list_display = ["arm", "age_bucket", "gender", "target", "over_target", "soft_limit", "is_open"]
    list_filter = ["arm"]
    list_select_related = ["arm__study"]


@admin.register(models.InstrumentVersion)
class InstrumentVersionAdmin(ReadOnly):
    list_display = ["__str__", "content_hash", "loaded_at"]


@admin.register(models.Item)
class ItemAdmin(ReadOnly):
    list_display = ["code", "version", "scenario_country", "theme", "receiver_age", "receiver_gender", "is_core"]
    list_filter = ["version", "scenario_country", "theme", "is_core"]
    search_fields = ["code"]


@admin.register(models.Text)
class TextAdmin(ReadOnly):
    list_display = ["key", "locale", "status", "staleness", "reviewer", "version"]
    list_filter = ["version", "locale", "status", "staleness"]
    search_fields = ["key", "body"]


@admin.register(models.TextOverride)
class TextOverrideAdmin(ReadOnly):
    list_display = ["study", "version", "required_text_status", "by", "at"]


class StatusChangeInline(admin.TabularInline):  # type: ignore[type-arg]
    model = models.StatusChange
    extra = 0
    can_delete = False


@admin.register(models.SurveySession)
class SurveySessionAdmin(ReadOnly):
    list_display = ["__str__", "arm", "status", "locale", "position", "landed_at", "last_activity_at"]
    list_filter = ["arm", "status", "locale", "participant__is_simulated"]
    exclude = ["token"]  # the key to somebody's survey
    inlines = [StatusChangeInline]


@admin.register(models.Response)
class ResponseAdmin(ReadOnly):
    """Answers; what real people chose is not shown, and cannot be searched by, while outcomes are hidden."""

    list_display = ["session", "item", "question", "shown_choice", "option_order", "locale", "submitted_at"]
    list_filter = ["question", "locale", "session__arm"]
    list_select_related = ["session__arm__study", "session__participant", "item"]
    exclude = ["choice"]
    readonly_fields = ["shown_choice"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return not lookup.startswith("choice") and super().lookup_allowed(lookup, value, request)

    @admin.display(description="choice")
    def shown_choice(self, response: models.Response) -> str:
        is_blind = response.session.arm.study.unblinded_at is None
        return "hidden" if is_blind and not response.session.participant.is_simulated else response.choice


@admin.register(models.PageEvent)
class PageEventAdmin(ReadOnly):
    list_display = ["session", "position", "kind", "at_ms", "detail"]
    list_filter = ["kind", "session__arm"]
    list_select_related = ["session"]


@admin.register(models.Consent, models.Demographics)
class RecordAdmin(ReadOnly):
    list_display = ["__str__"]
    list_select_related = ["session"]


@admin.register(models.Participant)
class ParticipantAdmin(ReadOnly):
    list_display = ["__str__"]


# PanelIdentity is left out on purpose: nobody needs to browse personal identifiers.
