"""Raw records to look at; what changes them stands on the pages of runs and models."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from survey.llm.models import Attempt, Cell, Completion, ModelSpec, Run


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list and a page per record, nothing to change; no count of a table with millions of rows."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(ModelSpec)
class ModelSpecAdmin(ReadOnlyAdmin):
    list_display = ("tag", "provider", "model", "base_url", "stage", "max_in_flight")


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("pk", "study", "state", "n_cells", "created_at", "finished_at")
    list_filter = ("state", "study")
    list_select_related = ("study",)


@admin.register(Cell)
class CellAdmin(ReadOnlyAdmin):
    list_display = (
        "pk", "run_id", "spec", "item", "question", "persona_country", "persona_age", "persona_gender",
        "option_order", "state", "n_leases",
    )  # fmt: skip
    list_filter = ("state", "spec", "question", "persona_setting")
    list_select_related = ("spec", "item")
    ordering = ("-pk",)


@admin.register(Completion)
class CompletionAdmin(ReadOnlyAdmin):
    list_display = ("pk", "cell_id", "text", "choice", "p_culture", "parse_stage", "is_simulated", "created_at")
    list_filter = ("parse_stage", "is_simulated")
    ordering = ("-pk",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("pk", "cell_id", "status_code", "error_class", "message", "retry_after_s", "at")
    list_filter = ("error_class",)
    ordering = ("-pk",)
