"""Warnings about an instrument's content: what the files may say, but should not. Pure.

`survey.instruments.schema` says what is wrong; this says what may bias, tire or puzzle a reader. A finding is
never more than a warning: every rule has exceptions, and a person decides. The bands and limits are the
project's own, set around texts of the length that fits one phone screen; the formulas name their sources in
`survey.instruments.readability`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from survey.flow.wording import ITEM_FIELDS
from survey.instruments import characters, lexicon
from survey.instruments.balance import check_balance
from survey.instruments.findings import Fault, Finding, Rule
from survey.instruments.readability import read, visible_length
from survey.instruments.schema import Definition, TextEntry, TextFile, placeholders
from survey.instruments.similarity import echo, near_duplicates, shared_words


class Band(NamedTuple):
    """The shortest and the longest that a text should be, in visible characters."""

    low: int
    high: int


CHOICES = ("choice_culture", "choice_preference")
# Devanagari writes vowels as signs on the consonants, so that the same text has fewer visible characters.
BANDS: dict[str, dict[str, Band]] = {
    "en": {
        "scenario": Band(120, 300),
        "expectation": Band(40, 140),
        "preference": Band(60, 180),
        **dict.fromkeys(CHOICES, Band(12, 45)),
    },
    "pt": {
        "scenario": Band(130, 330),
        "expectation": Band(40, 150),
        "preference": Band(60, 195),
        **dict.fromkeys(CHOICES, Band(12, 50)),
    },
    "hi": {
        "scenario": Band(95, 240),
        "expectation": Band(30, 110),
        "preference": Band(40, 140),
        **dict.fromkeys(CHOICES, Band(8, 36)),
    },
}
LONGEST_TO_SHORTEST_CHOICE = 1.6
ECHOED = 0.8
PARALLEL = 1 / 3
ALIKE = 0.4
# What a page fills in, by the start of the text's key; see `survey.flow.wording` and the instructions page.
FILLED = {"question.": "{actor}", "instructions.": "{n_scenarios}", "attention.question": "{option}"}
NEEDED = {"question.personal": "{actor}"}
# Texts that are read as one page, by the start of their keys.
PAGES = ("consent.", "instructions.", "debrief.")


class ItemTexts(NamedTuple):
    """One item in one locale; a part that is missing or empty is not in ``parts``."""

    file: str
    locale: str
    code: str
    parts: Mapping[str, TextEntry]

    @property
    def language(self) -> str:
        return language_of(self.locale)

    def body(self, name: str) -> str:
        return self.parts[name].body

    def finding(self, name: str, rule: Rule, message: str) -> Finding:
        return Finding(self.file, self.parts[name].line, f"items.{self.code}.{name}", rule, message)


def language_of(locale: str) -> str:
    return locale.partition("-")[0]


def file_of(locale: str) -> str:
    return f"texts/{locale}.yaml"


def lint(definition: Definition) -> list[Finding]:
    """List what is doubtful in an instrument's content, file by file; what is missing is `schema`'s to say."""
    found = [*check_balance(definition)]
    for locale, texts in definition.texts.items():
        codes = [row.values.get("code", "") for row in definition.items]
        items = [item_texts(texts, code) for code in codes]
        found += chain.from_iterable(check_text(locale, key, entry) for key, entry in texts.entries.items())
        found += check_pages(texts)
        found += chain.from_iterable(check_item(item) for item in items)
        if locale == definition.structure.get("source_locale"):
            found += check_duplicates(items)
    return sorted(found, key=lambda finding: (finding.file, finding.line))


def item_texts(texts: TextFile, code: str) -> ItemTexts:
    entries = {name: texts.entries.get(f"items.{code}.{name}") for name in ITEM_FIELDS}
    parts = {name: entry for name, entry in entries.items() if entry is not None and entry.body.strip()}
    return ItemTexts(file_of(texts.locale), texts.locale, code, parts)


# --- any text ----------------------------------------------------------------------------------
def check_text(locale: str, key: str, entry: TextEntry) -> Iterator[Finding]:
    """Check one text by itself: its characters, its placeholders, its spelling."""
    if not entry.body.strip():
        return
    faults = chain(
        placeholder_faults(key, entry.body),
        leftover_faults(entry.body),
        character_faults(locale, entry.body),
        spelling_faults(locale, entry.body),
    )
    for rule, message in faults:
        yield Finding(file_of(locale), entry.line, key, rule, message)


def placeholder_faults(key: str, body: str) -> Iterator[Fault]:
    try:
        names = [f"{{{name}}}" for name in placeholders(body)]
    except ValueError:
        return  # a lone brace is an error, not a warning
    filled = next((name for start, name in FILLED.items() if key.startswith(start)), None)
    for name in names:
        if name != filled:
            yield Fault(Rule.PLACEHOLDER, f"no page fills in {name} here: write out what is meant")
    if key in NEEDED and NEEDED[key] not in names:
        yield Fault(Rule.PLACEHOLDER, f"names nobody: put {NEEDED[key]} where the person's name belongs")


def leftover_faults(body: str) -> Iterator[Fault]:
    for mark in lexicon.LEFTOVERS:
        if mark in body:
            yield Fault(Rule.LEFTOVER, f"{mark!r} looks unfinished: write the text, or take the mark out")


def character_faults(locale: str, body: str) -> Iterator[Fault]:
    if not characters.is_nfc(body):
        yield Fault(Rule.NOT_NFC, "not in Unicode normal form C: save the text in NFC, which looks the same")
    for name in characters.hidden(body):
        yield Fault(Rule.HIDDEN_CHARACTER, f"holds a {name}: replace it by a plain space or delete it")
    if body != body.strip() or "  " in body:
        yield Fault(Rule.SPACING, "space at an end or doubled inside: leave single spaces between words only")
    for word in characters.foreign_words(body, language_of(locale)):
        script = "Devanagari" if language_of(locale) == "hi" else "Latin"
        yield Fault(Rule.MIXED_SCRIPT, f"{word!r} is not in {script} letters throughout: write it in them")
    if language_of(locale) == "hi":
        for word in characters.missing_dandas(body):
            yield Fault(Rule.DANDA, f"{word!r} ends in an ASCII sign: end the sentence with a danda (।)")


def spelling_faults(locale: str, body: str) -> Iterator[Fault]:
    usage = lexicon.LOCAL_USAGE.get(locale)
    if usage is None:
        return
    for pattern, local in {**lexicon.US_SPELLINGS, **lexicon.US_WORDS}.items():
        if pattern not in usage:
            for word in characters.found_words(body, (pattern,)):
                yield Fault(Rule.US_SPELLING, f"{word!r} is American: {locale} readers expect {local!r} or the like")


# --- pages and items ---------------------------------------------------------------------------
def check_pages(texts: TextFile) -> Iterator[Finding]:
    """Measure how hard the running text of the consent, instructions and debrief pages is to read."""
    for start in PAGES:
        parts = {key: entry for key, entry in texts.entries.items() if key.startswith(start)}
        running = {key: entry for key, entry in parts.items() if entry.body.rstrip().endswith((".", "।", "!", "?"))}
        message = reading_fault(" ".join(entry.body for entry in running.values()), texts.locale)
        if message:
            key, entry = next(iter(running.items()))
            yield Finding(file_of(texts.locale), entry.line, key, Rule.READING_LEVEL, f"the page's text {message}")


def reading_fault(text: str, locale: str) -> str | None:
    reading = read(text, language_of(locale))
    if reading is None or not reading.is_hard:
        return None
    side = "below" if reading.value < reading.limit else "above"
    return (
        f"is hard to read ({reading.measure} {reading.value:.1f}, {side} {reading.limit:.0f}): "
        "split long sentences and take shorter, commoner words"
    )


def check_item(item: ItemTexts) -> Iterator[Finding]:
    """Check an item's texts in one locale, each by itself and against each other."""
    yield from check_lengths(item)
    told = [item.body(name) for name in ("scenario", "expectation", "preference") if name in item.parts]
    message = reading_fault(" ".join(told), item.locale)
    if message and "scenario" in item.parts:
        yield item.finding("scenario", Rule.READING_LEVEL, f"with expectation and preference, {message}")
    if {"actor", "scenario"} <= item.parts.keys() and item.body("actor") not in item.body("scenario"):
        name = item.body("actor")
        yield item.finding(
            "scenario", Rule.ACTOR_UNNAMED, f"does not name {name!r}, whom the question is about: name them"
        )
    if set(CHOICES) <= item.parts.keys():
        yield from check_choices(item)
        yield from check_echo(item)


def check_lengths(item: ItemTexts) -> Iterator[Finding]:
    for name, band in BANDS.get(item.language, {}).items():
        if name not in item.parts:
            continue
        n = visible_length(item.body(name))
        if n < band.low:
            message = f"{n} characters, shorter than {band.low}: say a little more, so that nothing must be guessed"
            yield item.finding(name, Rule.LENGTH, message)
        elif n > band.high:
            message = f"{n} characters, longer than {band.high}: leave out what the judgment does not need"
            yield item.finding(name, Rule.LENGTH, message)


def check_choices(item: ItemTexts) -> Iterator[Finding]:
    """Check that the options differ in what is done, not in length, tone or form; reported at the odd one."""
    lengths = {name: visible_length(item.body(name)) for name in CHOICES}
    longer = max(CHOICES, key=lambda name: lengths[name])
    ratio = max(lengths.values()) / max(min(lengths.values()), 1)
    if ratio > LONGEST_TO_SHORTEST_CHOICE:
        message = f"{ratio:.1f} times as long as the other option: bring both to like length"
        yield item.finding(longer, Rule.CHOICE_LENGTH, message)
    for kind, lists in {"negation": lexicon.NEGATIONS, "colouring": lexicon.COLOURING}.items():
        words = {name: option_words(item, name, lists) for name in CHOICES}
        for name, other in (CHOICES, CHOICES[::-1]):
            if words[name] and not words[other]:
                message = f"{kind} ({', '.join(words[name])}) in this option only: say plainly what is done in both"
                yield item.finding(name, Rule.CHOICE_TONE, message)
    for name in CHOICES:
        for word in option_words(item, name, lexicon.VALUES):
            yield item.finding(name, Rule.VALUE_WORD, f"{word!r} judges the act: name the act without praise or blame")
    if len({form_of(item.body(name)) for name in CHOICES}) > 1:
        message = "begins or ends unlike the other option (capital letter, final stop): give both the same form"
        yield item.finding(CHOICES[1], Rule.CHOICE_FORM, message)


def option_words(item: ItemTexts, name: str, lists: Mapping[str, tuple[str, ...]]) -> list[str]:
    body = characters.without(item.body(name), lexicon.INNOCENT.get(item.language, ()))
    return characters.found_words(body, lists.get(item.language, ()))


class Form(NamedTuple):
    begins_small: bool
    has_stop: bool


def form_of(option: str) -> Form:
    return Form(option[0].islower(), option.endswith((".", "।", "!", "?")))


def check_echo(item: ItemTexts) -> Iterator[Finding]:
    """Find an option that repeats its sentence almost word for word while the other takes up nothing of its own.

    Options name what is done, and so does the sentence before them: where the two options are worded alike, or the
    other one takes up a word of its own sentence as well, neither is easier to recognise.
    """
    sentence_of = dict(zip(CHOICES, ("expectation", "preference"), strict=True))
    if not set(sentence_of.values()) <= item.parts.keys() or are_parallel(item):
        return
    for name, other in (CHOICES, CHOICES[::-1]):
        echoed = echo(item.body(name), item.body(sentence_of[name]), item.language)
        answered = shared_words(item.body(other), item.body(sentence_of[other]), item.language)
        if echoed >= ECHOED and not answered:
            message = (
                f"repeats the {sentence_of[name]} ({echoed:.0%} of its words in a run) while the other option "
                f"takes up no word of the {sentence_of[other]}: reword one, or let both repeat"
            )
            yield item.finding(name, Rule.ECHO, message)


def are_parallel(item: ItemTexts) -> bool:
    """Say whether the options are worded alike: a third of the words of either stand in the other."""
    one, other = (item.body(name) for name in CHOICES)
    return min(shared_words(one, other, item.language), shared_words(other, one, item.language)) >= PARALLEL


def check_duplicates(items: list[ItemTexts]) -> Iterator[Finding]:
    """Find scenarios told twice, and other scenarios that put the same question; reported at the later item."""
    by_code = {item.code: item for item in items if "scenario" in item.parts}
    asked = ("expectation", "preference", *CHOICES)
    scenarios = {code: item.body("scenario") for code, item in by_code.items()}
    questions = {
        code: " ".join(item.body(name) for name in asked)
        for code, item in by_code.items()
        if set(asked) <= item.parts.keys()
    }
    language = items[0].language if items else ""
    for what, texts in {"tells the scenario of": scenarios, "puts the question of": questions}.items():
        for pair in near_duplicates(texts, language, ALIKE):
            message = f"{what} {pair.first} again (score {pair.score:.2f} of 1): rewrite or drop one of the two"
            yield by_code[pair.second].finding("scenario", Rule.NEAR_DUPLICATE, message)
