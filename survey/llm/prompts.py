"""How an item is put to a model: the same words as to a person, and how to answer. Pure but for its text files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypedDict

import yaml

from survey.enums import ActorGender, Choice, Country, Locale, OptionOrder, Question
from survey.flow.wording import Wording
from survey.llm.enums import DemographicConfig, Method, PreferenceConfig, PromptCondition, PromptFormat

LABELS = ("A", "B")  # the option shown first is always A; which choice that is depends on the order
FOLDER = Path(__file__).parent / "prompt_texts"


class Persona(NamedTuple):
    """Whom a model answers as, or a person in a scenario; what is blank is left unsaid."""

    country: str = ""
    age: str = ""
    gender: str = ""


class Message(TypedDict):
    role: str
    content: str


@dataclass(frozen=True)
class PromptTexts:
    """The words around an item in one language, in the version that a file holds."""

    version: str
    frames: Sequence[str]
    balance: Sequence[str]
    answers: Mapping[str, str]
    persona: str
    people: str
    preferences: Mapping[str, str]
    persons: Mapping[str, str]
    patterns: Mapping[str, str]
    countries: Mapping[str, str]
    coming_countries: Mapping[str, str]
    status: str
    content_hash: str


@lru_cache(maxsize=16)
def prompt_texts(locale: str) -> PromptTexts:
    """Read the words of a locale; each language has one file, which says how far it is for each locale."""
    raw = (FOLDER / f"{locale.partition('-')[0]}.yaml").read_bytes()
    data = yaml.safe_load(raw)
    return PromptTexts(
        **{name: data[name] for name in ("version", "frames", "balance", "answers", "persona", "people")},
        preferences=data["preferences"],
        persons=data["persons"],
        patterns={name: data[name] for name in data if name.startswith(("living", "coming")) and name[-1] != "s"},
        countries=data["countries"],
        coming_countries=data.get("coming_countries", data["countries"]),
        status=data["statuses"][locale],
        content_hash=hashlib.sha256(raw).hexdigest(),
    )


def lacking_words(locale: str, countries: Iterable[str]) -> str:
    """Say what stands in the way of prompts in a locale that name these countries; empty where nothing does."""
    file = f"survey/llm/prompt_texts/{locale.partition('-')[0]}.yaml"
    try:
        texts = prompt_texts(locale)
    except FileNotFoundError:
        return f"There are no prompts in {locale}: write {file} after en.yaml."
    except KeyError as error:
        return f"There are no prompts in {locale}: {file} lacks {error}."
    unnamed = sorted({country for country in countries if country} - texts.countries.keys())
    return f"The prompts in {locale} cannot name {', '.join(unnamed)}: see countries in {file}." if unnamed else ""


def n_paraphrases(locale: str = Locale.EN_US) -> int:
    """Count the wordings that each prompt condition has."""
    return len(prompt_texts(locale).frames)


@dataclass(frozen=True)
class Ask:
    """One question about one item, as it is put to one respondent; the wording is already configured."""

    item_code: str
    scenario_country: Country
    wording: Wording
    question: Question
    order: OptionOrder
    persona: Persona | None
    locale: Locale = Locale.EN_US
    condition: PromptCondition = PromptCondition.NO_BALANCE
    paraphrase: int = 1
    preference_config: PreferenceConfig = PreferenceConfig.ACTOR_PREF_ONLY
    demographic_config: DemographicConfig = DemographicConfig.NO_DEMO
    method: Method = Method.FIRST_TOKEN
    prompt_format: PromptFormat = PromptFormat.CHAT

    @property
    def options(self) -> list[Choice]:
        """Give the choices behind the labels A and B."""
        return self.wording.ordered(self.order)


# --- What the configurations change of an item ---------------------------------------------------


def configure(
    wording: Wording,
    *,
    name: str,
    actor: Persona,
    receiver: Persona,
    preference: PreferenceConfig,
    demographic: DemographicConfig,
    locale: str,
) -> Wording:
    """Say more of the two people, or give the preference to the other one; the plain item stays as it is."""
    texts = prompt_texts(locale)
    if demographic != DemographicConfig.NO_DEMO:
        said = [person_phrase(_told(person, demographic), texts, "coming") for person in (actor, receiver)]
        people = texts.people.format(actor=name, actor_person=said[0], receiver_person=said[1])
        wording = replace(wording, scenario=f"{wording.scenario} {people}")
    if preference != PreferenceConfig.ACTOR_PREF_ONLY:
        sentence = texts.preferences[preference].format(
            actor=name, preference=wording.preference, choice=wording.options[Choice.PREFERENCE]
        )
        wording = replace(wording, preference=sentence)
    return wording


def _told(person: Persona, demographic: DemographicConfig) -> Persona:
    """Keep what a configuration tells of a person."""
    only = {
        DemographicConfig.AGE_ONLY: Persona(age=person.age),
        DemographicConfig.GENDER_ONLY: Persona(gender=person.gender),
        DemographicConfig.COUNTRY_ONLY: Persona(country=person.country),
    }
    return only.get(demographic, person)


def person_phrase(person: Persona, texts: PromptTexts, pattern: str) -> str:
    """Describe a person in a few words; `pattern` says how the country is tied in: living there, coming from there."""
    phrase = texts.persons["_".join(part for part in (person.age, person.gender) if part) or "any"]
    if not person.country:
        return phrase
    table = texts.countries if pattern == "living" else texts.coming_countries
    is_female = person.gender == ActorGender.FEMALE
    tied = texts.patterns.get(f"{pattern}_female" if is_female else pattern, texts.patterns[pattern])
    return tied.format(person=phrase, country=table[person.country])


# --- The prompt ----------------------------------------------------------------------------------


def persona_sentence(persona: Persona, locale: str = Locale.EN_US) -> str:
    """Describe a persona in plain words; ends with the blank line that parts it from the situation."""
    texts = prompt_texts(locale)
    return texts.persona.format(person=person_phrase(persona, texts, "living"))


def prompt_text(ask: Ask) -> str:
    """Give the whole prompt; for plain text it ends where the model is to go on."""
    texts = prompt_texts(ask.locale)
    first, second = (ask.wording.options[choice] for choice in ask.options)
    return texts.frames[ask.paraphrase - 1].format(
        persona=persona_sentence(ask.persona, ask.locale) if ask.persona else "",
        scenario=ask.wording.scenario,
        expectation=ask.wording.expectation,
        preference=ask.wording.preference,
        balance=texts.balance[ask.paraphrase - 1] if ask.condition == PromptCondition.BALANCE else "",
        question=ask.wording.questions[ask.question],
        first=first,
        second=second,
        answer=_how_to_answer(ask, texts),
    )


def _how_to_answer(ask: Ask, texts: PromptTexts) -> str:
    if ask.prompt_format == PromptFormat.COMPLETIONS:
        return texts.answers["continued"]
    kinds = {
        Method.JSON_CHOICE: "json",
        Method.VERBALISED: "shares_persona" if ask.persona else "shares",
    }
    return texts.answers[kinds.get(ask.method, "label")].format()


def messages(ask: Ask) -> list[Message]:
    """Give the chat messages; all in one turn, because some models have no system role."""
    return [{"role": "user", "content": prompt_text(ask)}]
