"""Alarms, whom they are told to, and what became of the telling."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from analysis.alarms.kinds import DEFINITIONS, Definition, Kind
from survey.models import Study


class Alarm(models.Model):
    """Something that needs somebody, from when it was first seen until it was gone. One is open per study and cause."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="alarms")
    kind = models.CharField(max_length=24, choices=Kind)
    subject = models.CharField(max_length=60, blank=True, help_text="what exactly: a country, a locale, a run")
    text = models.CharField(max_length=600, help_text="how it stood when it was last seen")
    details: Any = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="when the cause was last found")
    closed_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "kind", "subject"], condition=Q(closed_at=None), name="alarm_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.study.code}: {self.kind} {self.subject}".strip()

    @property
    def definition(self) -> Definition:
        return DEFINITIONS[Kind(self.kind)]

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class AlarmRule(models.Model):
    """What a study says of one kind of alarm: another limit than the standard, or nothing at all."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="alarm_rules")
    kind = models.CharField(max_length=24, choices=Kind)
    limit = models.FloatField(null=True, blank=True, help_text="empty: the standard one")
    is_on = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "kind"], name="alarm_rule_once")]

    def __str__(self) -> str:
        return f"{self.study.code} {self.kind}"


class Heartbeat(models.Model):
    """When a queue's workers and the timer that sends them work were last heard of, or a job of the night was done."""

    queue = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.queue} at {self.at}"


class Receiver(models.Model):
    """Whom a study's alarms are told to."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="alarm_receivers")
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=500, help_text="e-mail address, or web address")
    kinds = ArrayField(
        models.CharField(max_length=24, choices=Kind), default=list, blank=True, help_text="empty: every kind"
    )
    tells_closing = models.BooleanField(default=True, help_text="also when an alarm is over")
    nonce = models.CharField(max_length=32, help_text="with the site's secret key it makes the webhook's secret")
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["channel", "address"]
        constraints = [models.UniqueConstraint(fields=["study", "channel", "address"], name="alarm_receiver_once")]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"

    @property
    def shown(self) -> str:
        """Give the address as whoever may not change receivers sees it."""
        if self.channel == self.Channel.EMAIL:
            name, _, host = self.address.partition("@")
            return f"{name[:1]}…@{host}"
        return self.address.split("?")[0].rpartition("/")[0] + "/…"


class Delivery(models.Model):
    """One message to one receiver: an alarm, several at once, or a test."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    class Event(models.TextChoices):
        OPENED = "opened", "Alarm"
        CLOSED = "closed", "Alarm over"
        DIGEST = "digest", "Several alarms"
        TEST = "test", "Test"

    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=10, choices=Event)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    n_tries = models.PositiveSmallIntegerField(default=0, help_text="also says whose result counts: the latest try's")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(help_text="not tried before; while it is being sent, when the sender is given up")
    done_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=300, blank=True, help_text="what came of the latest try")

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state", "due_at"], name="delivery_due")]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.event} to {self.receiver}: {self.state}"


class Notice(models.Model):
    """That an alarm's opening or closing is to be told to a receiver, once; and in which message it was."""

    class Event(models.TextChoices):
        OPENED = "opened", "Opened"
        CLOSED = "closed", "Closed"

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="notices")
    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, related_name="notices")
    event = models.CharField(max_length=10, choices=Event)
    delivery = models.ForeignKey(Delivery, on_delete=models.SET_NULL, null=True, blank=True, related_name="notices")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["alarm", "receiver", "event"], name="alarm_told_once")]

    def __str__(self) -> str:
        return f"{self.event} {self.alarm_id} to {self.receiver_id}"
