"""What was computed, from what, by which code."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from analysis.alarms.models import Alarm, AlarmRule, Delivery, Heartbeat, Notice, Receiver
from survey.enums import AgeBucket, Country, Gender, Question
from survey.models import Item, Study, SurveySession

__all__ = [
    "Alarm",
    "AlarmRule",
    "AnalysisRun",
    "CountedSession",
    "Delivery",
    "FigureArchive",
    "GroupCount",
    "Heartbeat",
    "Import",
    "ImportedRow",
    "ItemCount",
    "ModelCount",
    "Notice",
    "PeopleMoment",
    "Receiver",
    "Release",
]


class AnalysisRun(models.Model):
    """One computation over a snapshot of a study's data; its results are never changed."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="analysis_runs")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    family = models.CharField(max_length=20, blank=True, help_text="the family of results that it is at")
    step = models.CharField(max_length=60, blank=True, help_text="what it is doing now")
    parameters: Any = models.JSONField(default=dict, help_text="seeds and choices")
    snapshot_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the data it read")
    plan_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the analysis plan; blank: none")
    results_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the results: repeat and compare")
    code_version = models.CharField(max_length=40, blank=True)
    results: Any = models.JSONField(null=True, help_text="facts, and tables by name: columns and rows")
    overview: Any = models.JSONField(default=list, help_text="per family its finding, and what is not estimable")
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


class FigureArchive(models.Model):
    """The figures of a finished analysis for print, packed into one file; the web process only hands it out."""

    run = models.OneToOneField(AnalysisRun, on_delete=models.CASCADE, primary_key=True, related_name="figures")
    content = models.BinaryField(help_text="ZIP; empty where drawing failed")
    n_figures = models.PositiveSmallIntegerField()
    names: Any = models.JSONField(default=list, help_text="the files in it")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"figures of {self.run}"


class Release(models.Model):
    """What was released of a study: from which data, by which choices, with which bytes. Never made twice."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="releases")
    number = models.CharField(max_length=20, help_text="such as 1.0.0; stands in the files")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    step = models.CharField(max_length=60, blank=True, help_text="what it is doing now")
    choices: Any = models.JSONField(help_text="authors, address, licence, what is taken, how people are covered")
    secret = models.CharField(max_length=64, help_text="makes the respondents' ids of this release; never published")
    snapshot_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the data it was made from")
    checksum = models.CharField(max_length=64, blank=True, help_text="SHA-256 of its SHA256SUMS")
    code_version = models.CharField(max_length=40, blank=True)
    report: Any = models.JSONField(default=dict, help_text="counts, and how people were covered")
    error = models.TextField(blank=True)
    by = models.CharField(max_length=150, blank=True, help_text="user name; blank: a command on the server")
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="last sign of life of whoever makes it")
    n_starts = models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="release_number_once")]

    def __str__(self) -> str:
        return f"{self.study.code}-{self.number}"


class SampleSimulation(models.Model):
    """Simulated studies that answer a planner's question; the same question by the same code is simulated once."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    question: Any = models.JSONField(help_text="what was asked: effect, people, items, spread, level, seed")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    n_wanted = models.PositiveIntegerField(help_text="studies to simulate")
    n_done = models.PositiveIntegerField(default=0)
    points: Any = models.JSONField(default=list, help_text="per number of people what was found, with its interval")
    code_version = models.CharField(max_length=40)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="last sign of life of whoever simulates")
    n_starts = models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"simulation {self.pk}"


class CountedSession(models.Model):
    """A complete session whose answers are in the item counts."""

    session = models.OneToOneField(SurveySession, on_delete=models.CASCADE, primary_key=True, related_name="+")

    def __str__(self) -> str:
        return f"session {self.session_id}"


class ItemCount(models.Model):
    """How many people of a country answered a question of an item, and how many of them followed the culture.

    Kept up with what is complete by adding and taking away, so that nobody has to read the answers again.
    """

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="item_counts")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    country = models.CharField(max_length=2, choices=Country)
    question = models.CharField(max_length=10, choices=Question)
    is_simulated = models.BooleanField()
    n = models.PositiveIntegerField()
    n_culture = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "item", "country", "question", "is_simulated"], name="one_count_per_item_and_country"
            )
        ]

    def __str__(self) -> str:
        return f"{self.study.code} {self.country} {self.item.code} {self.question}: {self.n_culture} of {self.n}"


class GroupCount(models.Model):
    """As `ItemCount`, by everything that a group of people can be chosen by."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+", db_index=False)
    country = models.CharField(max_length=2, choices=Country)
    locale = models.CharField(max_length=10, blank=True)
    age_bucket = models.CharField(max_length=10, choices=AgeBucket, blank=True)
    gender = models.CharField(max_length=12, choices=Gender, blank=True)
    question = models.CharField(max_length=10, choices=Question)
    is_simulated = models.BooleanField()
    n = models.PositiveIntegerField()
    n_culture = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "country", "locale", "age_bucket", "gender", "question", "is_simulated", "item"],
                name="one_count_per_group_and_item",
            )
        ]

    def __str__(self) -> str:
        return f"{self.study.code} {self.country} {self.item.code} {self.question}: {self.n_culture} of {self.n}"


class PeopleMoment(models.Model):
    """Sums over a group's people: of n², nk and k², where one gave n answers and followed the culture k times."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+")
    country = models.CharField(max_length=2, choices=Country)
    locale = models.CharField(max_length=10, blank=True)
    age_bucket = models.CharField(max_length=10, choices=AgeBucket, blank=True)
    gender = models.CharField(max_length=12, choices=Gender, blank=True)
    question = models.CharField(max_length=10, choices=Question)
    is_simulated = models.BooleanField()
    core_only = models.BooleanField(help_text="whether answers to items of the core alone are counted")
    n_people = models.PositiveIntegerField()
    kk = models.PositiveBigIntegerField()
    kn = models.PositiveBigIntegerField()
    nn = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "country", "locale", "age_bucket", "gender", "question", "is_simulated", "core_only"],
                name="one_moment_per_group",
            )
        ]

    def __str__(self) -> str:
        return f"{self.study.code} {self.country} {self.question}: {self.n_people} people"


class ModelCount(models.Model):
    """Answers of an imported model to an item, counted: how many, their sum and the sum of their squares."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    model_tag = models.CharField(max_length=64)
    persona_setting = models.CharField(max_length=12)
    persona_country = models.CharField(max_length=2, blank=True)
    persona_age = models.CharField(max_length=10, blank=True)
    persona_gender = models.CharField(max_length=12, blank=True)
    option_order = models.CharField(max_length=20)
    method = models.CharField(max_length=20)
    question = models.CharField(max_length=10, choices=Question)
    is_simulated = models.BooleanField()
    n = models.PositiveIntegerField()
    total = models.FloatField()
    squares = models.FloatField()

    def __str__(self) -> str:
        return f"{self.study.code} {self.model_tag} {self.question}: {self.total} of {self.n}"


class Import(models.Model):
    """Data that were handed in: what became of them, what is wrong with them, the read-only study that they are."""

    class Kind(models.TextChoices):
        RELEASE = "release", "Release of a study"
        PAPER = "paper", "The paper's files"
        ANSWERS = "answers", "Answers collected elsewhere"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for your choices"
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        CHECKED = "checked", "Checked, not stored"
        FAULTY = "faulty", "Has faults, not stored"
        FAILED = "failed", "Failed"
        DONE = "done", "Imported"

    study = models.OneToOneField(Study, on_delete=models.CASCADE, null=True, blank=True, related_name="imported")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200, help_text="of the file or folder that was handed in")
    stored_as = models.CharField(max_length=80, blank=True, help_text="the uploaded file, until it is imported")
    identity = models.CharField(max_length=64, blank=True, help_text="SHA-256 by which the same data are known again")
    code = models.SlugField(blank=True)
    title = models.CharField(max_length=200, blank=True)
    mapping: Any = models.JSONField(default=dict, blank=True, help_text="which column says what")
    is_dry = models.BooleanField(default=True, help_text="look only, store nothing")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    step = models.CharField(max_length=60, blank=True, help_text="what it is doing now")
    report: Any = models.JSONField(default=dict, help_text="rows by table, countries, what the data say of themselves")
    faults: Any = models.JSONField(default=list, help_text="file, line, column, value, what, mend")
    n_faults = models.PositiveIntegerField(default=0)
    by = models.CharField(max_length=150, blank=True, help_text="user name; blank: a command on the server")
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="last sign of life of whoever imports it")
    n_starts = models.PositiveSmallIntegerField(default=0, help_text="also says whose writes count: the latest start's")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["identity"], condition=models.Q(study__isnull=False), name="same_data_imported_once"
            )
        ]

    def __str__(self) -> str:
        return f"import of {self.name}"


class ImportedRow(models.Model):
    """A row of one of our tables as it was imported: its cells in the order of the columns, null where missing."""

    # Not checked row by row: an import's rows come by one COPY, after the study in the same transaction.
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    table_name = models.CharField(max_length=30)
    number = models.PositiveIntegerField(help_text="place in its table, from 1")
    line = models.PositiveIntegerField(help_text="line in the file that it came from")
    cells = ArrayField(models.TextField(null=True))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "table_name", "number"], name="imported_row_once")]

    def __str__(self) -> str:
        return f"{self.table_name} {self.number}"
