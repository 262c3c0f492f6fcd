"""What staff did, in order, each entry bound to the one before. Rows are only added; the database refuses the rest."""

from typing import Any

from django.db import models


class AuditEntry(models.Model):
    """One act, written down before it was done."""

    number = models.BigIntegerField(primary_key=True, help_text="1, 2, 3 … without a gap")
    at = models.DateTimeField()
    by = models.CharField(max_length=150, help_text="user name")
    act = models.CharField(max_length=100, help_text="name of the address that was used, or of the command")
    subject: Any = models.JSONField(help_text="what it was about: the parts of the address")
    details: Any = models.JSONField(help_text="what was sent, without secrets")
    previous = models.CharField(max_length=64, help_text="hash of the entry before; zeros for the first")
    hash = models.CharField(max_length=64, help_text="SHA-256 over all of the above")

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.number}: {self.act} by {self.by}"
