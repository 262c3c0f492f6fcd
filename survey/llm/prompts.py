"""How an item is put to a model: the same words as to a person, and how to answer. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from survey.enums import ActorGender, AgeBucket, Choice, Country, OptionOrder, Question
from survey.flow.wording import Wording

LABELS = ("A", "B")  # the option shown first is always A; which choice that is depends on the order

PERSONA = "You are {article} {age} {gender} who lives in {country}. Answer as this person would.\n\n"
ARTICLES = {AgeBucket.YOUNGER: "a", AgeBucket.OLDER: "an"}
AGES = {AgeBucket.YOUNGER: "younger", AgeBucket.OLDER: "older"}
GENDERS = {ActorGender.FEMALE: "woman", ActorGender.MALE: "man"}
COUNTRIES_WITH_ARTICLE = frozenset({Country.GB, Country.US})

TEMPLATES = {
    "no_balance": (
        "{persona}Read the situation and answer the question.\n\n"
        "{scenario}\n\n{expectation}\n\n{preference}\n\n"
        "{question}\nA. {first}\nB. {second}\n\n"
        "Answer with the letter only: A or B."
    ),
}


class Persona(NamedTuple):
    country: Country
    age: AgeBucket
    gender: ActorGender


class Message(TypedDict):
    role: str
    content: str


@dataclass(frozen=True)
class Ask:
    """One question about one item, as it is put to one respondent."""

    item_code: str
    scenario_country: Country
    wording: Wording
    question: Question
    order: OptionOrder
    persona: Persona | None
    template: str = "no_balance"

    @property
    def options(self) -> list[Choice]:
        """Give the choices behind the labels A and B."""
        return self.wording.ordered(self.order)


def persona_sentence(persona: Persona) -> str:
    """Describe a persona in plain words; ends with the blank line that parts it from the situation."""
    country = Country(persona.country)
    name = f"the {country.label}" if country in COUNTRIES_WITH_ARTICLE else str(country.label)
    age = AgeBucket(persona.age)
    return PERSONA.format(
        article=ARTICLES[age], age=AGES[age], gender=GENDERS[ActorGender(persona.gender)], country=name
    )


def messages(ask: Ask) -> list[Message]:
    """Give the chat messages; all in one turn, because some models have no system role."""
    first, second = (ask.wording.options[choice] for choice in ask.options)
    text = TEMPLATES[ask.template].format(
        persona=persona_sentence(ask.persona) if ask.persona else "",
        scenario=ask.wording.scenario,
        expectation=ask.wording.expectation,
        preference=ask.wording.preference,
        question=ask.wording.questions[ask.question],
        first=first,
        second=second,
    )
    return [{"role": "user", "content": text}]


def template_hash(name: str) -> str:
    """Hash (SHA-256, hex) a template with all the words that this module puts around an item."""
    words = [TEMPLATES[name], PERSONA, *ARTICLES.values(), *AGES.values(), *GENDERS.values()]
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()
