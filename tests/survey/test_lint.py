"""The content lint: every rule with a text that breaks it and one that keeps it."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from survey.instruments import lexicon
from survey.instruments.findings import Finding, Rule
from survey.instruments.lint import lint
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.readability import (
    visible_length,
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
