"""The words of an item as they are put to a respondent, person or model: one source for both. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from survey.enums import Choice, OptionOrder, Question

ITEM_FIELDS = ("actor", "scenario", "expectation", "preference", "choice_culture", "choice_preference")


class Shown(NamedTuple):
    """An item as a page shows it: all its words follow from it."""

    version_id: int
    locale: str
    option_order: str
    item: str


@dataclass(frozen=True)
class Wording:
    """The texts of one item in one locale, placeholders filled in."""

    scenario: str
    expectation: str
    preference: str
    questions: Mapping[Question, str]
    options: Mapping[Choice, str]

    def ordered(self, order: OptionOrder) -> list[Choice]:
        """Give the choices in the order in which they are shown."""
        first_two = [Choice.CULTURE, Choice.PREFERENCE]
        return first_two if order == OptionOrder.CULTURE_FIRST else first_two[::-1]

    def digest(self, question: Question, order: OptionOrder) -> str:
        """Hash (SHA-256, hex) exactly what was shown for one question, in the order shown."""
        shown = [self.scenario, self.expectation, self.preference, self.questions[question]]
        shown += [self.options[choice] for choice in self.ordered(order)]
        return hashlib.sha256("\x1f".join(shown).encode()).hexdigest()


def word_item(texts: Mapping[str, str], code: str) -> Wording:
    """Take the wording of item ``code`` from a locale's texts; `KeyError` names a missing text."""
    part = {field: texts[f"items.{code}.{field}"] for field in ITEM_FIELDS}
    return Wording(
        scenario=part["scenario"],
        expectation=part["expectation"],
        preference=part["preference"],
        questions={q: texts[f"question.{q}"].replace("{actor}", part["actor"]) for q in Question},
        options={Choice.CULTURE: part["choice_culture"], Choice.PREFERENCE: part["choice_preference"]},
    )
