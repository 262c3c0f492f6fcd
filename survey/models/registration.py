"""What a study committed to at its launch, and what became different later. Rows are only added."""

from django.db import models

from survey.models.fieldwork import Study


class Registration(models.Model):
    """Everything that was fixed before the data, as one text with its hash; a later change makes the next number."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="registrations")
    number = models.PositiveIntegerField(help_text="1 at the launch")
    content = models.TextField(help_text="canonical JSON")
    sha256 = models.CharField(max_length=64, help_text="of the content in UTF-8")
    by = models.CharField(max_length=150, blank=True, help_text="user name; blank: a command on the server")
    at = models.DateTimeField()

    class Meta:
        ordering = ["study", "number"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="registration_number_once")]

    def __str__(self) -> str:
        return f"registration {self.number} of {self.study.code}"


class Deviation(models.Model):
    """One thing that is not as it was registered: found by comparing, or written down by somebody."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="deviations")
    registration = models.ForeignKey(
        Registration, on_delete=models.PROTECT, related_name="deviations", help_text="the one in force from then on"
    )
    what = models.CharField(max_length=200, help_text="the dotted path of the value, or somebody's words")
    before = models.TextField()
    after = models.TextField()
    reason = models.TextField()
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()
    is_found = models.BooleanField(help_text="found by comparing; otherwise somebody wrote it down")
    n_sessions = models.PositiveIntegerField(help_text="begun by then")
    n_complete = models.PositiveIntegerField(help_text="complete by then")
    n_answers = models.PositiveIntegerField(help_text="stored by then")

    class Meta:
        ordering = ["study", "at", "pk"]

    def __str__(self) -> str:
        return f"{self.study.code}: {self.what}"
