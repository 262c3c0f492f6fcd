"""Counted by the database: how many cells are in each state, what came of calls, how fast cells ended.

Triggers (migration 0004) keep these in the transaction that changes what they count, so that watching a run of any
size reads a few rows. Nothing else writes them. A count is the sum of its rows: each writer at a time has its own.
"""

from django.db import models

from survey.llm.enums import CellState
from survey.llm.models.runs import Run
from survey.llm.models.specs import ModelSpec


class CellTally(models.Model):
    """How many cells of one model in a run are in one state."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="cell_tallies", db_index=False)
    spec = models.ForeignKey(ModelSpec, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=CellState)
    n = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["run", "spec", "state"], name="cell_tally")]

    def __str__(self) -> str:
        return f"{self.n} {self.state} in run {self.run_id}"


class CallTally(models.Model):
    """How often one thing came of calling one model in a run; what is deleted later stays counted."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="call_tallies", db_index=False)
    spec = models.ForeignKey(ModelSpec, on_delete=models.CASCADE, related_name="+")
    outcome = models.CharField(max_length=60, help_text="a CallOutcome, or the kind of failure")
    status_code = models.PositiveSmallIntegerField(null=True, help_text="of a failure: HTTP status, as far as one came")
    n = models.BigIntegerField()
    latest_attempt = models.BigIntegerField(null=True, help_text="of a failure: the key of the latest one")

    class Meta:
        indexes = [models.Index(fields=["run", "spec", "outcome"], name="call_tally")]

    def __str__(self) -> str:
        return f"{self.n} {self.outcome} in run {self.run_id}"


class Pace(models.Model):
    """How many cells of one model in a run ended within ten seconds."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_index=False)
    spec = models.ForeignKey(ModelSpec, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(help_text="when the ten seconds began")
    n = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["run", "spec", "at"], name="pace_at")]

    def __str__(self) -> str:
        return f"{self.n} ended from {self.at}"
