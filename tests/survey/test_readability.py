"""What the content lint counts with: words, sentences, syllables, formulas of reading level."""

import pytest

from survey.instruments.readability import (
    common_words,
    flesch_english,
    flesch_portuguese,
    read,
    sentences,
    syllables_english,
    syllables_portuguese,
    words,
    words_per_sentence,
)


def test_words_keep_vowel_signs_hyphens_and_apostrophes() -> None:
    assert words("Don't: वाई-फ़ाई है।") == ["Don't", "वाई-फ़ाई", "है"]


def test_sentences_do_not_end_after_a_title() -> None:
    assert sentences("Mrs. Ames waits. She is 3.5 km off! Is she?") == [
        "Mrs. Ames waits.",
        "She is 3.5 km off!",
        "Is she?",
    ]
    assert sentences("डॉ. राव आए। वे गए") == ["डॉ. राव आए।", "वे गए"]


@pytest.mark.parametrize(
    ("word", "n"),
    [("the", 1), ("table", 2), ("stopped", 1), ("wanted", 2), ("houses", 2), ("apartment", 3), ("called", 1)],
)
def test_english_syllables(word: str, n: int) -> None:
    assert syllables_english(word) == n


@pytest.mark.parametrize(
    ("word", "n"),
    [
        *(("casa", 2), ("mãe", 1), ("história", 3), ("dia", 2), ("saída", 3), ("quente", 2), ("coração", 3)),
        *(("ideia", 3), ("ruim", 2), ("ainda", 3), ("rainha", 3), ("praia", 2), ("teatro", 3), ("água", 2)),
    ],
)
def test_portuguese_syllables(word: str, n: int) -> None:
    assert syllables_portuguese(word) == n


def test_names_make_no_text_harder_to_read() -> None:
    assert common_words("Ana met Boitumelo in Pietermaritzburg. I'm here, said I.") == [
        *("Ana", "met", "in"),
        *("I'm", "here", "said", "I"),
    ]
    assert flesch_english("She met Boitumelo now.") == flesch_english("She met Tom now.")


def test_formulas_by_hand() -> None:
    assert flesch_english("The cat sat. The dog ran.") == pytest.approx(206.835 - 1.015 * 3 - 84.6)
    assert flesch_portuguese("O gato saiu. A casa caiu.") == pytest.approx(248.835 - 1.015 * 3 - 84.6 * 10 / 6)
    assert words_per_sentence("वह गया। वह घर गया।") == 2.5


def test_reading_of_nothing_or_of_an_unknown_language_is_none() -> None:
    assert read("", "en") is None
    assert read("Bonjour.", "fr") is None
