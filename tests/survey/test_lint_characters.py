"""The content lint on what texts are made of: placeholders, leftovers, characters, words of another locale."""

import pytest

from survey.instruments.findings import Rule
from tests.survey.test_lint import lint_page, rules


@pytest.mark.parametrize(
    ("key", "body", "message"),
    [
        ("question.personal", "What would you do?", "names nobody"),
        ("question.norm", "What of {person}?", "no page fills in {person} here"),
        ("title", "For {actor}", "no page fills in {actor} here"),
        ("instructions.task", "Read {actor}", "no page fills in {actor} here"),
    ],
)
def test_placeholder_that_no_page_fills_in_is_found(key: str, body: str, message: str) -> None:
    (finding,) = lint_page("en-US", key, body)
    assert finding.rule == Rule.PLACEHOLDER
    assert finding.message.startswith(message)


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("question.personal", "As {actor}, what would you do?"),
        ("question.norm", "What do most people do?"),
        ("instructions.two_questions", "Read {n_scenarios} texts"),
        ("title", "A lone { is the schema's to say"),
    ],
)
def test_placeholder_that_is_filled_in_is_not_found(key: str, body: str) -> None:
    assert lint_page("en-US", key, body) == []


@pytest.mark.parametrize("body", ["TODO: write", "[[name]] waits", "Lorem ipsum dolor", "Why???"])
def test_leftover_is_found(body: str) -> None:
    assert {finding.rule for finding in lint_page("pt-BR", "title", body)} == {Rule.LEFTOVER}


def test_word_that_only_looks_like_a_leftover_is_not_found() -> None:
    assert lint_page("pt-BR", "title", "Todo dia, todo mundo [aqui]?") == []


def test_text_that_is_not_in_normal_form_c_is_found() -> None:
    assert rules(lint_page("pt-BR", "title", "situac\u0327a\u0303o")) == [("title", "not-nfc")]
    assert lint_page("pt-BR", "title", "situação") == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("a\u00a0b", "no-break space (U+00A0)"),
        ("a\u202fb", "narrow no-break space (U+202F)"),
        ("a\u200bb", "zero width space (U+200B)"),
        ("a\u200db", "zero width joiner (U+200D)"),
        ("a\u00adb", "soft hyphen (U+00AD)"),
        ("a\tb", "control or private character (U+0009)"),
        ("\ufeffab", "zero width no-break space (U+FEFF)"),
        ("a\u202eb", "right-to-left override (U+202E)"),
    ],
)
def test_hidden_character_is_named(body: str, name: str) -> None:
    (finding,) = lint_page("en-US", "title", body)
    assert finding.rule == Rule.HIDDEN_CHARACTER
    assert name in finding.message


def test_joiner_between_devanagari_letters_and_line_breaks_may_stay() -> None:
    assert lint_page("hi-IN", "title", "शक्\u200dति") == []
    assert lint_page("en-US", "title", "one\ntwo") == []


def test_doubled_and_outer_spaces_are_found() -> None:
    assert rules(lint_page("en-US", "title", "one  two")) == [("title", "spacing")]
    assert rules(lint_page("en-US", "title", " one two")) == [("title", "spacing")]
    assert lint_page("en-US", "title", "one two") == []


@pytest.mark.parametrize(
    ("locale", "body", "word"),
    [
        ("hi-IN", "वह party में है", "party"),
        ("hi-IN", "वह पार्टीx में है", "पार्टीx"),
        ("en-US", "a b\u0430d word", "b\u0430d"),
        ("pt-BR", "um शब्द", "शब्द"),
    ],
)
def test_letter_of_another_script_is_found(locale: str, body: str, word: str) -> None:
    (finding,) = lint_page(locale, "title", body)
    assert finding.rule == Rule.MIXED_SCRIPT
    assert finding.message.startswith(repr(word))


@pytest.mark.parametrize("body", ["WhatsApp और SMS", "TV और Wi-Fi", "{n_scenarios} स्थितियाँ", "राम 3 बजे"])
def test_known_loans_acronyms_and_placeholders_may_be_latin_in_hindi(body: str) -> None:
    assert Rule.MIXED_SCRIPT not in {finding.rule for finding in lint_page("hi-IN", "instructions.task", body)}


def test_ordinal_signs_are_latin() -> None:
    assert lint_page("pt-BR", "title", "1º de maio, 2ª vez") == []


@pytest.mark.parametrize("body", ["वह गया.", "वह गया. फिर आया।", 'वह बोला "हाँ."', "वह गया|"])
def test_ascii_stop_where_a_danda_belongs_is_found(body: str) -> None:
    assert [finding.rule for finding in lint_page("hi-IN", "title", body)] == [Rule.DANDA]


@pytest.mark.parametrize("body", ["वह गया।", "डॉ. राव आए।", "3.5 किलो", "क्या वह गया?"])
def test_danda_abbreviation_and_number_are_right(body: str) -> None:
    assert lint_page("hi-IN", "title", body) == []


@pytest.mark.parametrize(
    ("locale", "body", "word"),
    [
        ("en-GB", "His neighbor waits", "neighbor"),
        ("en-GB", "Neighbors wait", "Neighbors"),
        ("en-IN", "The color is new", "color"),
        ("en-ZA", "An apartment in town", "apartment"),
        ("en-GB", "The grocery store is shut", "grocery store"),
    ],
)
def test_american_word_in_another_english_is_found(locale: str, body: str, word: str) -> None:
    (finding,) = lint_page(locale, "title", body)
    assert finding.rule == Rule.US_SPELLING
    assert finding.message.startswith(repr(word))


@pytest.mark.parametrize(
    ("locale", "body"),
    [
        ("en-US", "His neighbor's apartment"),
        ("en-GB", "His neighbour's flat in Colorado"),
        ("en-IN", "An apartment in town"),
        ("en-ZA", "A soccer match"),
    ],
)
def test_word_that_a_locale_uses_itself_is_not_found(locale: str, body: str) -> None:
    assert lint_page(locale, "title", body) == []
