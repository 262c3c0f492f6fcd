"""What researchers wrote about single sessions. Rows are only added."""

from django.db import models

from survey.models.session import SurveySession


class SessionNote(models.Model):
    """A remark on a session; a settling one takes it off the queue of those that need a look. It excludes nobody."""

    session = models.ForeignKey(SurveySession, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(max_length=2000)
    is_settled = models.BooleanField(default=False, help_text="looked at: needs nothing more")
    by = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["session", "at", "pk"]

    def __str__(self) -> str:
        return f"note on {self.session} by {self.by}"
