"""Tell what the study is and ask for consent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from survey.domain.answering import choose_language_again, record_consent
from survey.enums import Page
from survey.flow.plan import PlanPage
from survey.pages.base import Option, PageKind, RadioGroup, Turn
from survey.pages.language import follows_language, headings

PARAGRAPHS = ("consent.purpose", "consent.task", "consent.data", "consent.rights")
YES, NO = "yes", "no"


def other_languages(turn: Turn) -> dict[str, str]:
    """Offer the choice once more, in the other languages: whoever chose wrongly may not read this one."""
    if not follows_language(turn.session.plan, turn.session.position):
        return {}
    said = headings(turn)
    return {tag: text for tag, text in said.items() if tag != turn.session.locale} or said


class ConsentPage(PageKind):
    template = "survey/pages/consent.html"

    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...] | None:
        return None if follows_language(plan, position) else ()  # then it shows the arm's other languages

    def groups(self, turn: Turn) -> list[RadioGroup]:
        options = (Option(YES, turn.texts["consent.agree"]), Option(NO, turn.texts["consent.decline"]))
        return [
            RadioGroup("consent", _("Do you want to take part?"), options, _("Select whether you want to take part"))
        ]

    def context(self, turn: Turn) -> dict[str, Any]:
        return {
            "heading": turn.texts["consent.heading"],
            "paragraphs": [turn.texts[key] for key in PARAGRAPHS],
            "other_languages": other_languages(turn),
        }

    def turn_back(self, turn: Turn, data: Mapping[str, str]) -> bool:
        """Go back to the choice of the language, which is free until somebody has consented in one."""
        if data.get("again") != Page.LANGUAGE or not follows_language(turn.session.plan, turn.session.position):
            return False
        choose_language_again(turn.session)
        return True

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        shown = ("consent.heading", *PARAGRAPHS, "consent.agree", "consent.decline")
        record_consent(
            turn.session,
            is_given=answers["consent"] == YES,
            shown=[turn.texts[key] for key in shown],
            consent_version=turn.structure["consent_version"],
        )
