from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from survey.enums import ActorGender, AgeBucket, Choice, Country, OptionOrder, Question
from survey.llm import prompts
from survey.llm.prompts import Ask, Persona, messages, persona_sentence, template_hash

MakeAsk = Callable[..., Ask]


def test_prompt_holds_the_item_word_for_word_and_the_culture_as_a(make_ask: MakeAsk) -> None:
    assert messages(make_ask()) == [
        {
            "role": "user",
            "content": (
                "Read the situation and answer the question.\n\n"
                "Ana visits Rui in the evening.\n\n"
                "Guests accept what they are offered.\n\n"
                "Ana avoids caffeine late in the day.\n\n"
                "What would you do as Ana?\nA. Accept the coffee\nB. Decline the coffee\n\n"
                "Answer with the letter only: A or B."
            ),
        }
    ]


def test_label_a_is_the_option_shown_first(make_ask: MakeAsk) -> None:
    ask = make_ask(order=OptionOrder.PREFERENCE_FIRST)
    assert "\nA. Decline the coffee\nB. Accept the coffee\n" in messages(ask)[0]["content"]
    assert ask.options == [Choice.PREFERENCE, Choice.CULTURE]


def test_norm_question_asks_about_others(make_ask: MakeAsk) -> None:
    content = messages(make_ask(question=Question.NORM))[0]["content"]
    assert "What would most people expect?" in content
    assert "What would you do" not in content


def test_persona_changes_nothing_but_the_sentence_before(make_ask: MakeAsk) -> None:
    persona = Persona(Country.BR, AgeBucket.YOUNGER, ActorGender.FEMALE)
    plain, with_persona = (messages(make_ask(persona=p))[0]["content"] for p in (None, persona))
    assert with_persona == persona_sentence(persona) + plain


@pytest.mark.parametrize(
    ("persona", "start"),
    [
        (("BR", "younger", "female"), "You are a younger woman who lives in Brazil. "),
        (("GB", "older", "male"), "You are an older man who lives in the United Kingdom. "),
        (("US", "older", "female"), "You are an older woman who lives in the United States of America. "),
    ],
)
def test_persona_sentence_is_plain_english(persona: tuple[str, str, str], start: str) -> None:
    assert persona_sentence(Persona(*persona)).startswith(start)  # type: ignore[arg-type]


def test_every_persona_has_its_own_sentence() -> None:
    personas = [Persona(*each) for each in product(Country, AgeBucket, ActorGender)]
    assert len({persona_sentence(persona) for persona in personas}) == len(personas)


@pytest.mark.parametrize("words", ["TEMPLATES", "PERSONA", "GENDERS"])
def test_template_hash_follows_every_word_around_the_item(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = template_hash("no_balance")
    changed = {
        "TEMPLATES": {"no_balance": prompts.TEMPLATES["no_balance"] + " "},
        "PERSONA": prompts.PERSONA + " ",
        "GENDERS": {**prompts.GENDERS, ActorGender.MALE: "male"},
    }
    monkeypatch.setattr(prompts, words, changed[words])
    assert template_hash("no_balance") != before


def test_braces_in_an_item_are_text(make_ask: MakeAsk) -> None:
    ask = make_ask()
    odd = Ask(**{**ask.__dict__, "wording": type(ask.wording)(**{**ask.wording.__dict__, "scenario": "{country} {0}"})})
    assert "{country} {0}" in messages(odd)[0]["content"]
