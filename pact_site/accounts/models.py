"""Tokens by which programs read: only a hash of each is kept."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

LONGEST = timedelta(days=366)


class ApiToken(models.Model):
    """What a program may do in somebody's name, for how long; never more than its owner."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80, help_text="what it is for")
    prefix = models.CharField(max_length=16, unique=True, help_text="its beginning, to find and to tell it by")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the whole token; the token itself is kept nowhere")
    scopes = ArrayField(models.CharField(max_length=20))
    study = models.ForeignKey(
        "survey.Study", on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="only this study"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")) & Q(expires_at__lte=F("created_at") + LONGEST),
                name="token_ends_within_a_year",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @property
    def is_valid(self) -> bool:
        """Tell whether it still opens anything; its owner's account must be open, too."""
        return self.revoked_at is None and self.expires_at > timezone.now()
