"""One question about the instructions, with a second try."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.checking import record_comprehension
from survey.enums import CheckKind
from survey.instruments.schema import COMPREHENSION_ANSWER, COMPREHENSION_OPTIONS
from survey.pages.base import AskAgain, Option, PageKind, RadioGroup, Turn
from survey.pages.instructions import instructions


class ComprehensionPage(PageKind):
    def groups(self, turn: Turn) -> list[RadioGroup]:
        options = tuple(Option(name, turn.texts[f"comprehension.{name}"]) for name in COMPREHENSION_OPTIONS)
        return [RadioGroup("comprehension", turn.texts["comprehension.question"], options, _("Select an answer"))]

    def n_stored_tries(self, turn: Turn) -> int:
        return turn.session.check_answers.filter(kind=CheckKind.COMPREHENSION).count()

    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": turn.texts["comprehension.heading"], "paragraphs": instructions(turn)}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        answer = answers["comprehension"]
        if not record_comprehension(turn.session, answer=answer, is_correct=answer == COMPREHENSION_ANSWER):
            raise AskAgain({"comprehension": _("That is not what the task is. Please read the text above once more")})
