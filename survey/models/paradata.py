"""How the pages were used, as far as the browser told."""

from django.db import models
from django.db.models import Q

from survey.enums import PageEventKind
from survey.models.session import SurveySession


class PageEvent(models.Model):
    """Something that happened on a page. Rows are only ever added; a page that is loaded again starts its clock anew.

    It comes from the participant's own device: a description of it, never evidence of it.
    """

    session = models.ForeignKey(SurveySession, on_delete=models.CASCADE, related_name="page_events")
    position = models.PositiveSmallIntegerField(help_text="index of the page in the session's plan")
    kind = models.CharField(max_length=20, choices=PageEventKind)
    at_ms = models.PositiveIntegerField(help_text="milliseconds since the page was shown, by the browser's clock")
    detail = models.CharField(
        max_length=20, blank=True, help_text="the viewport of a page shown, the question of a changed answer"
    )

    class Meta:
        ordering = ["session", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["session", "position", "kind", "at_ms", "detail"], name="page_event_once"),
            models.UniqueConstraint(
                fields=["session", "position"], condition=Q(kind="page_shown"), name="page_shown_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session} page {self.position}: {self.kind} {self.detail}".rstrip()
