"""Say what the task is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from survey.domain.answering import pass_page
from survey.flow.plan import n_scenarios
from survey.pages.base import RadioGroup, Turn

PARAGRAPHS = ("instructions.task", "instructions.two_questions", "instructions.no_right_answer")


class InstructionsPage:
    template = "survey/page.html"

    def groups(self, turn: Turn) -> list[RadioGroup]:
        return []

    def context(self, turn: Turn) -> dict[str, Any]:
        n = str(n_scenarios(turn.session.plan))
        paragraphs = [turn.texts[key].replace("{n_scenarios}", n) for key in PARAGRAPHS]
        return {"heading": turn.texts["instructions.heading"], "paragraphs": paragraphs}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        pass_page(turn.session)
