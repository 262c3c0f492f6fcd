"""The factors of a run and their crossing into cells. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from survey.enums import ActorGender, AgeBucket, Country, Locale, OptionOrder, Question
from survey.llm.enums import (
    DemographicConfig,
    LocaleSource,
    Method,
    PersonaSetting,
    PreferenceConfig,
    PromptCondition,
    RunKind,
)
from survey.llm.prompts import Persona

SAMPLED = (Method.SAMPLE, Method.JSON_CHOICE)  # these are drawn k times; the others repeated
N_SAMPLES = 10
PERSONA_PARTS = ("country", "age", "gender")


class ItemFacts(NamedTuple):
    """What the crossing needs to know of an item."""

    pk: int
    country: str


class Factors(NamedTuple):
    """What tells one cell of a model from another, in the order of the cell's columns."""

    item_id: int
    question: Question
    persona: Persona | None
    locale: str
    order: OptionOrder
    condition: PromptCondition = PromptCondition.NO_BALANCE
    paraphrase: int = 1
    preference_config: PreferenceConfig = PreferenceConfig.ACTOR_PREF_ONLY
    demographic_config: DemographicConfig = DemographicConfig.NO_DEMO
    method: Method = Method.FIRST_TOKEN
    repeat: int = 0
    session_id: int | None = None
    position: int = 0


@dataclass(frozen=True)
class Languages:
    """Which locales an instrument has, and which of them the people of a country are asked in."""

    source: str
    by_country: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def resolve(self, wanted: str, item_country: str, persona: Persona | None) -> Sequence[str]:
        """Give the locales that a wish stands for; without a language of its own a country gets the source's."""
        if wanted in Locale.values:
            return [wanted]
        countries = {LocaleSource.ITEM: item_country, LocaleSource.PERSONA: persona.country if persona else ""}
        return self.by_country.get(countries.get(LocaleSource(wanted), ""), [self.source])


@dataclass(frozen=True)
class Design:
    """A run's factors, each with its levels; the order of the options is always both."""

    kind: RunKind = RunKind.ALIGNMENT
    personas: Sequence[Persona | None] = (None,)
    questions: Sequence[Question] = tuple(Question)
    locales: Sequence[str] = (LocaleSource.SOURCE,)
    conditions: Sequence[PromptCondition] = (PromptCondition.NO_BALANCE,)
    paraphrases: Sequence[int] = (1,)
    preference_configs: Sequence[PreferenceConfig] = (PreferenceConfig.ACTOR_PREF_ONLY,)
    demographic_configs: Sequence[DemographicConfig] = (DemographicConfig.NO_DEMO,)
    methods: Sequence[Method] = (Method.FIRST_TOKEN,)
    n_samples: int = N_SAMPLES
    n_repeats: int = 1

    def asked(self) -> list[tuple[Method, int]]:
        """Give each method with the numbers of its samples or repetitions."""
        return [
            (method, repeat)
            for method in self.methods
            for repeat in range(self.n_samples if method in SAMPLED else self.n_repeats)
        ]

    def cross(self, items: Sequence[ItemFacts], languages: Languages, seed: int) -> list[Factors]:
        """Give every combination once, shuffled, so that a part of a run is balanced over all factors."""
        cells = [
            Factors(
                item.pk, question, persona, locale, order, condition, paraphrase, preferring, told, method, repeat
            )
            for item, persona, locale in self.contexts(items, languages)
            for question, order, condition in product(self.questions, OptionOrder, self.conditions)
            for paraphrase, preferring in product(self.paraphrases, self.preference_configs)
            for told, (method, repeat) in product(self.demographic_configs, self.asked())
        ]  # fmt: skip
        random.Random(seed).shuffle(cells)
        return cells

    def contexts(
        self, items: Iterable[ItemFacts], languages: Languages
    ) -> Iterator[tuple[ItemFacts, Persona | None, str]]:
        """Give each item, persona and locale once, though two wishes may stand for the same locale."""
        for item, persona in product(items, self.personas):
            found = (languages.resolve(wanted, item.country, persona) for wanted in self.locales)
            for locale in dict.fromkeys(locale for locales in found for locale in locales):
                yield item, persona, locale

    def n_cells(self, items: Sequence[ItemFacts], languages: Languages) -> int:
        """Count the cells of one model without making them."""
        n_contexts = sum(1 for _ in self.contexts(items, languages))
        levels = (
            self.questions, OptionOrder, self.conditions, self.paraphrases, self.preference_configs,
            self.demographic_configs, self.asked(),
        )  # fmt: skip
        for values in levels:
            n_contexts *= len(values)
        return n_contexts


def personas_of(countries: Iterable[str], parts: Sequence[str] = PERSONA_PARTS) -> list[Persona]:
    """Cross the parts that are to be named: country, age, gender, or some of them."""
    levels = {"country": list(countries), "age": AgeBucket.values, "gender": ActorGender.values}
    crossed = product(*(levels[part] if part in parts else [""] for part in PERSONA_PARTS))
    return [persona for persona in (Persona(*each) for each in crossed) if any(persona)]


def alignment(countries: Sequence[Country], settings: Sequence[PersonaSetting] = tuple(PersonaSetting)) -> Design:
    """Ask the items as people judge them, as nobody in particular and as every persona of the study's countries."""
    nobody = [None] if PersonaSetting.NO_PERSONA in settings else []
    named = personas_of(countries) if PersonaSetting.PERSONA in settings else []
    return Design(personas=(*nobody, *named))


def behaviour() -> Design:
    """Cross who has the preference, what is said of the two people and whether to weigh both, with no persona."""
    return Design(
        kind=RunKind.BEHAVIOUR,
        questions=(Question.PERSONAL,),
        conditions=tuple(PromptCondition),
        preference_configs=tuple(PreferenceConfig),
        demographic_configs=tuple(DemographicConfig),
    )


class Shown(NamedTuple):
    """A question as one session's page put it."""

    session_id: int
    position: int
    item_id: int
    question: Question
    order: OptionOrder
    locale: str
    persona: Persona | None


def yoke(design: Design, shown: Iterable[Shown]) -> list[Factors]:
    """Replay pages: their order, language, option order and question order; only condition and method are ours.

    With personas in the design each question is asked as who the session's respondent said to be.
    """
    return [
        Factors(
            page.item_id, page.question, page.persona if respondent else None, page.locale, page.order, condition,
            paraphrase, method=method, repeat=repeat, session_id=page.session_id, position=page.position,
        )
        for page in shown
        for respondent in yoked_respondents(design, page)
        for condition, paraphrase, (method, repeat) in product(design.conditions, design.paraphrases, design.asked())
    ]  # fmt: skip


def yoked_respondents(design: Design, page: Shown) -> list[bool]:
    """Say whether a page is asked without a persona, as its respondent, or both."""
    without = None in design.personas
    as_respondent = page.persona is not None and any(design.personas)
    return [*([False] if without else []), *([True] if as_respondent else [])]
