"""The factors of a run and their crossing into cells. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from survey.enums import ActorGender, AgeBucket, Country, Locale, OptionOrder, Question
from survey.llm.enums import Method, PersonaSetting
from survey.llm.prompts import Persona


class Factors(NamedTuple):
    """What tells one cell of a model from another, in the order of the cell's columns."""

    item_id: int
    question: Question
    persona: Persona | None
    order: OptionOrder


@dataclass(frozen=True)
class Design:
    """An alignment run: the items as people judge them, in both orders, as nobody in particular and as personas."""

    countries: Sequence[Country]
    settings: Sequence[PersonaSetting] = tuple(PersonaSetting)
    locale: Locale = Locale.EN_US
    template: str = "no_balance"
    method: Method = Method.FIRST_TOKEN
    repeat: int = 0

    @property
    def respondents(self) -> list[Persona | None]:
        """Give None for no persona, then the study's countries by age and gender."""
        personas = [Persona(*each) for each in product(self.countries, AgeBucket, ActorGender)]
        nobody = [None] if PersonaSetting.NO_PERSONA in self.settings else []
        return [*nobody, *(personas if PersonaSetting.PERSONA in self.settings else [])]

    def cross(self, item_ids: Iterable[int], seed: int) -> list[Factors]:
        """Give every combination once, shuffled, so that a part of a run is balanced over all factors."""
        crossed = product(item_ids, Question, self.respondents, OptionOrder)
        cells = [Factors(*each) for each in crossed]
        random.Random(seed).shuffle(cells)
        return cells


def n_cells_per_model(n_items: int, n_countries: int, setting: PersonaSetting) -> int:
    """Count the calls that a model gets in one persona setting."""
    n_personas = n_countries * len(AgeBucket) * len(ActorGender) if setting == PersonaSetting.PERSONA else 1
    return n_items * len(Question) * len(OptionOrder) * n_personas
