from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.enums import Choice
from survey.llm.enums import ParseStage
from survey.llm.parsing import LabelProbabilities, parse_reply, parse_text, read_probabilities
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
