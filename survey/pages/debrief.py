"""Say what the study was about; passing this page completes the session."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from survey.domain.answering import finish
from survey.flow.plan import PlanPage
from survey.pages.base import PageKind, Turn


class DebriefPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return ()

    def context(self, turn: Turn) -> dict[str, Any]:
        paragraphs = [turn.texts["debrief.purpose"], turn.texts["debrief.thanks"]]
        return {"heading": turn.texts["debrief.heading"], "paragraphs": paragraphs}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        finish(turn.session)
