"""What passes between the site and the panels. Personal data: sealed, in no export, no log and no browsable list."""

from django.conf import settings
from django.db import models

from survey.enums import ActState, PanelName, PanelVerb, Signature, SubmissionStatus
from survey.models.fieldwork import Arm, Participant, Study
from survey.models.sealed import SealedField


class PanelSubmission(models.Model):
    """One visit that a panel counts and pays: as it came in through the entry link, and as the panel reports it."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="panel_submissions")
    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, related_name="panel_submissions")
    panel = models.CharField(max_length=20, choices=PanelName)
    submission = SealedField(max_length=64, help_text="the panel's id; the person's where it has none for visits")
    person = SealedField(max_length=64)
    participant = models.ForeignKey(
        Participant, on_delete=models.SET_NULL, null=True, blank=True, related_name="panel_submissions"
    )
    status = models.CharField(max_length=20, choices=SubmissionStatus, default=SubmissionStatus.UNKNOWN)
    status_at = models.DateTimeField(null=True, blank=True, help_text="when the panel said so, by its clock")
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    time_taken_s = models.PositiveIntegerField(null=True, blank=True, help_text="as the panel measures it")
    code = models.CharField(max_length=64, blank=True, help_text="the completion code that the panel received")
    signature = models.CharField(max_length=10, choices=Signature, default=Signature.ABSENT)
    entered_at = models.DateTimeField(null=True, blank=True, help_text="when it first came in through the entry link")
    seen_at = models.DateTimeField(null=True, blank=True, help_text="when the panel last told of it")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "panel", "submission"], name="panel_submission_once"),
        ]
        indexes = [models.Index(fields=["panel", "submission"])]

    def __str__(self) -> str:
        return f"panel submission {self.pk}"


class PanelEvent(models.Model):
    """The inbox of what panels report by themselves: stored before it is answered, acted on afterwards, once."""

    panel = models.CharField(max_length=20, choices=PanelName)
    event_id = models.CharField(max_length=100, help_text="the same in every delivery of one event")
    kind = models.CharField(max_length=60)
    subject = SealedField(max_length=64, help_text="the id of the submission or study that it is about")
    person = SealedField(max_length=64, blank=True)
    status = models.CharField(max_length=40, blank=True)
    happened_at = models.DateTimeField(help_text="by the panel's clock: deliveries may overtake each other")
    received_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["panel", "event_id"], name="panel_event_once")]
        indexes = [models.Index(fields=["processed_at"])]

    def __str__(self) -> str:
        return f"{self.panel} event {self.pk}: {self.kind}"


class PanelAct(models.Model):
    """Something that this site does at a panel, written down before it is done; by its key it is not done twice."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="panel_acts")
    submission = models.ForeignKey(PanelSubmission, on_delete=models.CASCADE, related_name="acts")
    verb = models.CharField(max_length=20, choices=PanelVerb)
    key = models.CharField(max_length=100, unique=True)
    amount = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    message = models.TextField(blank=True, help_text="what the participant is told")
    state = models.CharField(max_length=12, choices=ActState, default=ActState.PLANNED)
    n_tries = models.PositiveSmallIntegerField(default=0)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="empty: the site by itself",
    )
    at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(help_text="not tried before")
    done_at = models.DateTimeField(null=True, blank=True)
    reference = models.CharField(max_length=64, blank=True, help_text="the panel's id of it")
    reply = models.CharField(max_length=500, blank=True, help_text="what the panel said, if it refused")

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["state", "due_at"])]

    def __str__(self) -> str:
        return f"{self.verb} of {self.submission}: {self.state}"
