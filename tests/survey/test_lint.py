"""The content lint: every rule with a text that breaks it and one that keeps it."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from survey.enums import Theme
from survey.instruments import lexicon
from survey.instruments.findings import Finding, Rule
from survey.instruments.lint import lint
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.readability import (
    common_words,
    flesch_english,
    flesch_portuguese,
    read,
    sentences,
    syllables_english,
    syllables_portuguese,
    visible_length,
    words,
    words_per_sentence,
)
from survey.instruments.schema import Definition, Row, TextEntry, TextFile
from survey.instruments.similarity import echo, is_same_word, jaccard, near_duplicates, shared_words, shingles

GOOD: dict[str, dict[str, str]] = {
    "en": {
        "actor": "Nina",
        "scenario": "Nina, 30, is on a bus in Leeds. The bus is full. A man of 60 steps in with a bag and looks for a "
        "place to sit, but all the seats are taken.",
        "expectation": "A young person is expected to stand up for him.",
        "preference": "Nina would rather keep her seat, because her foot has hurt all day long.",
        "choice_culture": "Stand up for the man",
        "choice_preference": "Keep the seat today",
    },
    "pt": {
        "actor": "Nina",
        "scenario": "Nina, de 30 anos, está em um ônibus em Leeds. O ônibus está cheio. Um homem de 60 anos entra com "
        "uma bolsa e procura um lugar, mas todos estão ocupados.",
        "expectation": "Espera-se que uma pessoa jovem dê o lugar a ele.",
        "preference": "Nina prefere ficar sentada, porque o pé dela doeu o dia todo.",
        "choice_culture": "Dar o lugar ao homem",
        "choice_preference": "Ficar no banco hoje",
    },
    "hi": {
        "actor": "नीना",
        "scenario": "नीना 30 साल की है और लीड्स में एक बस में बैठी है। बस भरी हुई है। 60 साल का एक आदमी थैला लेकर चढ़ता है और बैठने "
        "की जगह ढूँढता है, लेकिन सारी सीटें भर चुकी हैं। वह नीना के पास आकर खड़ा हो जाता है।",
        "expectation": "छोटी उम्र के यात्री से उम्मीद की जाती है कि वह उठकर बड़ों को अपनी जगह दे।",
        "preference": "नीना बैठी रहना चाहती है, क्योंकि उसके पैर में सारा दिन दर्द रहा है और घर अभी दूर है।",
        "choice_culture": "उठकर आदमी को जगह देना",
        "choice_preference": "आज अपनी सीट पर रहना",
    },
}


def row(code: str, country: str = "GB", theme: str = "other", cell: tuple[str, str] = ("older", "male")) -> Row:
    values = {"code": code, "scenario_country": country, "theme": theme}
    return Row({**values, "receiver_age": cell[0], "receiver_gender": cell[1]}, 2)


def texts_of(locale: str, bodies: Mapping[str, str]) -> TextFile:
    entries = {key: TextEntry(body, "reviewed", line) for line, (key, body) in enumerate(bodies.items(), start=1)}
    return TextFile(locale, entries)


def definition(
    locale: str, items: Mapping[str, Mapping[str, str]], pages: Mapping[str, str] | None = None
) -> Definition:
    bodies = {f"items.{code}.{name}": body for code, item in items.items() for name, body in item.items()}
    return Definition(
        structure={"code": "x", "source_locale": "en-US"},
        structure_lines={},
        items=tuple(row(code) for code in items),
        texts={locale: texts_of(locale, {**(pages or {}), **bodies})},
        content_hash="",
    )


def lint_item(locale: str, **changes: str) -> list[Finding]:
    item = {**GOOD[locale[:2]], **changes}
    return [finding for finding in lint(definition(locale, {"A1": item})) if finding.file != "items.csv"]


def lint_page(locale: str, key: str, body: str) -> list[Finding]:
    return [finding for finding in lint(definition(locale, {}, {key: body})) if finding.file != "items.csv"]


def rules(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(finding.key.rpartition(".")[2], finding.rule.value) for finding in findings]


@pytest.mark.parametrize("locale", ["en-US", "en-GB", "en-ZA", "en-IN", "pt-BR", "hi-IN"])
def test_good_item_has_no_finding(locale: str) -> None:
    assert lint_item(locale) == []


LONG = {"en": "Nina waits. " * 26, "pt": "Nina lê. " * 37, "hi": "नीना खड़ी है। " * 31}


@pytest.mark.parametrize("language", lexicon.LANGUAGES)
def test_length_outside_the_band_is_found_in_every_language(language: str) -> None:
    locale = {"en": "en-US", "pt": "pt-BR", "hi": "hi-IN"}[language]
    assert rules(lint_item(locale, scenario=LONG[language].strip())) == [("scenario", "length")]
    short = {"en": "Stand up.", "pt": "Levantar.", "hi": "उठना।"}[language]
    assert ("expectation", "length") in rules(lint_item(locale, expectation=short))
    assert ("preference", "length") in rules(lint_item(locale, preference=short))


def test_length_names_the_count_and_the_bound() -> None:
    (finding,) = lint_item("en-US", scenario=LONG["en"].strip())
    assert str(finding) == (
        "texts/en-US.yaml:2: items.A1.scenario: [length] 311 characters, longer than 300: "
        "leave out what the judgment does not need"
    )


def test_length_of_devanagari_does_not_count_vowel_signs() -> None:
    assert visible_length("किताब") == 3
    assert visible_length("book") == 4


HARD = {
    "en-US": "Nina's organization necessitates extraordinarily comprehensive intercultural communication capabilities, "
    "particularly considering contemporary international collaboration responsibilities.",
    "pt-BR": "Nina necessita impreterivelmente de competências extraordinárias de comunicação intercultural, "
    "particularmente considerando responsabilidades internacionais contemporâneas institucionalizadas.",
    "hi-IN": "नीना " + "और वह " * 40 + "है।",
}


@pytest.mark.parametrize("locale", HARD)
def test_reading_level_of_a_hard_text_is_found(locale: str) -> None:
    hard = HARD[locale]
    found = lint_item(locale, scenario=hard, expectation=hard, preference=hard)
    assert ("scenario", "reading-level") in rules(found)


def test_reading_level_of_a_page_counts_its_sentences_only() -> None:
    hard = HARD["en-US"]
    assert rules(lint_page("en-US", "debrief.purpose", hard)) == [("purpose", "reading-level")]
    assert lint_page("en-US", "debrief.purpose", "We ask what you would do.") == []
    assert lint_page("en-US", "debrief.heading", hard.rstrip(".")) == []


def test_choice_much_longer_than_the_other_is_found_there() -> None:
    found = lint_item("en-US", choice_culture="Stand up for the older man at the door")
    assert rules(found) == [("choice_culture", "choice-length")]
    assert "2.0 times" in found[0].message


TONES = [
    ("en-US", "choice_preference", "Do not stand up today", "negation (not)"),
    ("en-US", "choice_preference", "Don't stand up today", "negation (Don't)"),
    ("en-US", "choice_culture", "Simply give him the seat", "colouring (Simply)"),
    ("en-US", "choice_culture", "Stand up with a smile", "colouring (with a smile)"),
    ("pt-BR", "choice_preference", "Não dar o lugar hoje", "negation (Não)"),
    ("pt-BR", "choice_culture", "Dar o lugar com prazer", "colouring (com prazer)"),
    ("hi-IN", "choice_preference", "अपनी सीट न छोड़ना", "negation (न)"),
    ("hi-IN", "choice_culture", "खुशी से उठ जाना", "colouring (खुशी से)"),
]


@pytest.mark.parametrize(("locale", "name", "body", "words_found"), TONES)
def test_tone_in_one_option_only_is_found(locale: str, name: str, body: str, words_found: str) -> None:
    found = [finding for finding in lint_item(locale, **{name: body}) if finding.rule == Rule.CHOICE_TONE]
    assert [finding.key for finding in found] == [f"items.A1.{name}"]
    assert found[0].message.startswith(f"{words_found} in this option only")


def test_tone_in_both_options_is_even() -> None:
    assert lint_item("en-US", choice_culture="Not stay in the seat", choice_preference="Not give up the seat") == []
    assert lint_item("en-US", choice_culture="Notice him, stand up", choice_preference="Knot the scarf, sit") == []


@pytest.mark.parametrize(
    ("locale", "body", "word"),
    [
        ("en-US", "Be polite and stand up", "polite"),
        ("en-US", "Politely give the seat", "Politely"),
        ("en-US", "Do the proper thing", "proper"),
        ("pt-BR", "Ser educada com ele", "educada"),
        ("pt-BR", "Mostrar respeito a ele", "respeito"),
        ("hi-IN", "विनम्रता से जगह देना", "विनम्रता"),
        ("hi-IN", "आदमी का सम्मान करना", "सम्मान"),
    ],
)
def test_value_word_in_an_option_is_found(locale: str, body: str, word: str) -> None:
    found = lint_item(locale, choice_culture=body)
    assert [(f.key, f.rule) for f in found] == [("items.A1.choice_culture", Rule.VALUE_WORD)]
    assert found[0].message.startswith(repr(word))


@pytest.mark.parametrize(
    ("locale", "body"),
    [
        ("en-US", "Stand up right away"),
        ("en-US", "Take the property bag"),
        ("pt-BR", "Dar o lugar de graça"),
        ("hi-IN", "अंतिम संस्कार में जाना"),
    ],
)
def test_word_that_only_looks_like_a_value_is_not_found(locale: str, body: str) -> None:
    assert ("choice_culture", "value-word") not in rules(lint_item(locale, choice_culture=body))


def test_form_that_differs_between_the_options_is_found() -> None:
    assert rules(lint_item("en-US", choice_culture="Stand up for the man.")) == [("choice_preference", "choice-form")]
    both = lint_item("en-US", choice_culture="stand up for the man", choice_preference="keep the seat today")
    assert both == []


def test_echo_of_the_expectation_alone_is_found() -> None:
    found = lint_item("en-US", choice_culture="Stand up for him", choice_preference="Go on reading a book")
    assert rules(found) == [("choice_culture", "echo")]
    assert "100% of its words" in found[0].message


def test_echo_of_the_preference_alone_is_found() -> None:
    preference = "Nina would rather go on with her own long book, because her foot has hurt all day."
    texts = {"preference": preference, "choice_culture": "Let the man sit down"}
    assert rules(lint_item("en-US", **texts, choice_preference="Go on with the book")) == []
    found = lint_item("en-US", **texts, choice_preference="Go on with her own book")
    assert rules(found) == [("choice_preference", "echo")]


def test_echo_that_the_other_option_answers_is_even() -> None:
    culture = "Stand up for him"  # every word of it stands in the expectation
    assert rules(lint_item("en-US", choice_culture=culture, choice_preference="Keep her seat today")) == []
    assert rules(lint_item("en-US", choice_culture=culture, choice_preference="Rest the foot today")) == []


def test_options_that_are_worded_alike_are_even() -> None:
    assert (
        rules(lint_item("en-US", choice_culture="Stand up for him", choice_preference="Wait, then stand aside")) == []
    )
    assert shared_words("Decline a second helping", "Accept a second helping", "en") == 2 / 3
    assert shared_words("", "Accept", "en") == 0.0


def test_echo_counts_the_longest_run_whatever_the_endings() -> None:
    assert echo("Treat the team to sweets", "He treats the team to sweets.", "en") == 1.0
    assert echo("Treat the team to sweets", "The team has sweets.", "en") == 0.0
    assert echo("Go home", "Go home.", "en") == 0.0  # fewer than three words
    assert echo("मिठाई का डिब्बा लाना", "वह मिठाई का डिब्बा लाए।", "hi") == 1.0


def test_same_word_differs_in_its_ending_only() -> None:
    assert is_same_word("neighbor", "neighbors", "en")
    assert is_same_word("करना", "करें", "hi")
    assert not is_same_word("car", "cat", "en")
    assert not is_same_word("port", "portable", "en")


SECOND = {
    "scenario": "Omar, 41, has bought three loaves at a bakery in Cairo. On the way home he meets an old friend of his "
    "father's, who asks him in for a glass of tea and a talk.",
    "actor": "Omar",
    "expectation": "Someone who is asked in is expected to accept.",
    "preference": "Omar would rather walk on, because the bread is still warm and lunch waits.",
    "choice_culture": "Go in and drink tea",
    "choice_preference": "Walk on to the house",
}


def test_duplicate_scenario_is_found_at_the_later_item_with_its_score() -> None:
    items = {"A1": GOOD["en"], "B2": {**SECOND, "scenario": GOOD["en"]["scenario"], "actor": "Nina"}}
    found = [f for f in lint(definition("en-US", items)) if f.rule == Rule.NEAR_DUPLICATE]
    assert [(f.key, f.line) for f in found] == [("items.B2.scenario", 7)]
    assert found[0].message.startswith("tells the scenario of A1 again (score 1.00 of 1)")


def test_near_duplicate_and_same_question_are_found() -> None:
    near = GOOD["en"]["scenario"].replace("Leeds", "York").replace("30", "33")
    items = {"A1": GOOD["en"], "B2": {**GOOD["en"], "scenario": near}}
    found = [f.message.split(" A1 ")[0] for f in lint(definition("en-US", items)) if f.rule == Rule.NEAR_DUPLICATE]
    assert found == ["tells the scenario of", "puts the question of"]


def test_other_scenario_is_no_duplicate() -> None:
    found = lint(definition("en-US", {"A1": GOOD["en"], "B2": SECOND}))
    assert [finding.rule for finding in found if finding.file != "items.csv"] == []


def test_duplicates_are_looked_for_in_the_source_locale_only() -> None:
    found = lint(definition("en-GB", {"A1": GOOD["en"], "B2": GOOD["en"]}))
    assert [finding.rule for finding in found if finding.file != "items.csv"] == []


def test_jaccard_of_shingles_is_the_share_of_what_is_common() -> None:
    one, other = shingles("red bus stop", "en"), shingles("red bus", "en")
    assert one == {("red",), ("bus",), ("stop",), ("red", "bus"), ("bus", "stop")}
    assert jaccard(one, other) == pytest.approx(3 / 5)
    assert jaccard(frozenset(), frozenset()) == 0.0


def test_near_duplicates_come_likest_first() -> None:
    texts = {"a": "red bus stop", "b": "red bus", "c": "red bus stop", "d": "green tea"}
    found = list(near_duplicates(texts, "en", 0.5))
    assert [(pair.first, pair.second) for pair in found] == [("a", "c"), ("a", "b"), ("b", "c")]
    assert found[0].score == 1.0


def test_actor_whom_the_scenario_does_not_name_is_found() -> None:
    assert rules(lint_item("en-US", actor="Nora")) == [("scenario", "actor-unnamed")]


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


CELLS = [("younger", "female"), ("younger", "male"), ("older", "female"), ("older", "male")]


def balance(rows: Sequence[Row]) -> list[Finding]:
    return lint(replace(definition("en-US", {}), items=tuple(rows)))


def test_balanced_countries_have_no_finding() -> None:
    rows = [row(f"A{n}", theme=theme, cell=CELLS[n % 4]) for n, theme in enumerate(Theme.values)]
    rows += [row(f"B{n}", country="IE", theme="other" if n < 2 else "gift_giving", cell=CELLS[n]) for n in range(4)]
    assert balance(rows) == []


def test_crowded_theme_and_absent_themes_are_found() -> None:
    rows = [row(f"A{n}", theme="gift_giving" if n < 4 else "other", cell=CELLS[n % 4]) for n in range(8)]
    found = balance(rows)
    assert {finding.rule for finding in found} == {Rule.THEME_BALANCE}
    assert [finding.message.split(":")[0] for finding in found] == [
        "4 of 8 items are on gift_giving",
        "4 of 8 items are on other",
        "no item on food_hospitality, greetings_respect, workplace_education, public_etiquette, privacy_helping",
    ]
    assert {(finding.file, finding.key) for finding in found} == {("items.csv", "scenario_country GB")}


def test_receiver_cell_two_ahead_of_another_is_found() -> None:
    rows = [row("A1", cell=CELLS[0]), row("A2", theme="gift_giving", cell=CELLS[0])]
    (finding,) = balance(rows)
    assert finding.rule == Rule.CELL_BALANCE
    assert finding.message.startswith("receivers are 2 younger female, 0 younger male, 0 older female, 0 older male")


ARMS = {
    "GB": {"close": ["IE"], "far": ["IR"], "items": {"core": 2, "same": 1}},
    "US": {"close": [], "far": [], "items": {"core": 2, "same": 1}},
}


def test_countries_with_too_few_items_are_named_with_their_numbers() -> None:
    rows = [row(f"A{n}", theme=Theme.values[n % 7], cell=CELLS[n % 4]) for n in range(16)]
    rows += [row(f"B{n}", country="IE", theme=Theme.values[n], cell=CELLS[n % 4]) for n in range(4)]
    plain = definition("en-US", {})
    found = lint(replace(plain, items=tuple(rows), structure={**plain.structure, "arms": ARMS}))
    assert [finding.message for finding in found if finding.rule == Rule.FEW_ITEMS] == [
        "US has 0 items: write 16 more, for 16",
        "IE has 4 items: write 1 more, for 5",
        "IR has 0 items: write 5 more, for 5",
    ]


def test_core_that_is_small_or_leans_to_a_country_is_found() -> None:
    rows = [row(f"A{n}", theme=Theme.values[n % 7], cell=CELLS[n % 4]) for n in range(16)]
    core = [one._replace(values={**one.values, "core": "1"}) for one in rows[:2]] + rows[2:]
    plain = definition("en-US", {})
    found = lint(replace(plain, items=tuple(core), structure={**plain.structure, "arms": ARMS}))
    assert [finding.message for finding in found if finding.rule == Rule.CORE_BALANCE] == [
        "2 core items: mark 38 more",
        "core items are 2 GB, 0 US: mark others until no country is two ahead of another",
    ]


# --- what the rules count with -----------------------------------------------------------------
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


# --- the command -------------------------------------------------------------------------------
@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    (tmp_path / "texts").mkdir()
    (tmp_path / "instrument.yaml").write_text("code: x\nsource_locale: en-US\n")
    (tmp_path / "items.csv").write_text("code\n")
    (tmp_path / "texts/en-GB.yaml").write_text("locale: en-GB\nstatus: reviewed\ntitle: The color, and more\n")
    return tmp_path


def test_lint_instrument_warns_and_succeeds(doubtful: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("lint_instrument", str(doubtful))
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "texts/en-GB.yaml:3: title: [us-spelling] 'color' is American: en-GB readers expect 'colour' or the like",
        "1 warning(s): 1 us-spelling",
    ]
    assert "see check_instrument" in shown.err


def test_lint_instrument_strict_fails_on_a_warning(doubtful: Path) -> None:
    with pytest.raises(CommandError, match=r"1 warning\(s\)"):
        call_command("lint_instrument", str(doubtful), strict=True)
    (doubtful / "texts/en-GB.yaml").write_text("locale: en-GB\nstatus: reviewed\ntitle: The colour\n")
    call_command("lint_instrument", str(doubtful), strict=True)


def test_lint_instrument_writes_csv(doubtful: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("lint_instrument", str(doubtful), format="csv")
    (found,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert found == {
        "file": "texts/en-GB.yaml",
        "line": "3",
        "key": "title",
        "rule": "us-spelling",
        "message": "'color' is American: en-GB readers expect 'colour' or the like",
    }


def test_lint_instrument_names_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        call_command("lint_instrument", str(tmp_path / "nowhere"))


def test_shipped_instrument_has_no_warning() -> None:
    assert lint(read_instrument(SHIPPED)) == []
