"""What was computed, from what, by which code."""

from typing import Any

from django.conf import settings
from django.db import models

from survey.models import Study


class AnalysisRun(models.Model):
    """One computation over a snapshot of a study's data; its results are never changed."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="analysis_runs")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    step = models.CharField(max_length=60, blank=True, help_text="what it is doing now")
    parameters: Any = models.JSONField(default=dict, help_text="seeds and choices")
    snapshot_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the data it read")
    code_version = models.CharField(max_length=40, blank=True)
    results: Any = models.JSONField(null=True, help_text="facts, and tables by name: columns and rows")
    warnings: Any = models.JSONField(default=list)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="last sign of life of whoever computes it")
    n_starts = models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"analysis {self.pk}"
