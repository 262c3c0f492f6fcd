"""Say what the task is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from survey.domain.answering import pass_page
from survey.flow.plan import n_scenarios
from survey.pages.base import PageKind, Turn

PARAGRAPHS = ("instructions.task", "instructions.two_questions", "instructions.no_right_answer")


def instructions(turn: Turn) -> list[str]:
    """Give the paragraphs that say what the task is."""
    n = str(n_scenarios(turn.session.plan))
    return [turn.texts[key].replace("{n_scenarios}", n) for key in PARAGRAPHS]


class InstructionsPage(PageKind):
    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": turn.texts["instructions.heading"], "paragraphs": instructions(turn)}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        pass_page(turn.session)
