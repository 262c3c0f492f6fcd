"""What is named in a vocabulary and registered nowhere is told by the checks that every command makes first."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from survey.enums import Page, PanelName
from survey.instruments import visible
from survey.llm.enums import ProviderName
from survey.llm.providers import PROVIDERS
from survey.pages import PAGES
from survey.panels import PANELS


def test_nothing_is_missing() -> None:
    call_command("check")


@pytest.mark.parametrize(
    ("register", "name", "told"),
    [
        (PAGES, Page.DEBRIEF, r"The page debrief is not registered\.\s+HINT: Add it to survey/pages/__init__\.py"),
        (visible.SHOWN, Page.DEBRIEF, r"The page debrief is .*\s+HINT: Add it to survey/instruments/visible\.py"),
        (PANELS, PanelName.CINT, r"The panel cint is not registered\.\s+HINT: Add it to survey/panels/__init__\.py"),
        (PROVIDERS, ProviderName.OPENAI, r"The provider openai is .*\s+HINT: Add it to survey/llm/providers/__init__"),
    ],
)
def test_name_without_a_class_is_told(
    register: MutableMapping[str, Any], name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(register, name)
    with pytest.raises(SystemCheckError, match=told):
        call_command("check")
