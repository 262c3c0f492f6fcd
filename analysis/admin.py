"""Analyses among the raw records: to be read, never changed."""

from django.contrib import admin

from analysis.models import AnalysisRun, Release
from survey.admin import ReadOnly


@admin.register(AnalysisRun)
class AnalysisRunAdmin(ReadOnly):
    list_display = ["__str__", "study", "state", "step", "code_version", "created_at", "finished_at"]
    list_filter = ["study", "state"]
    exclude = ["results"]  # large; the results page shows them


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    list_display = ["__str__", "study", "number", "state", "by", "created_at", "finished_at", "checksum"]
    list_filter = ["study", "state"]
    exclude = ["secret"]  # whoever has it can tell who is who
