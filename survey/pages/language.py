"""Choose the language, where the arm offers more than one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from survey.domain.answering import choose_language
from survey.enums import Locale, Page
from survey.flow.plan import PlanPage
from survey.pages.base import Option, PageKind, RadioGroup, Turn


class LanguagePage(PageKind):
    template = "survey/pages/language.html"

    def groups(self, turn: Turn) -> list[RadioGroup]:
        options = tuple(Option(tag, Locale(tag).label, lang=tag) for tag in turn.session.arm.locales)
        return [RadioGroup("locale", _("Choose your language"), options, _("Select a language"))]

    def context(self, turn: Turn) -> dict[str, Any]:
        return {"heading": _("Choose your language"), "headings": headings(turn)}

    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        choose_language(turn.session, locale=answers["locale"])


def follows_language(plan: Sequence[PlanPage], position: int) -> bool:
    """Say whether the page before was the choice of a language."""
    return position > 0 and plan[position - 1]["kind"] == Page.LANGUAGE


def headings(turn: Turn) -> dict[str, str]:
    """Give the heading in every language that the arm offers, once each: who reads one may not read the other."""
    said: dict[str, str] = {}
    for tag in turn.session.arm.locales:
        with translation.override(tag.lower()):
            said.setdefault(_("Choose your language"), tag)
    return {tag: text for text, tag in said.items()}
