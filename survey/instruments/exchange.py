"""Texts on their way to translators and back: what travels along, and which rows may come in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from survey.enums import Country, Theme
from survey.flow.provenance import DRAFT, Provenance, hash_text
from survey.instruments.lint import BANDS, language_of
from survey.instruments.provenance import staleness_of
from survey.instruments.schema import Definition, TextEntry, text_faults

FIELDS = {
    "actor": "name of the person who acts",
    "scenario": "what happens",
    "expectation": "what the others expect",
    "preference": "what the person would rather do",
    "choice_culture": "answer: follow the expectation",
    "choice_preference": "answer: allow the preference",
}
NOTES = {
    "actor": "A name that is usual in the item's country; the other texts of the item use the same one.",
    "choice_culture": "Same form, tone and about the same length as the other answer.",
    "choice_preference": "Same form, tone and about the same length as the other answer.",
    "question": "{actor} becomes the name of the person who acts.",
    "attention": "{option} becomes one of the four answers, word for word.",
    "instructions": "{n_scenarios} becomes a number.",
}
# By how much a text may grow in translation: up to so many characters, so many times as long.
GROWTH = ((10, 3.0), (20, 2.0), (30, 1.8), (50, 1.6), (70, 1.4))
GROWTH_BEYOND = 1.3


class Unit(NamedTuple):
    """One text as a translator gets it."""

    key: str
    source: str
    target: str
    context: str
    note: str
    max_length: int
    is_stale: bool


class Incoming(NamedTuple):
    """One row of a translator's file. ``is_done`` says that the translator has looked at it, where the format can."""

    place: str
    key: str
    locale: str
    source: str
    target: str
    is_done: bool = False
    fault: str = ""


class Judged(NamedTuple):
    """What became of a row: taken with the entry that it makes, unchanged, or refused for a reason."""

    place: str
    key: str
    result: str
    reason: str = ""
    entry: TextEntry | None = None


def units(definition: Definition, locale: str, patterns: Sequence[str] = ("*",)) -> list[Unit]:
    """List what there is to translate into a locale, in the order of the source."""
    source = definition.texts[definition.structure["source_locale"]].entries
    target = definition.texts[locale].entries
    facts = {row.values["code"]: row.values for row in definition.items}
    return [
        Unit(
            key,
            entry.body,
            target[key].body,
            context_of(key, facts),
            note_of(key),
            length_limit(key, entry.body, locale),
            staleness_of(definition, locale, key) is not None,
        )
        for key, entry in source.items()
        if any(fnmatchcase(key, pattern) for pattern in patterns)
    ]


def context_of(key: str, facts: Mapping[str, Mapping[str, str]]) -> str:
    """Say where a text stands: the page, or the item with its country and theme."""
    section, _, rest = key.partition(".")
    if section != "items":
        return f"Page texts, {section}: {rest or section}"
    code, _, name = rest.partition(".")
    item = facts[code]
    country, theme = Country(item["scenario_country"]).label, Theme(item["theme"]).label
    return f"Item {code}, set in {country}, {theme.lower()}: {FIELDS[name]}"


def note_of(key: str) -> str:
    section, _, rest = key.partition(".")
    return NOTES.get(rest.partition(".")[2] if section == "items" else section, "")


def length_limit(key: str, source: str, locale: str) -> int:
    """Give the most characters a text should have: the content lint's band, or the usual growth in translation."""
    band = BANDS.get(language_of(locale), {}).get(key.rpartition(".")[2]) if key.startswith("items.") else None
    if band is not None:
        return band.high
    growth = next((times for limit, times in GROWTH if len(source) <= limit), GROWTH_BEYOND)
    return int(len(source) * growth)


def judge(definition: Definition, locale: str, rows: Iterable[Incoming], translator: str) -> Iterator[Judged]:
    """Say of every row whether it is taken; a row that is refused takes no other with it."""
    seen: dict[str, str] = {}
    for row in rows:
        reason = fault_of(definition, locale, row)
        if not reason and row.key in seen:
            reason = f"stands in {seen[row.key]} already"
        if reason:
            yield Judged(row.place, row.key, "refused", reason)
            continue
        seen[row.key] = row.place
        yield take(definition, locale, row, translator)


def take(definition: Definition, locale: str, row: Incoming, translator: str) -> Judged:
    entry = definition.texts[locale].entries[row.key]
    is_stale = staleness_of(definition, locale, row.key) is not None
    if row.target == entry.body and not (is_stale and row.is_done):
        return Judged(row.place, row.key, "unchanged")
    if entry.status != DRAFT and not is_stale:
        reason = f"is {entry.status}, signed by {entry.provenance.adjudicator or entry.provenance.reviewer}"
        return Judged(row.place, row.key, "refused", f"{reason}: mark it back to machine draft first")
    provenance = Provenance(hash_text(row.source), hash_text(row.target), translator, note=entry.provenance.note)
    made = entry._replace(
        body=row.target, status=DRAFT.value, provenance=provenance, record_line=entry.record_line or 1
    )
    return Judged(row.place, row.key, "taken", "fits the changed source" if row.target == entry.body else "", made)


def fault_of(definition: Definition, locale: str, row: Incoming) -> str:
    """Say why a row cannot be taken whatever stands there now; empty if it can."""
    source = definition.texts[definition.structure["source_locale"]].entries.get(row.key)
    if row.fault:
        return row.fault
    if row.locale != locale:
        return f"wrong locale {row.locale!r}, not {locale}"
    if source is None or row.key not in definition.texts[locale].entries:
        return "unknown key"
    if row.source != source.body:
        return "conflict: the source has changed since the export"
    return next(text_faults(row.target, source.body), "")
