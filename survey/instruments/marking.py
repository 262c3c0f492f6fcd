"""Record review acts on texts: one step at a time, by a named person, never back without a word. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from survey.enums import TextStatus
from survey.flow.provenance import DRAFT, STEPS, Provenance, hash_text
from survey.instruments.provenance import source_of, staleness_of
from survey.instruments.schema import Definition, TextEntry


@dataclass(frozen=True)
class Act:
    """What a person did to the texts of a locale. ``goes_back`` says that a lower status is meant."""

    locale: str
    keys: Sequence[str]  # or globs such as items.BR*
    status: TextStatus
    person: str
    note: str = ""
    goes_back: bool = False


class Outcome(NamedTuple):
    """What became of one text: the entry as it shall stand from now on, or why not."""

    key: str
    entry: TextEntry | None
    reason: str = ""

    @property
    def result(self) -> str:
        return "marked" if self.entry else "refused" if self.reason else "unchanged"


def mark(definition: Definition, act: Act) -> list[Outcome]:
    """Try an act on every text that its keys name; a key that names none is refused."""
    entries = definition.texts[act.locale].entries
    outcomes = [
        Outcome(pattern, None, "no such text")
        for pattern in act.keys
        if not any(fnmatchcase(key, pattern) for key in entries)
    ]
    named = [key for key in entries if any(fnmatchcase(key, pattern) for pattern in act.keys)]
    return outcomes + [mark_one(definition, act, key) for key in named]


def mark_one(definition: Definition, act: Act, key: str) -> Outcome:
    entry = definition.texts[act.locale].entries[key]
    staleness = staleness_of(definition, act.locale, key)
    now = DRAFT if staleness else TextStatus(entry.status)
    reason = refusal(act, entry, now, is_stale=bool(staleness))
    if reason:
        return Outcome(key, None, reason)
    marked = marked_entry(definition, act, key, entry)
    is_same = (marked.status, marked.provenance) == (entry.status, entry.provenance)
    return Outcome(key, None if is_same else marked)


def refusal(act: Act, entry: TextEntry, now: TextStatus, *, is_stale: bool) -> str:
    """Say why an act is not taken; empty if it is."""
    step = STEPS.index(act.status) - STEPS.index(now)
    stale = f" (stale, was {entry.status})" if is_stale and entry.status != DRAFT else ""
    if step > 1:
        return f"is {now}{stale}: {STEPS[STEPS.index(now) + 1]} comes next"
    if step < 0 and not act.goes_back:
        return f"is {now}: going back to {act.status} must be said"
    if step < 0 and not act.note:
        return f"is {now}: going back needs a note"
    if step == 0 and act.status != DRAFT and act.person != signer(entry, act.status):
        return f"is {now} already, by {signer(entry, act.status)}"
    if act.status == TextStatus.REVIEWED and act.person == entry.provenance.translator:
        return f"{act.person} translated it: somebody else reviews"
    return ""


def signer(entry: TextEntry, status: TextStatus) -> str:
    """Name who brought a text to its status; the person of the later steps stands in the note only."""
    provenance = entry.provenance
    people = {TextStatus.REVIEWED: provenance.reviewer, TextStatus.ADJUDICATED: provenance.adjudicator}
    return people.get(status, provenance.note.removeprefix(f"{status} by ").partition(";")[0])


def marked_entry(definition: Definition, act: Act, key: str, entry: TextEntry) -> TextEntry:
    """Give the entry after an act: what was signed is hashed, and signatures of later steps are gone."""
    source = source_of(definition, act.locale, key)
    old, step = entry.provenance, STEPS.index(act.status)
    by_step = {TextStatus.PRETESTED, TextStatus.FROZEN}
    note = "; ".join(filter(None, [f"{act.status} by {act.person}" if act.status in by_step else "", act.note]))
    provenance = Provenance(
        source_hash=hash_text(source) if source is not None else "",
        text_hash=hash_text(entry.body),
        translator=act.person if act.status == DRAFT else old.translator,
        reviewer="" if step < 1 else act.person if act.status == TextStatus.REVIEWED else old.reviewer,
        adjudicator="" if step < 2 else act.person if act.status == TextStatus.ADJUDICATED else old.adjudicator,
        note=note or old.note,
    )
    return entry._replace(status=act.status.value, provenance=provenance, record_line=entry.record_line or 1)
