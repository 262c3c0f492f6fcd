from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.apps import AppConfig
from django.core import checks

W_NO_KEY = "survey.W001"
E_NO_CLASS = "survey.E001"


class SurveyConfig(AppConfig):
    name = "survey"
    verbose_name = "Survey"

    def ready(self) -> None:
        checks.register(has_keys, checks.Tags.security, deploy=True)
        checks.register(has_classes)


def has_keys(**_: Any) -> list[checks.CheckMessage]:
    """Warn where whoever holds the key of sessions and forms can read the panels' identifiers as well."""
    from django.conf import settings

    if settings.IDENTIFIER_KEYS != [settings.SECRET_KEY]:
        return []
    hint = "Put a long random value of its own into IDENTIFIER_KEYS; once there are participants, SECRET_KEY behind it."
    return [checks.Warning("Panel identifiers are sealed with SECRET_KEY.", hint=hint, id=W_NO_KEY)]


def has_classes(**_: Any) -> list[checks.CheckMessage]:
    """Refuse a kind of page or a panel that has a name only: it would fail before the first participant."""
    from survey.enums import Page, PanelName
    from survey.instruments.visible import SHOWN
    from survey.pages import PAGES
    from survey.panels import PANELS

    return [
        *unregistered("page", Page, PAGES, "survey/pages/__init__.py"),
        *unregistered("page", Page, SHOWN, "survey/instruments/visible.py"),
        *unregistered("panel", PanelName, PANELS, "survey/panels/__init__.py"),
    ]


def unregistered(kind: str, names: Iterable[Any], known: Collection[Any], file: str) -> Iterator[checks.CheckMessage]:
    """Name what a vocabulary has and a register lacks."""
    for name in names:
        if name not in known:
            yield checks.Error(f"The {kind} {name} is not registered.", hint=f"Add it to {file}.", id=E_NO_CLASS)
