"""The answers."""

from django.db import models
from django.db.models import F, Q

from survey.enums import Choice, Locale, OptionOrder, Question
from survey.models.instrument import Item
from survey.models.session import SurveySession


class Response(models.Model):
    """One answer to one question of one item: one row, whatever is clicked, reloaded or sent twice."""

    session = models.ForeignKey(SurveySession, on_delete=models.PROTECT, related_name="responses")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="responses")
    question = models.CharField(max_length=10, choices=Question)
    choice = models.CharField(
        max_length=10, choices=Choice, blank=True, help_text="blank: preferred not to answer, when asked a second time"
    )
    option_order = models.CharField(max_length=20, choices=OptionOrder)
    position = models.PositiveSmallIntegerField(help_text="index of the page in the session's plan")
    locale = models.CharField(max_length=10, choices=Locale)
    text_hash = models.CharField(max_length=64, help_text="SHA-256 of the texts shown, in the order shown")
    served_at = models.DateTimeField(help_text="when the page that was answered was sent")
    submitted_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["submitted_at"])]
        constraints = [
            models.UniqueConstraint(fields=["session", "item", "question"], name="one_answer_per_question"),
            models.CheckConstraint(name="choice_or_declined", condition=Q(choice__in=["culture", "preference", ""])),
            models.CheckConstraint(name="submitted_after_served", condition=Q(submitted_at__gte=F("served_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.session} {self.item} {self.question}"
