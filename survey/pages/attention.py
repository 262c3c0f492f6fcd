"""An instructional check: the question itself says which option to select."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.checking import record_attention
from survey.flow.plan import PlanPage
from survey.instruments.schema import ATTENTION_OPTIONS
from survey.pages.base import Option, PageKind, RadioGroup, Turn


class AttentionPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return (plan[position]["number"],)

    def correct(self, turn: Turn) -> str:
        wanted: list[str] = turn.structure["attention_checks"]
        return wanted[turn.page["number"] - 1]

    def groups(self, turn: Turn) -> list[RadioGroup]:
        wanted = turn.texts[f"attention.{self.correct(turn)}"]
        question = turn.texts["attention.question"].replace("{option}", wanted)
        options = tuple(Option(name, turn.texts[f"attention.{name}"]) for name in ATTENTION_OPTIONS)
        return [RadioGroup("attention", question, options, _("Select an answer"))]

    def context(self, turn: Turn) -> dict[str, Any]:
        total = len(turn.structure["attention_checks"])
        return {"heading": f"{turn.texts['attention.heading']} ({turn.page['number']}/{total})"}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        answer = answers["attention"]
        number = turn.page["number"]
        record_attention(turn.session, number=number, answer=answer, is_correct=answer == self.correct(turn))
