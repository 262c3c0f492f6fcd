"""What researchers changed about a study, and who, when and why. Rows are only added."""

from django.db import models

from survey.enums import StudyChangeKind
from survey.models.fieldwork import QuotaCell, Study


class StudyChange(models.Model):
    """One change of a study's state, version or quota cell."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=12, choices=StudyChangeKind)
    cell = models.ForeignKey(QuotaCell, on_delete=models.SET_NULL, null=True, blank=True, related_name="changes")
    old = models.CharField(max_length=200)
    new = models.CharField(max_length=200)
    by = models.CharField(max_length=150, blank=True, help_text="user name; blank: a command on the server")
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["study", "-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.study.code} {self.kind}: {self.old} → {self.new}"
