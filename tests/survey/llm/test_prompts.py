from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from survey.enums import ActorGender, AgeBucket, Choice, Country, Locale, OptionOrder, Question
from survey.flow.wording import Wording, word_item
from survey.instruments.loader import SHIPPED, read_instrument
from survey.llm.design import personas_of
from survey.llm.enums import DemographicConfig, Method, PreferenceConfig, PromptCondition, PromptFormat
from survey.llm.prompts import (
    Ask,
    Persona,
    configure,
    lacking_words,
    messages,
    n_paraphrases,
    persona_sentence,
    prompt_text,
    prompt_texts,
)

MakeAsk = Callable[..., Ask]
MAN, WOMAN = Persona("BR", "younger", "male"), Persona("US", "older", "female")


@pytest.mark.parametrize(
    ("locale", "countries", "lacking"),
    [
        ("hi-IN", ["BR", ""], ""),
        ("xx-XX", [], "There are no prompts in xx-XX: write survey/llm/prompt_texts/xx.yaml after en.yaml."),
        ("en-XX", [], "There are no prompts in en-XX: survey/llm/prompt_texts/en.yaml lacks 'en-XX'."),
        (
            "pt-BR",
            ["BR", "YY", "XX"],
            "The prompts in pt-BR cannot name XX, YY: see countries in survey/llm/prompt_texts/pt.yaml.",
        ),
    ],
)
def test_what_prompts_lack_is_named(locale: str, countries: list[str], lacking: str) -> None:
    assert lacking_words(locale, countries) == lacking


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
    assert "\nA. Decline the coffee\nB. Accept the coffee\n" in prompt_text(ask)
    assert ask.options == [Choice.PREFERENCE, Choice.CULTURE]


def test_norm_question_asks_about_others(make_ask: MakeAsk) -> None:
    content = prompt_text(make_ask(question=Question.NORM))
    assert "What would most people expect?" in content
    assert "What would you do" not in content


@pytest.mark.parametrize(("locale", "paraphrase"), list(product(Locale, (1, 2, 3))))
def test_persona_changes_nothing_but_the_sentence_before(locale: Locale, paraphrase: int, make_ask: MakeAsk) -> None:
    asks = [make_ask(persona=p, locale=locale, paraphrase=paraphrase) for p in (None, MAN)]
    assert prompt_text(asks[1]) == persona_sentence(MAN, locale) + prompt_text(asks[0])


@pytest.mark.parametrize(("locale", "paraphrase"), list(product(Locale, (1, 2, 3))))
def test_conditions_differ_by_the_balance_sentence_alone(locale: Locale, paraphrase: int, make_ask: MakeAsk) -> None:
    without, balanced = (
        prompt_text(make_ask(condition=condition, locale=locale, paraphrase=paraphrase))
        for condition in (PromptCondition.NO_BALANCE, PromptCondition.BALANCE)
    )
    sentence = prompt_texts(locale).balance[paraphrase - 1]
    assert balanced.count(sentence) == 1
    assert balanced.replace(sentence, "") == without


@pytest.mark.parametrize("locale", Locale)
def test_every_wording_holds_the_whole_item_once(locale: Locale, make_ask: MakeAsk, wording: Wording) -> None:
    assert n_paraphrases(locale) == 3
    for paraphrase, question in product((1, 2, 3), Question):
        text = prompt_text(make_ask(locale=locale, paraphrase=paraphrase, question=question))
        parts = [wording.scenario, wording.expectation, wording.preference, wording.questions[question]]
        assert [text.count(part) for part in [*parts, *wording.options.values()]] == [1] * 6
        assert "{" not in text


@pytest.mark.parametrize("locale", Locale)
def test_each_method_says_how_to_answer(locale: Locale, make_ask: MakeAsk) -> None:
    texts = [prompt_text(make_ask(locale=locale, method=method)) for method in Method]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3
    assert '{"answer": "A"}' in texts[2]
    assert '{"A": ' in texts[3]
    with_persona = prompt_text(make_ask(locale=locale, method=Method.VERBALISED, persona=MAN))
    assert with_persona.removeprefix(persona_sentence(MAN, locale)) != texts[3]


@pytest.mark.parametrize("locale", Locale)
def test_base_model_is_led_to_the_label(locale: Locale, make_ask: MakeAsk) -> None:
    text = prompt_text(make_ask(locale=locale, prompt_format=PromptFormat.COMPLETIONS))
    assert text.endswith("Decline the coffee\n\n" + prompt_texts(locale).answers["continued"])


@pytest.mark.parametrize(
    ("persona", "locale", "sentence"),
    [
        (("BR", "younger", "female"), "en-GB", "You are a younger woman who lives in Brazil. "),
        (("GB", "older", "male"), "en-US", "You are an older man who lives in the United Kingdom. "),
        (("US", "older", "female"), "en-US", "You are an older woman who lives in the United States of America. "),
        (("ZA", "", ""), "en-US", "You are a person who lives in South Africa. "),
        (("", "younger", ""), "en-US", "You are a younger person. "),
        (("", "", "male"), "en-US", "You are a man. "),
        (("", "older", "female"), "pt-BR", "Você é uma mulher mais velha. "),
        (("GB", "older", "male"), "pt-BR", "Você é um homem mais velho que mora no Reino Unido. "),
        (("BR", "younger", "female"), "hi-IN", "आप ब्राज़ील में रहने वाली एक कम उम्र की महिला हैं। "),
        (("BR", "older", "male"), "hi-IN", "आप ब्राज़ील में रहने वाले एक अधिक उम्र के पुरुष हैं। "),
    ],
)
def test_persona_sentence_is_plain_language(persona: tuple[str, str, str], locale: str, sentence: str) -> None:
    assert persona_sentence(Persona(*persona), locale).startswith(sentence)


@pytest.mark.parametrize("locale", Locale)
def test_every_persona_has_its_own_sentence(locale: Locale) -> None:
    personas = [Persona(*each) for each in product(["", *Country], ["", *AgeBucket], ["", *ActorGender]) if any(each)]
    assert len({persona_sentence(persona, locale) for persona in personas}) == len(personas)
    assert set(personas_of(Country)) <= set(personas)


# --- Configurations ------------------------------------------------------------------------------


def configured(wording: Wording, preference: str, demographic: str, locale: str = "en-US") -> Wording:
    return configure(
        wording, name="Ana", actor=MAN, receiver=WOMAN, preference=PreferenceConfig(preference),
        demographic=DemographicConfig(demographic), locale=locale,
    )  # fmt: skip


def test_plain_configuration_is_the_item_as_people_read_it(wording: Wording) -> None:
    assert configured(wording, "actor_pref_only", "no_demo") == wording


@pytest.mark.parametrize(
    ("demographic", "actor", "receiver"),
    [
        ("full_demo", "a younger man from Brazil", "an older woman from the United States of America"),
        ("age_only", "a younger person", "an older person"),
        ("gender_only", "a man", "a woman"),
        ("country_only", "a person from Brazil", "a person from the United States of America"),
    ],
)
def test_demographic_configuration_adds_one_sentence_on_each(
    demographic: str, actor: str, receiver: str, wording: Wording
) -> None:
    changed = configured(wording, "actor_pref_only", demographic)
    added = f" Ana is {actor}. The main other person in this situation is {receiver}."
    assert changed == replace(wording, scenario=wording.scenario + added)


def test_preference_configurations_change_the_preference_alone(wording: Wording) -> None:
    swapped, both = (configured(wording, preference, "no_demo") for preference in ("swapped", "both_prefs"))
    assert swapped.preference == (
        "Ana has no preference here. "
        "The main other person in this situation would rather have Ana choose this: “Decline the coffee”."
    )
    assert both.preference == (
        "Ana avoids caffeine late in the day. "
        "The main other person in this situation would rather have it that way too: “Decline the coffee”."
    )
    assert replace(swapped, preference=wording.preference) == wording == replace(both, preference=wording.preference)


@pytest.mark.parametrize("locale", Locale)
def test_configurations_differ_in_every_language(locale: Locale, wording: Wording) -> None:
    found = {
        (changed.scenario, changed.preference)
        for preference, demographic in product(PreferenceConfig, DemographicConfig)
        for changed in [configured(wording, preference, demographic, locale)]
    }
    assert len(found) == len(PreferenceConfig) * len(DemographicConfig)


def test_changed_words_have_another_digest(wording: Wording) -> None:
    digests = {
        configured(wording, preference, demographic).digest(Question.NORM, OptionOrder.CULTURE_FIRST)
        for preference, demographic in product(PreferenceConfig, DemographicConfig)
    }
    assert len(digests) == len(PreferenceConfig) * len(DemographicConfig)


@pytest.mark.parametrize("locale", Locale)
def test_shipped_items_can_be_asked_in_every_way(locale: Locale, make_ask: MakeAsk) -> None:
    shipped = read_instrument(SHIPPED)
    texts = {key: entry.body for key, entry in shipped.texts[locale].entries.items()}
    for row in shipped.items:
        values = row.values
        wording = configure(
            word_item(texts, values["code"]),
            name=texts[f"items.{values['code']}.actor"],
            actor=Persona(values["actor_country"], values["actor_age"], values["actor_gender"]),
            receiver=Persona(values["receiver_country"], values["receiver_age"], values["receiver_gender"]),
            preference=PreferenceConfig.BOTH_PREFS,
            demographic=DemographicConfig.FULL_DEMO,
            locale=locale,
        )
        text = prompt_text(replace(make_ask(locale=locale, persona=MAN), wording=wording))
        assert "{" not in text.replace('{"', "")


# --- Text files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", Locale)
def test_text_files_cover_every_locale_and_say_how_far_they_are(locale: Locale) -> None:
    texts = prompt_texts(locale)
    assert texts.status == "machine draft"
    assert set(texts.countries) == set(texts.coming_countries) == set(Country.values)
    assert len(texts.frames) == len(texts.balance)
    assert texts.content_hash == prompt_texts(locale).content_hash


def test_braces_in_an_item_are_text(make_ask: MakeAsk, wording: Wording) -> None:
    odd = replace(make_ask(), wording=replace(wording, scenario="{country} {0}"))
    assert "{country} {0}" in prompt_text(odd)
