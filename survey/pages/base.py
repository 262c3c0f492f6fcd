"""What a page is: questions shown, answers read, one domain function called."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from survey.enums import AgeBand, Gender
from survey.flow.plan import PlanPage
from survey.flow.wording import Shown
from survey.instruments.schema import OTHER_COUNTRY, UNDISCLOSED
from survey.models import SurveySession
from survey.queries import text_catalogue, version_structure

DECLINED = "declined"  # the value of the way not to answer


class Option(NamedTuple):
    value: str
    label: str
    lang: str = ""


@dataclass(frozen=True)
class RadioGroup:
    """One question with its options; ``missing`` is the message when none was chosen.

    ``opt_out`` is the label of a way not to answer, which is offered only when the question was passed over once.
    """

    name: str
    legend: str
    options: tuple[Option, ...]
    missing: str
    opt_out: str = ""

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


class AskAgain(Exception):
    """A page was answered, but is to be answered again; what was stored of this try stays stored."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(str(errors))
        self.errors = errors


class PageKind(ABC):
    """One kind of page."""

    template = "survey/page.html"

    def groups(self, turn: Turn) -> list[RadioGroup]:
        """List the questions of the page."""
        return []

    def n_stored_tries(self, turn: Turn) -> int:
        """Count the tries at this page that are stored; a form that was served before the last one is stale."""
        return 0

    def shown(self, turn: Turn) -> Shown | None:
        """Give the item that the page shows; None where it shows none."""
        return None

    def form(self, plan: Sequence[PlanPage], position: int) -> tuple[object, ...] | None:
        """Give what of a plan decides how the page looks to whoever first sees it; None: other things do as well."""
        return None

    @abstractmethod
    def context(self, turn: Turn) -> dict[str, Any]:
        """Give what the template shows beside the questions: at least a heading."""

    def turn_back(self, turn: Turn, data: Mapping[str, str]) -> bool:
        """Go a page back where the form asks for it and may; say whether it did. Under the session's row lock."""
        return False

    @abstractmethod
    def store(self, turn: Turn, answers: Mapping[str, str], *, served_at: datetime) -> None:
        """Store answers to every group, under the session's row lock. May raise `AskAgain`."""


def country_group(turn: Turn) -> RadioGroup:
    """Ask where somebody lives: the study's countries in the order of the alphabet, then any other, then not saying."""
    texts = turn.texts
    named = sorted(turn.structure["arms"], key=lambda country: in_alphabet(texts[f"country.{country}"]))
    options = tuple(Option(code, texts[f"country.{code}"]) for code in [*named, OTHER_COUNTRY, UNDISCLOSED])
    missing = _("Select where you live, or that you prefer not to say")
    return RadioGroup("country", texts["demographics.country"], options, missing)


def in_alphabet(label: str) -> str:
    """Give what a label is sorted by: its letters without accents, so that África stands with A and not after Z."""
    letters = unicodedata.normalize("NFKD", label).casefold()
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def age_group(turn: Turn) -> RadioGroup:
    options = tuple(Option(band.value, turn.texts[f"age.{band}"]) for band in AgeBand)
    missing = _("Select your age group, or that you prefer not to say")
    return RadioGroup("age_band", turn.texts["demographics.age"], options, missing)


def gender_group(turn: Turn) -> RadioGroup:
    options = tuple(Option(gender.value, turn.texts[f"gender.{gender}"]) for gender in Gender)
    missing = _("Select your gender, or that you prefer not to say")
    return RadioGroup("gender", turn.texts["demographics.gender"], options, missing)


class Reading(NamedTuple):
    """What a form brought: the valid answers by group, and a message for each group without one."""

    answers: dict[str, str]
    errors: dict[str, str]


def read_answers(groups: list[RadioGroup], data: Mapping[str, str], *, is_second_try: bool) -> Reading:
    """Take for each group an option that was offered; anything else counts as not answered."""
    answers: dict[str, str] = {}
    errors: dict[str, str] = {}
    for group in groups:
        value = data.get(group.name, "")
        offered = {option.value for option in group.options}
        if group.opt_out and is_second_try:
            offered.add(DECLINED)
        if value in offered:
            answers[group.name] = value
        else:
            errors[group.name] = group.missing
    return Reading(answers, errors)
