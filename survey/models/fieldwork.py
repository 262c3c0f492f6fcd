"""Whom we ask: a study, its arms (one respondent country each), quota cells, participants."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from survey.enums import AgeBucket, Country, Gender, Locale, PanelName, StudyState, TextStatus
from survey.models.instrument import InstrumentVersion
from survey.models.sealed import SealedField


class RealStudies(models.Manager["Study"]):
    """Studies without the twins in which their test runs are kept: what is counted, listed or exported is real."""

    def get_queryset(self) -> models.QuerySet[Study]:
        return super().get_queryset().filter(test_of=None)


class Study(models.Model):
    """A study, or its twin for test runs, which no list, count, export or address ever leads to."""

    code = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    version = models.ForeignKey(InstrumentVersion, on_delete=models.PROTECT, related_name="studies")
    state = models.CharField(max_length=10, choices=StudyState, default=StudyState.DRAFT)
    required_text_status = models.CharField(
        max_length=20,
        choices=TextStatus,
        default=TextStatus.REVIEWED,
        help_text="how far every text that participants can see must have come before the study opens",
    )
    contact_email = models.EmailField(blank=True, help_text="shown to participants; blank: the site's address")
    created_at = models.DateTimeField(auto_now_add=True)
    launched_at = models.DateTimeField(null=True, blank=True)
    unblinded_at = models.DateTimeField(
        null=True, blank=True, help_text="since when researchers see what people answered; blank: outcomes are hidden"
    )
    ethics_reference = models.CharField(max_length=200, blank=True, help_text="who approved it, under which number")
    stopping_rule = models.TextField(
        max_length=2000, blank=True, help_text="when collection ends; blank: when the quota cells are full"
    )
    test_of = models.OneToOneField(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="test_twin", editable=False
    )
    is_imported = models.BooleanField(
        default=False, editable=False, help_text="collected elsewhere: read-only, without sessions of its own"
    )

    objects = RealStudies()
    with_twins = models.Manager()  # noqa: DJ012 (it is no field)

    class Meta:
        ordering = ["code"]
        verbose_name_plural = "studies"
        constraints = [
            models.CheckConstraint(
                name="launched_has_time", condition=models.Q(state="draft") | models.Q(launched_at__isnull=False)
            ),
            models.CheckConstraint(
                name="imported_is_closed", condition=models.Q(is_imported=False) | models.Q(state="closed")
            ),
        ]

    def __str__(self) -> str:
        return self.title


class TextOverride(models.Model):
    """Somebody's decision to open a study although texts are below the status it asks for. Rows are only added.

    It holds for the version and the locales that were before their eyes, not for others.
    """

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="text_overrides")
    version = models.ForeignKey(InstrumentVersion, on_delete=models.PROTECT, related_name="+")
    required_text_status = models.CharField(max_length=20, choices=TextStatus, help_text="what was asked for")
    counts = models.JSONField(help_text="by locale, how many visible texts were below it or stale")
    by = models.CharField(max_length=150)
    reason = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study", "-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.study.code}: texts accepted by {self.by}"


class Arm(models.Model):
    """One respondent country of a study."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="arms")
    country = models.CharField(max_length=2, choices=Country)
    locales = ArrayField(models.CharField(max_length=10, choices=Locale))
    panel = models.CharField(max_length=20, choices=PanelName, default=PanelName.DIRECT)
    exit_codes: Any = models.JSONField(
        default=dict, blank=True, help_text='the panel\'s code for each outcome, such as {"complete": "C1A2B3"}'
    )
    panel_settings: Any = models.JSONField(
        default=dict, blank=True, help_text="what the panel's adapter needs beyond the codes; the adapter names it"
    )

    class Meta:
        ordering = ["study", "country"]
        constraints = [models.UniqueConstraint(fields=["study", "country"], name="arm_country_once")]

    def __str__(self) -> str:
        return f"{self.study.code} {self.country}"


class QuotaCell(models.Model):
    """How many completes an arm wants of one age bucket and gender; blank stands for any that has no cell of its own.

    Newcomers are taken in while the cell is open, its completes are below the soft limit, and completes and live
    sessions together are below the hard limit, which is never passed.
    """

    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="quota_cells")
    age_bucket = models.CharField(max_length=10, choices=AgeBucket, blank=True)
    gender = models.CharField(max_length=12, choices=Gender, blank=True)
    target = models.PositiveIntegerField(help_text="completes wanted")
    over_target = models.PositiveIntegerField(
        default=0, help_text="places beyond the target for live sessions, some of which will drop out"
    )
    soft_limit = models.PositiveIntegerField(null=True, blank=True, help_text="empty: the target")
    is_open = models.BooleanField(default=True)

    class Meta:
        ordering = ["arm", "age_bucket", "gender"]
        constraints = [models.UniqueConstraint(fields=["arm", "age_bucket", "gender"], name="quota_cell_once")]

    def __str__(self) -> str:
        return f"{self.arm} {self.age_bucket or 'any age'} {self.gender or 'any gender'}"

    @property
    def hard_limit(self) -> int:
        return self.target + self.over_target

    @property
    def stops_at(self) -> int:
        """Give the number of completes from which on nobody is taken in."""
        return self.target if self.soft_limit is None else self.soft_limit


class Participant(models.Model):
    """A person, or a simulated one. What a panel knows of the person stands in PanelIdentity only."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="participants")
    is_simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"P{self.pk}"


class PanelIdentity(models.Model):
    """The panel's identifiers of a participant: personal data, apart from the answers, never exported."""

    participant = models.OneToOneField(Participant, on_delete=models.CASCADE, related_name="panel_identity")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+")
    panel = models.CharField(max_length=20, choices=PanelName)
    panel_person = SealedField(max_length=64)
    panel_study = models.CharField(max_length=64, blank=True)
    panel_submission = SealedField(max_length=64, blank=True)

    class Meta:
        verbose_name_plural = "panel identities"
        constraints = [
            models.UniqueConstraint(fields=["study", "panel", "panel_person"], name="panel_person_once"),
        ]

    def __str__(self) -> str:
        return f"{self.panel} identity of {self.participant}"
