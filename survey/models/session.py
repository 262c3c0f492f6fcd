"""One pass of a participant through the survey: where it stands and how it came there."""

from typing import Any

from django.db import models
from django.db.models import Q

from survey.enums import (
    AgeBand,
    CheckKind,
    Country,
    Fluency,
    Gender,
    LeaseState,
    Locale,
    OptionOrder,
    Outcome,
    Relation,
    Status,
)
from survey.models.fieldwork import Arm, Participant, QuotaCell
from survey.models.instrument import InstrumentVersion, Item


class SurveySession(models.Model):
    """The plan, the position in it, the status. The token in the URL is the only way in."""

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="session")
    arm = models.ForeignKey(Arm, on_delete=models.PROTECT, related_name="sessions")
    version = models.ForeignKey(InstrumentVersion, on_delete=models.PROTECT, related_name="+")
    token = models.CharField(max_length=43, unique=True)
    status = models.CharField(max_length=24, choices=Status, default=Status.LANDED)
    outcome = models.CharField(
        max_length=24, choices=Outcome, blank=True, help_text="how it ended for the panel; blank while under way"
    )
    locale = models.CharField(max_length=10, choices=Locale)
    seed = models.BigIntegerField(help_text="draws the items, their order and the option order")
    option_order = models.CharField(max_length=20, choices=OptionOrder)
    design_cell = models.CharField(
        max_length=40, blank=True, help_text="arm, option order and first question; blank: begun before cells had names"
    )
    plan: Any = models.JSONField(help_text="the pages in order: kind, and the item of a scenario")
    position = models.PositiveSmallIntegerField(default=0, help_text="index in the plan of the page that is due")
    landed_at = models.DateTimeField()
    last_activity_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    receipt = models.CharField(max_length=10, unique=True, help_text="lets its holder withdraw the answers later")

    class Meta:
        indexes = [models.Index(fields=["arm", "status"]), models.Index(fields=["last_activity_at"])]
        constraints = [
            models.CheckConstraint(
                name="finished_has_time",
                condition=Q(status__in=["landed", "active"], finished_at__isnull=True)
                | (~Q(status__in=["landed", "active"]) & Q(finished_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"S{self.pk}"


class StatusChange(models.Model):
    session = models.ForeignKey(SurveySession, on_delete=models.CASCADE, related_name="status_changes")
    old = models.CharField(max_length=24, choices=Status, blank=True)
    new = models.CharField(max_length=24, choices=Status)
    reason = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.session}: {self.old} → {self.new}"


class Assignment(models.Model):
    """An item that a session was given, with the relation it was drawn for."""

    session = models.ForeignKey(SurveySession, on_delete=models.CASCADE, related_name="assignments")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="assignments")
    relation = models.CharField(max_length=6, choices=Relation)
    number = models.PositiveSmallIntegerField(help_text="1 for the scenario shown first")

    class Meta:
        ordering = ["session", "number"]
        constraints = [models.UniqueConstraint(fields=["session", "item"], name="item_assigned_once")]

    def __str__(self) -> str:
        return f"{self.session} {self.item}"


class Consent(models.Model):
    """What a participant was told and what they said to it."""

    session = models.OneToOneField(SurveySession, on_delete=models.CASCADE, related_name="consent")
    consent_version = models.CharField(max_length=40)
    locale = models.CharField(max_length=10, choices=Locale)
    text_hash = models.CharField(max_length=64, help_text="SHA-256 of the consent text as shown")
    is_given = models.BooleanField()
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.session}: {'yes' if self.is_given else 'no'}"


class Demographics(models.Model):
    session = models.OneToOneField(SurveySession, on_delete=models.CASCADE, related_name="demographics")
    age_band = models.CharField(max_length=12, choices=AgeBand)
    gender = models.CharField(max_length=12, choices=Gender)
    country = models.CharField(max_length=2, choices=Country, blank=True, help_text="blank: another country")
    is_country_undisclosed = models.BooleanField(default=False)
    fluency = models.CharField(max_length=10, choices=Fluency, blank=True, help_text="blank: not asked")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "demographics"

    def __str__(self) -> str:
        return f"demographics of {self.session}"


class Lease(models.Model):
    """A session's place in a quota cell."""

    session = models.OneToOneField(SurveySession, on_delete=models.CASCADE, related_name="lease")
    cell = models.ForeignKey(QuotaCell, on_delete=models.PROTECT, related_name="leases")
    state = models.CharField(max_length=10, choices=LeaseState, default=LeaseState.LIVE)
    taken_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["cell", "state"])]

    def __str__(self) -> str:
        return f"{self.session} in {self.cell}: {self.state}"


class CheckAnswer(models.Model):
    """One try at a comprehension or attention check."""

    session = models.ForeignKey(SurveySession, on_delete=models.CASCADE, related_name="check_answers")
    kind = models.CharField(max_length=20, choices=CheckKind)
    number = models.PositiveSmallIntegerField(help_text="1 for the first check of its kind")
    attempt = models.PositiveSmallIntegerField()
    answer = models.CharField(max_length=20)
    is_correct = models.BooleanField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["session", "kind", "number", "attempt"], name="check_attempt_once")
        ]

    def __str__(self) -> str:
        return f"{self.session} {self.kind} {self.number}: {self.answer}"


class QualityFlag(models.Model):
    """Something about a session's answers that a researcher should look at. A flag excludes nobody."""

    session = models.ForeignKey(SurveySession, on_delete=models.CASCADE, related_name="quality_flags")
    name = models.CharField(max_length=40)
    value = models.FloatField(help_text="what was measured, in the unit that the flag's definition says")

    class Meta:
        ordering = ["session", "name"]
        constraints = [models.UniqueConstraint(fields=["session", "name"], name="flag_once")]

    def __str__(self) -> str:
        return f"{self.session}: {self.name}"
