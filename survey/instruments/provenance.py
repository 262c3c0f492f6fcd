"""What is recorded of the texts: what no longer holds, and the files that record it. Pure but for those files."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from survey.enums import Staleness
from survey.flow.provenance import find_staleness, hash_text
from survey.instruments.loader import DRAFT_COLUMNS, DRAFTS, RECORD_COLUMNS, read_records, record_file
from survey.instruments.rewriting import write_file
from survey.instruments.schema import Definition, Problem, TextEntry


def source_of(definition: Definition, locale: str, key: str) -> str | None:
    """Give the text that a translation is of; None for the source itself and for what it lacks."""
    source_locale = definition.structure["source_locale"]
    source = definition.texts.get(source_locale)
    entry = source.entries.get(key) if source and locale != source_locale else None
    return entry.body if entry else None


def staleness_of(definition: Definition, locale: str, key: str) -> Staleness | None:
    """Say why a text's status no longer holds, if it does not."""
    entry = definition.texts[locale].entries[key]
    return find_staleness(entry.body, entry.status, entry.provenance, source_of(definition, locale, key))


def warnings(definition: Definition) -> Iterator[Problem]:
    """Name the stale texts, and count those whose source could change unnoticed."""
    for locale, file in definition.texts.items():
        n_unknown, first = 0, ""
        for key, entry in file.entries.items():
            staleness = staleness_of(definition, locale, key)
            if staleness:
                yield Problem(f"texts/{locale}.yaml", entry.line, key, f"stale, counts as a draft: {staleness.label}")
            elif source_of(definition, locale, key) is not None and not entry.provenance.source_hash:
                n_unknown, first = n_unknown + 1, first or key
        if n_unknown:
            message = f"{n_unknown} text(s) of {locale} without the hash of their source, a change of which would go"
            yield Problem(DRAFTS, 1, first, f"{message} unnoticed: see mark_texts --drafts")


def write_records(folder: Path, locale: str, entries: Mapping[str, TextEntry]) -> None:
    """Write the records of a locale in the order of its texts, so that one act changes few lines."""
    rows = [[key, entry.status, *entry.provenance] for key, entry in entries.items() if entry.record_line]
    write_file(folder / record_file(locale), table(RECORD_COLUMNS, rows))


def note_drafts(folder: Path, definition: Definition, patterns: Collection[str]) -> list[str]:
    """Record the present source of the keys as that of their drafts, or of those not recorded yet; say which."""
    source = definition.texts[definition.structure["source_locale"]].entries
    known = {key: row.values["source_hash"] for key, row in read_records(folder, DRAFTS, []).items()}
    renewed = [
        key for key in source if any(fnmatchcase(key, p) for p in patterns) or (not patterns and key not in known)
    ]
    known |= {key: hash_text(source[key].body) for key in renewed}
    write_file(folder / DRAFTS, table(DRAFT_COLUMNS, [[key, known[key]] for key in source if key in known]))
    return renewed


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
