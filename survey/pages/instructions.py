"""Say what the task is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from survey.domain.answering import pass_page
from survey.enums import Page
from survey.flow.plan import PlanPage, n_scenarios
from survey.flow.status import REMIND_AFTER
from survey.pages.base import PageKind, Turn

PARAGRAPHS = ("instructions.task", "instructions.two_questions", "instructions.no_right_answer")
NEEDS_THE_TASK = frozenset({Page.SCENARIO, Page.ATTENTION})


def instructions(turn: Turn) -> list[str]:
    """Give the paragraphs that say what the task is."""
    n = str(n_scenarios(turn.session.plan))
    return [turn.texts[key].replace("{n_scenarios}", n) for key in PARAGRAPHS]


def reminder(turn: Turn) -> list[str]:
    """Give the task's paragraphs for somebody who comes back to it after a long time, else nothing."""
    is_away_long = timezone.now() - turn.session.last_activity_at > REMIND_AFTER
    return instructions(turn) if is_away_long and turn.page["kind"] in NEEDS_THE_TASK else []


class InstructionsPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return (n_scenarios(plan),)

    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": turn.texts["instructions.heading"], "paragraphs": instructions(turn)}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        pass_page(turn.session)
