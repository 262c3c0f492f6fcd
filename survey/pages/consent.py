"""Tell what the study is and ask for consent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.answering import record_consent
from survey.flow.plan import PlanPage
from survey.pages.base import Option, PageKind, RadioGroup, Turn

PARAGRAPHS = ("consent.purpose", "consent.task", "consent.data", "consent.rights")
YES, NO = "yes", "no"


class ConsentPage(PageKind):
    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...]:
        return ()

    def groups(self, turn: Turn) -> list[RadioGroup]:
        options = (Option(YES, turn.texts["consent.agree"]), Option(NO, turn.texts["consent.decline"]))
        return [
            RadioGroup("consent", _("Do you want to take part?"), options, _("Select whether you want to take part"))
        ]

    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": turn.texts["consent.heading"], "paragraphs": [turn.texts[key] for key in PARAGRAPHS]}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        shown = ("consent.heading", *PARAGRAPHS, "consent.agree", "consent.decline")
        record_consent(
            turn.session,
            is_given=answers["consent"] == YES,
            shown=[turn.texts[key] for key in shown],
            consent_version=turn.structure["consent_version"],
        )
