"""Turn the CSV files that the paper published into an instrument folder. Pure: files in, files out.

What the source says is taken as it stands; what it lacks is left empty, so that ``check_instrument`` names it and
the folder cannot be loaded until a person has filled it in. No row is dropped silently: each is taken or refused
with a reason.
"""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from survey.csv_reader import csv_reader
from survey.enums import ActorGender, AgeBucket, Country, Locale, TextStatus
from survey.flow.wording import ITEM_FIELDS
from survey.instruments.loader import SHIPPED
from survey.instruments.schema import ITEM_COLUMNS, PAGE_KEYS, country_key

SOURCE_LOCALE = Locale.EN_US
OWN_KEYS = {"code", "title", "consent_version", "source_locale", "arms"}  # the rest is as shipped
LONGEST_CODE = 20
LONGEST_NOTE = 300

# Where a part of an item may come from, the first that is filled in wins.
ID_COLUMNS = ("scenario_id", "pact_item_id")  # a release crosses base instances, so its own id is the finer one
TEXT_COLUMNS: dict[str, tuple[str, ...]] = {
    "scenario": ("scenario",),
    "expectation": ("cultural_expectation",),
    "preference": ("personal_preference",),
    "choice_culture": ("choice_a", "culture_following"),
    "choice_preference": ("choice_b", "preference_allowing"),
}
COUNTRY_COLUMNS = ("base_country", "actor_country", "receiver_country")
PERSON_COLUMNS: dict[str, type[AgeBucket | ActorGender]] = {
    "actor_age": AgeBucket,
    "actor_gender": ActorGender,
    "receiver_age": AgeBucket,
    "receiver_gender": ActorGender,
}
NOTE_COLUMNS = ("dataset", "source_row", "scenario_type", "source_gold_label", "metadata_source")
KNOWN_COLUMNS = frozenset(
    {*ID_COLUMNS, *(c for columns in TEXT_COLUMNS.values() for c in columns)}
    | {*COUNTRY_COLUMNS, *PERSON_COLUMNS, *NOTE_COLUMNS}
)

COUNTRY_ALIASES: dict[str, Country] = {
    "america": Country.US,
    "britain": Country.GB,
    "burma": Country.MM,
    "great britain": Country.GB,
    "iran islamic republic of": Country.IR,
    "islamic republic of iran": Country.IR,
    "republic of ireland": Country.IE,
    "republic of south africa": Country.ZA,
    "u.k.": Country.GB,
    "u.s.": Country.US,
    "u.s.a.": Country.US,
    "uk": Country.GB,
    "united kingdom of great britain and northern ireland": Country.GB,
    "united states": Country.US,
    "usa": Country.US,
}
COUNTRIES: dict[str, str] = {
    **{alias: code.value for alias, code in COUNTRY_ALIASES.items()},
    **{country.label.casefold(): country.value for country in Country},
    **{country.value.casefold(): country.value for country in Country},
}


class Refused(ValueError):
    """A row cannot become an item; the message is the reason."""


class SourceRow(NamedTuple):
    """One row of a source file; ``fault`` says why it could not be read."""

    file: str
    line: int
    cells: Mapping[str, str]
    fault: str = ""


@dataclass(frozen=True)
class ImportedItem:
    code: str
    columns: Mapping[str, str]  # of items.csv, empty where the source says nothing
    texts: Mapping[str, str]  # by the names of `ITEM_FIELDS`, empty likewise

    def to_do(self) -> list[str]:
        """Name what a person has to fill in before the item can be loaded."""
        return [name for part in (self.columns, self.texts) for name, value in part.items() if not value]


class Outcome(NamedTuple):
    """What became of one row: an item, or None and the reason in ``note``."""

    row: SourceRow
    source_id: str
    item: ImportedItem | None
    note: str


class Source(NamedTuple):
    """A source file as read: its rows, and the columns that the import has no use for."""

    rows: list[SourceRow]
    ignored: list[str]


# --- reading -----------------------------------------------------------------------------------
def read_source(path: Path) -> Source:
    """Read a CSV file row by row; `ValueError` where the file as a whole is of no use."""
    raw = path.read_bytes()
    if b"\0" in raw:
        raise ValueError(f"{path.name}: not UTF-8 text (perhaps UTF-16): save it as CSV in UTF-8")
    content = raw.decode("utf-8-sig", errors="surrogateescape")
    try:
        header = [
            name.strip().casefold() for name in next(csv_reader(io.StringIO(content, newline=""), strict=True), [])
        ]
    except csv.Error as error:
        raise ValueError(f"{path.name}: the header is not valid CSV: {error}") from error
    check_header(path.name, header)
    ignored = [printable(name) for name in header if name not in KNOWN_COLUMNS]
    return Source(list(read_rows(path.name, content, header)), ignored)


def check_header(file: str, header: Sequence[str]) -> None:
    """Refuse a file whose header lacks what every item needs; `ValueError` names it."""
    doubled = [name for name, n in Counter(header).items() if n > 1]
    if doubled:
        raise ValueError(f"{file}: doubled column {', '.join(doubled)}")
    choices = (TEXT_COLUMNS["choice_culture"], TEXT_COLUMNS["choice_preference"])
    for columns in (ID_COLUMNS, TEXT_COLUMNS["scenario"], COUNTRY_COLUMNS, *choices):
        if not set(columns) & set(header):
            raise ValueError(f"{file}: no column {' or '.join(columns)}")


def read_rows(file: str, content: str, header: Sequence[str]) -> Iterator[SourceRow]:
    """Give every row with the line where it begins; one that cannot be read has its fault, and reading goes on."""
    reader = csv_reader(io.StringIO(content, newline=""), strict=True)
    next(reader)  # the header
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield SourceRow(file, line, {}, f"not valid CSV: {error}")
        else:
            yield SourceRow(file, line, dict(zip(header, values, strict=False)), row_fault(values, header))


def row_fault(values: Sequence[str], header: Sequence[str]) -> str:
    if not values:
        return "blank line"
    if len(values) != len(header):
        return f"{len(values)} cells where the header has {len(header)}"
    if any("\udc80" <= character <= "\udcff" for value in values for character in value):
        return "not UTF-8: save the file in UTF-8"
    return ""


# --- rows to items -----------------------------------------------------------------------------
def import_rows(rows: Iterable[SourceRow]) -> list[Outcome]:
    """Make an item of every row that allows it; of rows with the same id the first is taken."""
    outcomes: list[Outcome] = []
    seen: dict[str, SourceRow] = {}
    codes: dict[str, str] = {}
    for row in rows:
        source_id = first_filled(row.cells, ID_COLUMNS)
        try:
            item = import_row(row, source_id)
            if source_id in seen:
                earlier = seen[source_id]
                raise Refused(f"duplicate id: {earlier.file} line {earlier.line} has it already")
            if item.code in codes:
                raise Refused(f"its code {item.code} is that of {codes[item.code]}: change the id")
        except Refused as refusal:
            outcomes.append(Outcome(row, printable(source_id), None, str(refusal)))
            continue
        seen[source_id], codes[item.code] = row, source_id
        outcomes.append(Outcome(row, source_id, item, note_on(row, item)))
    return outcomes


def import_row(row: SourceRow, source_id: str) -> ImportedItem:
    """Make an item of a row; `Refused` where it says too little or something unknown."""
    if row.fault:
        raise Refused(row.fault)
    if not source_id:
        raise Refused(f"no id: {' or '.join(ID_COLUMNS)} is empty")
    texts = {name: first_filled(row.cells, TEXT_COLUMNS.get(name, ())) for name in ITEM_FIELDS}
    if not texts["scenario"]:
        raise Refused("empty scenario")
    missing = [name for name in ("choice_culture", "choice_preference") if not texts[name]]
    if missing:
        raise Refused(f"choices missing: no {' and no '.join(' or '.join(TEXT_COLUMNS[name]) for name in missing)}")
    columns = dict.fromkeys(ITEM_COLUMNS, "")
    columns |= {"code": code_of(source_id), "core": "0", "source_note": source_note(row, source_id)[:LONGEST_NOTE]}
    columns |= countries_of(row.cells)
    for column, vocabulary in PERSON_COLUMNS.items():
        columns[column] = level_of(column, row.cells.get(column, ""), vocabulary)
    return ImportedItem(columns["code"], columns, texts)


def code_of(source_id: str) -> str:
    """Derive an item's code from its source id alone, so that it is the same in every import.

    An id of at most 20 ASCII letters and digits is the code. Of any other, the letters and digits at its start
    stay readable, and eight digits of its SHA-256 tell it from its like.
    """
    if source_id.isascii() and source_id.isalnum() and len(source_id) <= LONGEST_CODE:
        return source_id
    readable = "".join(character for character in source_id if character.isascii() and character.isalnum())
    digest = hashlib.sha256(source_id.encode()).hexdigest()[:8]
    return readable[: LONGEST_CODE - len(digest)] + digest


def countries_of(cells: Mapping[str, str]) -> dict[str, str]:
    """Map the country columns to codes; base instances of type ``same`` name one country for all three."""
    base, actor, receiver = (country_of(column, cells.get(column, "")) for column in COUNTRY_COLUMNS)
    if not (base or actor or receiver):
        raise Refused("no country: base_country, actor_country and receiver_country are empty")
    if base and tidy(cells.get("scenario_type", "")).casefold() in {"", "same"}:
        actor, receiver = actor or base, receiver or base
    if not base and actor == receiver:
        base = actor
    return {"scenario_country": base, "actor_country": actor, "receiver_country": receiver}


def country_of(column: str, name: str) -> str:
    """Map a country's name or code to ISO 3166; empty stays empty, an unknown one is refused."""
    plain = " ".join(name.replace("_", " ").replace("-", " ").replace(",", " ").casefold().split())
    plain = plain.removeprefix("the ")
    if not plain:
        return ""
    found = COUNTRIES.get(plain)
    if found is None:
        raise Refused(
            f"unknown country {tidy(name)!r} in {column}: add it to survey.enums.Country (and make the migration), "
            "or its other name to COUNTRY_ALIASES, then import again"
        )
    return found


def level_of(column: str, value: str, vocabulary: type[AgeBucket | ActorGender]) -> str:
    plain = tidy(value).casefold()
    if plain and plain not in vocabulary.values:
        raise Refused(f"{column} {tidy(value)!r} is none of {', '.join(vocabulary.values)}")
    return plain


def first_filled(cells: Mapping[str, str], columns: Iterable[str]) -> str:
    return next((text for column in columns if (text := tidy(cells.get(column, "")))), "")


def tidy(text: str) -> str:
    """Bring to Unicode normal form C, with single spaces: the words are left as they are."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def printable(text: str) -> str:
    """Make bytes that were not UTF-8 visible, so that the report can be written."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def source_note(row: SourceRow, source_id: str) -> str:
    """Say where an item comes from, in words that do not change with the file's name or order."""
    said = [f"{column} {tidy(row.cells[column])}" for column in NOTE_COLUMNS if tidy(row.cells.get(column, ""))]
    return "; ".join([f"imported, id {source_id}", *said])


def note_on(row: SourceRow, item: ImportedItem) -> str:
    """Say what is still to do on a taken row, and where two of its columns disagree."""
    notes = [f"to do: {', '.join(item.to_do())}"] if item.to_do() else []
    for columns in (ID_COLUMNS, *TEXT_COLUMNS.values()):
        filled = [column for column in columns if tidy(row.cells.get(column, ""))]
        if len({tidy(row.cells[column]) for column in filled}) > 1:
            notes.append(f"{filled[0]} taken, {', '.join(filled[1:])} says something else")
    if len(source_note(row, first_filled(row.cells, ID_COLUMNS))) > LONGEST_NOTE:
        notes.append(f"source_note cut to {LONGEST_NOTE} characters")
    return "; ".join(notes)


# --- the folder --------------------------------------------------------------------------------
def write_folder(items: Sequence[ImportedItem], folder: Path, *, title: str, arms: Sequence[str]) -> None:
    """Write a new instrument folder; `FileExistsError` rather than touching one that is there."""
    folder.mkdir(parents=True)
    (folder / "texts").mkdir()
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(ITEM_COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(item.columns for item in items)
    (folder / "instrument.yaml").write_text(structure_yaml(items, folder.name, title, arms), encoding="utf-8")
    (folder / "texts" / f"{SOURCE_LOCALE}.yaml").write_text(texts_yaml(items, arms), encoding="utf-8")


def default_arms(items: Iterable[ImportedItem]) -> list[str]:
    """Take every country that a scenario is set in, in alphabetical order."""
    return sorted({item.columns["scenario_country"] for item in items} - {""})


def structure_yaml(items: Sequence[ImportedItem], code: str, title: str, arms: Sequence[str]) -> str:
    """Write ``instrument.yaml``: own-country items only, everything else as shipped."""
    shipped = yaml.safe_load((SHIPPED / "instrument.yaml").read_text(encoding="utf-8"))
    supply = Counter(item.columns["scenario_country"] for item in items)
    structure = {
        "code": code,
        "title": title,
        "consent_version": "1",
        "source_locale": SOURCE_LOCALE.value,
        **{key: value for key, value in shipped.items() if key not in OWN_KEYS},
        "arms": {
            country: {
                "locales": [SOURCE_LOCALE.value],
                "close": [],
                "far": [],
                "items": {"core": 0, "same": supply[country], "close": 0, "far": 0},
            }
            for country in arms
        },
    }
    note = (
        "# Imported. Each arm is one respondent country: strike out those that you do not field, say which countries\n"
        "# are close and far, how many items a participant gets of each relation, and add locales as you write them.\n"
    )
    return note + yaml.safe_dump(structure, sort_keys=False, allow_unicode=True)


def texts_yaml(items: Sequence[ImportedItem], arms: Sequence[str]) -> str:
    """Write the source locale's texts; what the source lacks is an empty text marked as to do."""
    names = {country_key(country): str(Country(country).label) for country in arms}
    pages: dict[str, dict[str, str]] = {}
    lines = [f"locale: {SOURCE_LOCALE}", f"status: {TextStatus.MACHINE_DRAFT}"]
    lines += ["# An empty text is to do: the source has none. `manage.py check_instrument` lists them all.", ""]
    for key in (*PAGE_KEYS, *names):
        section, _, name = key.partition(".")
        pages.setdefault(section, {})[name] = names.get(key, "")
    for section, entries in pages.items():
        if "" in entries:
            lines.append(text_line(section, entries[""], 0))
        else:
            lines += [f"{section}:", *(text_line(name, body, 1) for name, body in entries.items())]
    lines += ["", "items:"]
    for item in items:
        lines += [f'  "{item.code}":', *(text_line(name, body, 2) for name, body in item.texts.items())]
    return "\n".join(lines) + "\n"


def text_line(name: str, body: str, depth: int) -> str:
    quoted = yaml.safe_dump(body, default_style='"', allow_unicode=True, width=float("inf")).strip()
    return f"{'  ' * depth}{name}: {quoted}" + ("" if body else "  # to do")


# --- the report --------------------------------------------------------------------------------
REPORT_COLUMNS = ("file", "line", "source_id", "result", "code", "note")


def report_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-import.csv")


def write_report(outcomes: Iterable[Outcome], path: Path) -> None:
    """Write what became of every row, in the order of the source."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(REPORT_COLUMNS)
        for row, source_id, item, note in outcomes:
            result = "taken" if item else "refused"
            writer.writerow([row.file, row.line, source_id, result, item.code if item else "", note])
