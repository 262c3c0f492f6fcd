"""The shape of an instrument and the rules it must keep. Pure: no database, no Django models."""

from __future__ import annotations

import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from survey.csv_reader import begins_a_formula
from survey.enums import ActorGender, AgeBand, AgeBucket, Country, Fluency, Gender, Locale, Page, Question, Theme
from survey.flow.assignment import CORE, POOLS
from survey.flow.provenance import Provenance, record_faults
from survey.flow.quality import FLAGS
from survey.flow.wording import ITEM_FIELDS
from survey.instruments.plan import PLAN_KEY, placed_faults

UNDISCLOSED = "undisclosed"
OTHER_COUNTRY = "other"

COMPREHENSION_OPTIONS = ("rules", "both", "facts")
COMPREHENSION_ANSWER = "both"
ATTENTION_OPTIONS = ("never", "rarely", "often", "always")

# Every text that a page shows, apart from the items'. The placeholders are those that a page fills in.
PAGE_KEYS: tuple[str, ...] = (
    "title",
    "consent.heading",
    "consent.purpose",
    "consent.task",
    "consent.data",
    "consent.rights",
    "consent.agree",
    "consent.decline",
    "instructions.heading",
    "instructions.task",
    "instructions.two_questions",
    "instructions.no_right_answer",
    "question.personal",
    "question.norm",
    "screening.intro",
    "screening.fluency",
    *(f"fluency.{fluency}" for fluency in Fluency),
    "comprehension.heading",
    "comprehension.question",
    *(f"comprehension.{name}" for name in COMPREHENSION_OPTIONS),
    "attention.heading",
    "attention.question",
    *(f"attention.{name}" for name in ATTENTION_OPTIONS),
    "demographics.heading",
    "demographics.intro",
    "demographics.age",
    "demographics.gender",
    "demographics.country",
    *(f"age.{band}" for band in AgeBand),
    *(f"gender.{gender}" for gender in Gender),
    "country.other",
    "country.undisclosed",
    "debrief.heading",
    "debrief.purpose",
    "debrief.thanks",
)


class Problem(NamedTuple):
    """One thing that is wrong in the files, and where."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


class TextEntry(NamedTuple):
    """A text and what is recorded of it; ``record_line`` is its line in ``provenance/<locale>.csv``, 0 for none."""

    body: str
    status: str
    line: int
    provenance: Provenance = Provenance()
    record_line: int = 0


class Row(NamedTuple):
    """One line of ``items.csv``."""

    values: Mapping[str, str]
    line: int


@dataclass(frozen=True)
class TextFile:
    locale: str
    entries: Mapping[str, TextEntry]


@dataclass(frozen=True)
class Definition:
    """An instrument as read from its folder; ``problems`` must be empty before anything is stored."""

    structure: Mapping[str, Any]
    structure_lines: Mapping[str, int]
    items: tuple[Row, ...]
    texts: Mapping[str, TextFile]
    content_hash: str
    problems: tuple[Problem, ...] = field(default=())

    @property
    def code(self) -> str:
        return str(self.structure["code"])

    @property
    def source_locale(self) -> str:
        return str(self.structure["source_locale"])


MAX_NOTE = 300  # characters of a source note
ITEM_COLUMNS: dict[str, type[Country | AgeBucket | ActorGender | Theme] | None] = {
    "code": None,
    "scenario_country": Country,
    "actor_country": Country,
    "actor_age": AgeBucket,
    "actor_gender": ActorGender,
    "receiver_country": Country,
    "receiver_age": AgeBucket,
    "receiver_gender": ActorGender,
    "theme": Theme,
    "core": None,
    "source_note": None,
}


def validate(definition: Definition) -> list[Problem]:
    """List what is wrong with an instrument, in the order of the files, but not what follows from one left unread."""
    broken = unread(definition.problems)
    if "instrument.yaml" in broken:
        return list(definition.problems)
    structure_problems = list(check_structure(definition))
    problems = [*definition.problems, *structure_problems, *check_items(definition)]
    if not structure_problems and "items.csv" not in broken:
        problems += check_supply(definition)
        problems += (problem for problem in check_texts(definition) if problem.file not in broken)
    return problems


def unread(problems: Iterable[Problem]) -> frozenset[str]:
    """Name the files that could not be read at all: what is wrong with them has the file itself as its key."""
    return frozenset(problem.file for problem in problems if problem.key == problem.file)


# --- instrument.yaml ---------------------------------------------------------------------------
STRUCTURE_KEYS: dict[str, type] = {
    "code": str,
    "title": str,
    "consent_version": str,
    "source_locale": str,
    "questions": list,
    "blocks": list,
    "age_buckets": dict,
    "option_order": str,
    "question_order": str,
    "fluencies": list,
    "attention_checks": list,
    "flags": dict,
    "exclusions": list,
    "arms": dict,
}
ORDER_SETTINGS = {"option_order": ("participant", "item"), "question_order": ("fixed", "participant")}
ARM_KEYS: dict[str, type] = {"locales": list, "close": list, "far": list, "items": dict}


def check_structure(definition: Definition) -> Iterator[Problem]:
    """Check ``instrument.yaml`` against the vocabularies; the first line names what is missing or unknown."""
    structure = definition.structure

    def problem(key: str, message: str) -> Problem:
        return Problem("instrument.yaml", definition.structure_lines.get(key, 1), key, message)

    for key in sorted(structure.keys() - STRUCTURE_KEYS.keys() - {PLAN_KEY}):
        yield problem(key, "unknown key")
    broken = {key: kind for key, kind in STRUCTURE_KEYS.items() if not isinstance(structure.get(key), kind)}
    for key, kind in broken.items():
        kinds: dict[type, str] = {
            str: "a text (in quotes if it looks like a number)",
            list: "a list",
            dict: "a mapping",
        }
        yield problem(key, f"must be {kinds[kind]}" if key in structure else "missing")
    if broken:
        return
    if structure["source_locale"] not in Locale.values:
        yield problem("source_locale", f"unknown locale {structure['source_locale']!r}")
    if sorted(structure["questions"]) != sorted(Question.values):
        yield problem("questions", f"must be {', '.join(Question.values)}")
    yield from (problem("blocks", message) for message in block_faults(structure["blocks"]))
    wanted = {band.value for band in AgeBand} - {AgeBand.UNDISCLOSED, AgeBand.UNDER_18}
    for key, settings in ORDER_SETTINGS.items():
        if structure[key] not in settings:
            yield problem(key, f"must be {' or '.join(settings)}")
    if not set(structure["fluencies"]) <= set(Fluency.values):
        yield problem("fluencies", f"are among {', '.join(Fluency.values)}")
    if not set(structure["attention_checks"]) <= set(ATTENTION_OPTIONS):
        yield problem("attention_checks", f"name the option to select, one of {', '.join(ATTENTION_OPTIONS)}")
    yield from (problem("flags", message) for message in flag_faults(structure["flags"]))
    yield from (problem("exclusions", message) for message in exclusion_faults(structure["exclusions"]))
    if set(structure["age_buckets"]) != wanted:
        yield problem("age_buckets", f"must give a bucket for each of {', '.join(sorted(wanted))}")
    if not set(structure["age_buckets"].values()) <= set(AgeBucket.values):
        yield problem("age_buckets", f"buckets are {', '.join(AgeBucket.values)}")
    if PLAN_KEY in structure:
        lines, plan = definition.structure_lines, structure[PLAN_KEY]
        yield from (Problem(*fault) for fault in placed_faults(plan, structure["exclusions"], lines))
    for country, arm in structure["arms"].items():
        yield from (problem(f"arms.{country}", message) for message in arm_faults(country, arm))


def block_faults(blocks: list[object]) -> Iterator[str]:
    for name in blocks:
        if name not in Page.values:
            yield f"unknown page {name!r}; known are {', '.join(Page.values)}"
    for name, n in Counter(blocks).items():
        if n > 1:
            yield f"page {name!r} stands {n} times"
    for name in (Page.CONSENT, Page.SCENARIO):
        if name not in blocks:
            yield f"page {name.value!r} is missing"
    if Page.CONSENT in blocks and Page.SCENARIO in blocks and blocks.index(Page.CONSENT) > blocks.index(Page.SCENARIO):
        yield "consent must come before the scenarios"


def flag_faults(limits: Mapping[str, object]) -> Iterator[str]:
    for name, limit in limits.items():
        if name not in FLAGS:
            yield f"unknown flag {name!r}; known are {', '.join(FLAGS)}"
        elif not isinstance(limit, int | float) or isinstance(limit, bool) or limit < 0:
            yield f"{name} needs a limit that is a number"


def exclusion_faults(rules: list[object]) -> Iterator[str]:
    for name, n in Counter(rules).items():
        if name not in FLAGS:
            yield f"{name!r} is no flag; known are {', '.join(FLAGS)}"
        if n > 1:
            yield f"{name!r} stands {n} times"


def arm_faults(country: str, arm: object) -> Iterator[str]:
    if country not in Country.values:
        yield f"unknown country {country!r}"
    if not isinstance(arm, Mapping) or set(arm) != ARM_KEYS.keys():
        yield f"must have exactly {', '.join(ARM_KEYS)}"
        return
    broken = [key for key, kind in ARM_KEYS.items() if not isinstance(arm[key], kind)]
    if broken:
        yield f"of another kind than wanted: {', '.join(broken)}"
        return
    if not arm["locales"]:
        yield "needs at least one locale"
    for locale in arm["locales"]:
        if locale not in Locale.values:
            yield f"unknown locale {locale!r}"
    for other in [*arm["close"], *arm["far"]]:
        if other not in Country.values:
            yield f"unknown country {other!r}"
    both = {country} & {*arm["close"], *arm["far"]} | set(arm["close"]) & set(arm["far"])
    for other in sorted(both):
        yield f"{other} stands under two relations"
    if set(arm["items"]) != set(POOLS):
        yield f"items must give a number for {', '.join(POOLS)}"
    elif not all(isinstance(n, int) and n >= 0 for n in arm["items"].values()):
        yield "numbers of items must be whole and not negative"


# --- items.csv ---------------------------------------------------------------------------------
def check_items(definition: Definition) -> Iterator[Problem]:
    """Check each row of ``items.csv`` against the vocabularies, and the codes for doubles."""
    seen: dict[str, int] = {}
    vocabularies = {column: known and known.values for column, known in ITEM_COLUMNS.items()}  # made anew at each look
    for row in definition.items:
        code = row.values.get("code", "")
        for column, vocabulary in vocabularies.items():
            value = row.values.get(column, "")
            if not value:
                yield Problem("items.csv", row.line, column, f"empty (item {code or '?'})")
            elif vocabulary is not None and value not in vocabulary:
                yield Problem("items.csv", row.line, column, f"{value!r} is none of {', '.join(vocabulary)}")
        if len(row.values.get("source_note", "")) > MAX_NOTE:
            yield Problem("items.csv", row.line, "source_note", f"longer than {MAX_NOTE} characters (item {code})")
        if begins_a_formula(row.values.get("source_note", "")):  # every other column has its vocabulary
            yield Problem("items.csv", row.line, "source_note", f"begins like a formula (item {code})")
        if row.values.get("core", "") not in {"0", "1"}:
            yield Problem("items.csv", row.line, "core", "must be 0 or 1")
        if code in seen:
            yield Problem("items.csv", row.line, "code", f"{code} stands in line {seen[code]} already")
        if not code.isalnum() or len(code) > 20:
            yield Problem("items.csv", row.line, "code", f"{code!r}: letters and digits only, at most 20")
        seen.setdefault(code, row.line)


def check_supply(definition: Definition) -> Iterator[Problem]:
    """Check that every arm finds as many items of each relation as it asks for."""
    others = [row.values for row in definition.items if row.values.get("core") != "1"]
    per_country = Counter(values.get("scenario_country") for values in others)
    for country, arm in definition.structure["arms"].items():
        supply = {CORE: len(definition.items) - len(others), "same": per_country[country]}
        supply |= {rel: sum(per_country[c] for c in arm[rel]) for rel in ("close", "far")}
        for relation, wanted in arm["items"].items():
            if wanted > supply[relation]:
                yield Problem(
                    "instrument.yaml",
                    definition.structure_lines.get(f"arms.{country}.items.{relation}", 1),
                    f"arms.{country}.items.{relation}",
                    f"asks for {wanted} items, items.csv has {supply[relation]}",
                )


# --- texts/<locale>.yaml -----------------------------------------------------------------------
def country_key(country: str) -> str:
    return f"country.{country}"


def expected_keys(definition: Definition) -> list[str]:
    """List the keys that every locale's file must have."""
    items = [f"items.{row.values.get('code', '')}.{name}" for row in definition.items for name in ITEM_FIELDS]
    countries = [country_key(country) for country in definition.structure["arms"]]
    return [*PAGE_KEYS, *countries, *items]


def placeholders(body: str) -> list[str]:
    """List the ``{names}`` in a text; `ValueError` for a lone brace."""
    if "{" not in body and "}" not in body:  # as in almost all of the thousands
        return []
    return sorted(name for _, name, _, _ in string.Formatter().parse(body) if name is not None)


def check_texts(definition: Definition) -> Iterator[Problem]:
    """Check every locale's texts: none missing, extra, empty or with other placeholders than the source's."""
    wanted = expected_keys(definition)
    locales = {locale for arm in definition.structure["arms"].values() for locale in arm["locales"]}
    source_locale = definition.structure["source_locale"]
    source = definition.texts.get(source_locale)
    for locale in sorted(locales | {source_locale} | set(definition.texts)):
        file = f"texts/{locale}.yaml"
        texts = definition.texts.get(locale)
        if texts is None:
            yield Problem(file, 1, locale, "file is missing")
            continue
        for key in wanted:
            if key not in texts.entries:
                yield Problem(file, nearest_line(texts, key), key, "missing")
        known = set(wanted)
        for key, entry in texts.entries.items():
            if key not in known:
                yield Problem(file, entry.line, key, "extra: no page or item uses it")
            else:
                original = source.entries.get(key) if source else None
                found = text_faults(entry.body, original.body if original else None)
                yield from (Problem(file, entry.line, key, message) for message in found)
                faults = record_faults(entry.status, entry.provenance, is_source=locale == source_locale)
                place = (f"provenance/{locale}.csv", entry.record_line) if entry.record_line else (file, entry.line)
                yield from (Problem(*place, key, message) for message in faults)


def nearest_line(texts: TextFile, key: str) -> int:
    """Find where a missing key would stand: the last line that shares the longest part of its path."""
    parts = key.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        prefix = ".".join(parts[:depth]) + "."
        lines = [entry.line for name, entry in texts.entries.items() if name.startswith(prefix)]
        if lines:
            return max(lines)
    return 1


def text_faults(body: str, source: str | None) -> Iterator[str]:
    """Name what is wrong with a text; with its source, where it is a translation, it shares its placeholders."""
    if not body.strip():
        yield "empty"
    if begins_a_formula(body):  # translators open it in a spreadsheet, and a release refuses it
        yield f"begins with {body[0]!r}, which a spreadsheet takes for a formula"
    if unicodedata.normalize("NFC", body) != body:
        yield "not in Unicode normal form C"
    try:
        have = placeholders(body)
    except ValueError:
        yield "a lone brace"
        return
    if source is not None:
        try:
            want = placeholders(source)
        except ValueError:
            return  # the source's own line says so
        if have != want:
            yield f"placeholders {have} differ from the source's {want}"
