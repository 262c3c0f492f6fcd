"""Store instruments: each content once, as an immutable version."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection, transaction

from survey.flow.provenance import Provenance
from survey.instruments.provenance import staleness_of
from survey.instruments.schema import Definition, Problem, validate
from survey.models import Instrument, InstrumentVersion, Item

TEXT_COLUMNS = ("version_id", "locale", "key", "body", "status", "staleness", *Provenance._fields)


class InvalidInstrument(ValueError):
    """The files break rules; ``problems`` lists them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Loaded(NamedTuple):
    version: InstrumentVersion
    is_new: bool


@transaction.atomic
def load_instrument(definition: Definition) -> Loaded:
    """Store a definition as the next version, or find the version that has this content already."""
    problems = validate(definition)
    if problems:
        raise InvalidInstrument(problems)
    Instrument.objects.get_or_create(code=definition.code)
    instrument = Instrument.objects.select_for_update().get(code=definition.code)
    known = instrument.versions.filter(content_hash=definition.content_hash).first()
    if known is not None:
        return Loaded(known, is_new=False)
    newest = instrument.versions.order_by("-number").first()
    version = InstrumentVersion.objects.create(
        instrument=instrument,
        number=newest.number + 1 if newest else 1,
        content_hash=definition.content_hash,
        structure=definition.structure,
    )
    store_items(version, definition)
    store_texts(version, definition)
    return Loaded(version, is_new=True)


def store_items(version: InstrumentVersion, definition: Definition) -> None:
    rows = ({**row.values, "is_core": row.values["core"] == "1"} for row in definition.items)
    items = [Item(version=version, **{k: v for k, v in row.items() if k != "core"}) for row in rows]
    Item.objects.bulk_create(items)


def store_texts(version: InstrumentVersion, definition: Definition) -> None:
    """Store every text with its record, and whether what was recorded still holds; streamed (COPY): they are many."""
    with connection.cursor() as cursor, cursor.copy(f"COPY survey_text ({', '.join(TEXT_COLUMNS)}) FROM STDIN") as copy:
        for locale, file in definition.texts.items():
            for key, entry in file.entries.items():
                staleness = staleness_of(definition, locale, key) or ""
                copy.write_row((version.pk, locale, key, entry.body, entry.status, staleness, *entry.provenance))
