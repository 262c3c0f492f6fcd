from typing import Any

from django.apps import AppConfig
from django.core import checks

from survey.apps import unregistered


class LLMConfig(AppConfig):
    name = "survey.llm"
    label = "llm"
    verbose_name = "Language models"

    def ready(self) -> None:
        checks.register(has_classes)


def has_classes(**_: Any) -> list[checks.CheckMessage]:
    """Refuse a provider that has a name only: it would fail at a run's first call."""
    from survey.llm.enums import ProviderName
    from survey.llm.providers import PROVIDERS

    return list(unregistered("provider", ProviderName, PROVIDERS, "survey/llm/providers/__init__.py"))
