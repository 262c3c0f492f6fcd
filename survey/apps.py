from typing import Any

from django.apps import AppConfig
from django.core import checks

W_NO_KEY = "survey.W001"


class SurveyConfig(AppConfig):
    name = "survey"
    verbose_name = "Survey"

    def ready(self) -> None:
        checks.register(has_keys, checks.Tags.security, deploy=True)


def has_keys(**_: Any) -> list[checks.CheckMessage]:
    """Warn where whoever holds the key of sessions and forms can read the panels' identifiers as well."""
    from django.conf import settings

    if settings.IDENTIFIER_KEYS != [settings.SECRET_KEY]:
        return []
    hint = "Put a long random value of its own into IDENTIFIER_KEYS; once there are participants, SECRET_KEY behind it."
    return [checks.Warning("Panel identifiers are sealed with SECRET_KEY.", hint=hint, id=W_NO_KEY)]
