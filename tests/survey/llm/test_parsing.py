from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.enums import Choice, OptionOrder
from survey.llm.enums import Method, ParseStage
from survey.llm.parsing import (
    LabelProbabilities,
    parse_reply,
    parse_shares,
    parse_text,
    read_answer,
    read_probabilities,
)
from survey.llm.prompts import Ask
from survey.llm.wire import Reply, TokenLogprob

CULTURE_FIRST = [Choice.CULTURE, Choice.PREFERENCE]
OPTIONS = {Choice.CULTURE: "Accept the coffee", Choice.PREFERENCE: "Decline the coffee politely"}


@pytest.mark.parametrize(
    ("text", "label", "stage"),
    [
        ("A", "A", ParseStage.LABEL),
        ("B", "B", ParseStage.LABEL),
        (" b\n", "B", ParseStage.LABEL),
        ("(B)", "B", ParseStage.LABEL),
        ("**A**", "A", ParseStage.LABEL),
        ("A.", "A", ParseStage.LABEL),
        ("Answer: B", "B", ParseStage.LABEL),
        ("The answer is **A**.", "A", ParseStage.LABEL),
        ("My choice is B", "B", ParseStage.LABEL),
        ("Option A", "A", ParseStage.LABEL),
        ("A. Accept the coffee", "A", ParseStage.LABEL_START),
        ("B) I would rather sleep", "B", ParseStage.LABEL_START),
        ("A because guests accept", "A", ParseStage.LABEL_START),
        ("B because of the hour", "B", ParseStage.LABEL_START),
        ("B is what I would do", "B", ParseStage.LABEL_START),
        ("**B**\n\nShe sleeps badly", "B", ParseStage.LABEL_START),
        ("A – it is polite", "A", ParseStage.LABEL_START),
        ("I would accept the coffee.", "A", ParseStage.OPTION_TEXT),
        ("DECLINE THE COFFEE, POLITELY", "B", ParseStage.OPTION_TEXT),
        ("Decline the cof", "B", ParseStage.OPTION_TEXT),
    ],
)
def test_text_names_a_choice(text: str, label: str, stage: ParseStage) -> None:
    assert parse_text(text, CULTURE_FIRST, OPTIONS) == (CULTURE_FIRST["AB".index(label)], stage)
    swapped = CULTURE_FIRST[::-1]
    by_label = swapped["AB".index(label)]
    expected = CULTURE_FIRST["AB".index(label)] if stage == ParseStage.OPTION_TEXT else by_label
    assert parse_text(text, swapped, OPTIONS).choice == expected


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't choose.",
        "I’m sorry, I cannot help with that",
        "As an AI, I have no view",
        "As a language model I cannot drink",
        "I don't have personal preferences",
    ],
)
def test_refusal_is_an_outcome_of_its_own(text: str) -> None:
    assert parse_text(text, CULTURE_FIRST, OPTIONS) == (None, ParseStage.REFUSAL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "A person should accept",
        "A guest",
        "A or B",
        "A, B",
        "A/B",
        "B, or A?",
        "C",
        "AB",
        "Accept",
        "the coffee",
        "Either accept the coffee or decline the coffee politely",
        "A é",
        "Both are fine",
    ],
)
def test_anything_else_is_unparsed(text: str) -> None:
    assert parse_text(text, CULTURE_FIRST, OPTIONS) == (None, ParseStage.UNPARSED)


def test_longer_option_wins_where_it_holds_the_other() -> None:
    options = {Choice.CULTURE: "Do not stand up", Choice.PREFERENCE: "Stand up"}
    assert parse_text("I do not stand up", CULTURE_FIRST, options).choice == Choice.CULTURE
    assert parse_text("I stand up", CULTURE_FIRST, options).choice == Choice.PREFERENCE


def test_reply_marked_as_refusal_is_not_searched_for_a_choice() -> None:
    reply = Reply(body={}, text="A", is_refusal=True)
    assert parse_reply(reply, CULTURE_FIRST, OPTIONS) == (None, ParseStage.REFUSAL)


PIECES = ["A", "B", " ", ".", ")", "(", "**", ",", "/", "\n", ":", "-", "or", "and", "because", "is", "The answer", "x"]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_parser_favours_neither_label(text: str) -> None:
    swapped = text.translate(str.maketrans("AB", "BA"))
    here, there = parse_text(text, CULTURE_FIRST, OPTIONS), parse_text(swapped, CULTURE_FIRST[::-1], OPTIONS)
    assert here == there


def test_probabilities_sum_the_variants_of_each_label() -> None:
    masses = {"A": 0.4, " A": 0.1, "(A": 0.05, "**A": 0.05, "B": 0.15, "▁B": 0.05, "The": 0.1, "a": 0.05}
    tokens = [TokenLogprob(token, math.log(mass)) for token, mass in masses.items()]
    culture_first = read_probabilities(tokens, CULTURE_FIRST)
    assert culture_first == pytest.approx((0.75, 0.8))
    preference_first = read_probabilities(tokens, CULTURE_FIRST[::-1])
    assert preference_first == pytest.approx((0.25, 0.8))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (None, (None, None)),
        ([], (None, 0.0)),
        ([TokenLogprob("The", -0.1)], (None, 0.0)),
        ([TokenLogprob("B", -9999.0), TokenLogprob("A", 0.0)], (1.0, 1.0)),
    ],
)
def test_missing_labels_give_no_probability(
    tokens: list[TokenLogprob] | None, expected: tuple[float | None, float | None]
) -> None:
    assert read_probabilities(tokens, CULTURE_FIRST) == LabelProbabilities(*expected)


# --- Other languages -----------------------------------------------------------------------------

HINDI = {Choice.CULTURE: "कॉफ़ी स्वीकार करना", Choice.PREFERENCE: "कॉफ़ी लेने से मना करना"}


@pytest.mark.parametrize(
    ("text", "locale", "label", "stage"),
    [
        ("A resposta é B.", "pt-BR", "B", ParseStage.LABEL),
        ("Minha escolha: A", "pt-BR", "A", ParseStage.LABEL),
        ("Alternativa B", "pt-BR", "B", ParseStage.LABEL),
        ("A) Aceitar", "pt-BR", "A", ParseStage.LABEL_START),
        ("A porque é educado", "pt-BR", "A", ParseStage.LABEL_START),
        ("The answer is B", "pt-BR", "B", ParseStage.LABEL),
        ("उत्तर: A", "hi-IN", "A", ParseStage.LABEL),
        ("मेरा उत्तर है B।", "hi-IN", "B", ParseStage.LABEL),
        ("B।", "hi-IN", "B", ParseStage.LABEL),
        ("A है", "hi-IN", "A", ParseStage.LABEL_START),
        ("B क्योंकि रात हो गई है", "hi-IN", "B", ParseStage.LABEL_START),
    ],
)
def test_labels_are_read_in_other_languages(text: str, locale: str, label: str, stage: ParseStage) -> None:
    choice = CULTURE_FIRST["AB".index(label)]
    assert parse_text(text, CULTURE_FIRST, OPTIONS, locale) == (choice, stage)


@pytest.mark.parametrize(
    "text", ["A pessoa deve aceitar", "A visita é cedo", "A é educada", "A Ana", "A", "A educação pede isso."]
)
def test_portuguese_article_is_no_label_unless_it_stands_alone(text: str) -> None:
    stage = parse_text(text, CULTURE_FIRST, OPTIONS, "pt-BR").stage
    assert stage == (ParseStage.LABEL if text == "A" else ParseStage.UNPARSED)


@pytest.mark.parametrize("text", ["A ou B", "A e B", "B, ou A"])
def test_both_labels_are_no_answer_in_portuguese(text: str) -> None:
    assert parse_text(text, CULTURE_FIRST, OPTIONS, "pt-BR").stage == ParseStage.UNPARSED


def test_hindi_options_that_differ_by_a_vowel_sign_are_told_apart() -> None:
    assert parse_text("मैं कॉफ़ी स्वीकार करना चाहूँगा", CULTURE_FIRST, HINDI, "hi-IN").choice == Choice.CULTURE
    assert parse_text("कॉफ़ी लेने से मना करना", CULTURE_FIRST, HINDI, "hi-IN").choice == Choice.PREFERENCE
    close = {Choice.CULTURE: "चाय लेना", Choice.PREFERENCE: "चाय लेनी"}
    assert parse_text("चाय लेनी", CULTURE_FIRST, close, "hi-IN").choice == Choice.PREFERENCE


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("Desculpe, mas não posso escolher.", "pt-BR"),
        ("Como um modelo de linguagem, não tenho preferências pessoais.", "pt-BR"),
        ("Não consigo responder a essa pergunta.", "pt-BR"),
        ("क्षमा करें, मैं इसका उत्तर नहीं दे सकता।", "hi-IN"),
        ("मैं चुनाव नहीं कर सकती।", "hi-IN"),
        ("एक भाषा मॉडल होने के नाते मेरी कोई राय नहीं है।", "hi-IN"),
        ("I'm sorry, I can't choose.", "hi-IN"),
    ],
)
def test_refusals_are_known_in_every_language(text: str, locale: str) -> None:
    assert parse_text(text, CULTURE_FIRST, OPTIONS, locale) == (None, ParseStage.REFUSAL)


# --- JSON and distributions in words -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"answer": "A"}', "A"),
        ('```json\n{"answer": "B"}\n```', "B"),
        ('{"answer": "b", "reason": "I accept the coffee"}', "B"),
        ('Sure: { "answer" : "A" }', "A"),
    ],
)
def test_field_of_an_object_is_the_answer_whatever_else_is_said(text: str, label: str) -> None:
    assert parse_text(text, CULTURE_FIRST, OPTIONS) == (CULTURE_FIRST["AB".index(label)], ParseStage.JSON_FIELD)


@pytest.mark.parametrize(
    "text",
    ['{"answer": "C"}', '{"answer": 1}', '{"answer": "A"} {"answer": "B"}', '{"answer": "A"', '{"x": "A"}', "{}"],
)
def test_object_without_one_known_label_is_no_answer(text: str) -> None:
    assert parse_text(text, CULTURE_FIRST, OPTIONS).stage == ParseStage.UNPARSED


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ('{"A": 70, "B": 30}', (0.7, 0.3)),
        ('{"B": 0.25, "A": 0.75}', (0.75, 0.25)),
        ('{"A": "70%", "B": "30 %"}', (0.7, 0.3)),
        ('{"A": 67, "B": 34}', (67 / 101, 34 / 101)),
        ("A: 70%, B: 30%", (0.7, 0.3)),
        ("A = 12,5 e B = 87,5", (0.125, 0.875)),
        ('{"A": 0, "B": 100}', (0.0, 1.0)),
    ],
)
def test_shares_that_make_a_whole_are_read(text: str, shares: tuple[float, float]) -> None:
    found = parse_shares(text)
    assert found is not None
    assert found[0] == pytest.approx(shares)


@pytest.mark.parametrize(
    "text",
    [
        '{"A": 70, "B": 40}', '{"A": 70}', '{"A": -10, "B": 110}', '{"A": true, "B": 0}', '{"A": null, "B": 100}',
        '{"A": 70, "B": 30} or {"A": 60, "B": 40}', "A", "about 70 %", "A: 70, B: 70", '{"A": NaN, "B": 1}', "[70, 30]",
    ],
)  # fmt: skip
def test_shares_that_make_no_whole_are_not_read(text: str) -> None:
    assert parse_shares(text) is None


MakeAsk = Callable[..., Ask]


@pytest.mark.parametrize(
    ("text", "order", "reading"),
    [
        ('{"A": 70, "B": 30}', OptionOrder.CULTURE_FIRST, (Choice.CULTURE, ParseStage.JSON_FIELD, 0.7, None)),
        ('{"A": 70, "B": 30}', OptionOrder.PREFERENCE_FIRST, (Choice.PREFERENCE, ParseStage.JSON_FIELD, 0.3, None)),
        ('{"A": 50, "B": 50}', OptionOrder.CULTURE_FIRST, (None, ParseStage.JSON_FIELD, 0.5, None)),
        ("A", OptionOrder.CULTURE_FIRST, (None, ParseStage.UNPARSED, None, None)),
        ("I'm sorry, I cannot say", OptionOrder.CULTURE_FIRST, (None, ParseStage.REFUSAL, None, None)),
    ],
)
def test_distribution_in_words_gives_probability_and_larger_share(
    text: str, order: OptionOrder, reading: tuple[object, ...], make_ask: MakeAsk
) -> None:
    found = read_answer(make_ask(method=Method.VERBALISED, order=order), Reply(body={}, text=text))
    assert found == pytest.approx(reading)


def test_only_the_log_probability_method_reads_log_probabilities(make_ask: MakeAsk) -> None:
    reply = Reply(body={}, text="A", first_tokens=[TokenLogprob("A", math.log(0.8))])
    assert read_answer(make_ask(), reply).label_mass == pytest.approx(0.8)
    assert read_answer(make_ask(method=Method.SAMPLE), reply)[2:] == (None, None)
