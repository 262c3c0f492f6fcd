"""What a page is: questions shown, answers read, one domain function called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from survey.flow.plan import PlanPage
from survey.models import SurveySession
from survey.queries import text_catalogue, version_structure


class Option(NamedTuple):
    value: str
    label: str
    lang: str = ""


@dataclass(frozen=True)
class RadioGroup:
    """One question with its options; ``missing`` is the message when none was chosen."""

    name: str
    legend: str
    options: tuple[Option, ...]
    missing: str

    @property
    def first_id(self) -> str:
        return f"{self.name}-1"


@dataclass(frozen=True)
class Turn:
    """A session at its present page."""

    session: SurveySession

    @property
    def page(self) -> PlanPage:
        page: PlanPage = self.session.plan[self.session.position]
        return page

    @property
    def texts(self) -> Mapping[str, str]:
        return text_catalogue(self.session.version_id, self.session.locale)

    @property
    def structure(self) -> Mapping[str, Any]:
        return version_structure(self.session.version_id)


class PageKind(Protocol):
    """One kind of page. ``store`` is called with answers to every group, under the session's row lock."""

    template: str

    def groups(self, turn: Turn) -> list[RadioGroup]: ...

    def context(self, turn: Turn) -> dict[str, Any]: ...

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None: ...


class Reading(NamedTuple):
    """What a form brought: the valid answers by group, and a message for each group without one."""

    answers: dict[str, str]
    errors: dict[str, str]


def read_answers(groups: list[RadioGroup], data: Mapping[str, str]) -> Reading:
    """Take for each group an option that was offered; anything else counts as not answered."""
    answers: dict[str, str] = {}
    errors: dict[str, str] = {}
    for group in groups:
        value = data.get(group.name, "")
        if any(option.value == value for option in group.options):
            answers[group.name] = value
        else:
            errors[group.name] = group.missing
    return Reading(answers, errors)
