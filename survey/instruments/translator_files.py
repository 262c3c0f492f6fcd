"""Translators' files: PO, XLIFF 1.2 and CSV, each written and read. XLIFF 1.2 is what most tools take."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree  # nosec B405

from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po, write_po

from survey.csv_reader import csv_reader, is_blank, other_marks
from survey.instruments.exchange import Incoming, Unit
from survey.instruments.schema import placeholders

CSV_COLUMNS = ("key", "locale", "source", "target", "context", "note", "max_length", "stale")
NAMESPACE = "urn:oasis:names:tc:xliff:document:1.2"
DONE_STATES = {"translated", "signed-off", "final", "needs-review-translation"}
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
ONE_LINE = 1_000_000  # characters before a line would break
BOM = "\ufeff"  # spreadsheets take a CSV file for UTF-8 only with it


class BadFile(ValueError):
    """The file as a whole cannot be read."""


class Format(NamedTuple):
    write: Callable[[Sequence[Unit], str, str, str], bytes]  # units, instrument, source locale, locale
    read: Callable[[bytes], list[Incoming]]


# --- PO ----------------------------------------------------------------------------------------
def write_po_file(units: Sequence[Unit], instrument: str, source_locale: str, locale: str) -> bytes:
    """Write a catalogue whose contexts are the keys; a stale translation is marked fuzzy."""
    catalogue = Catalog(
        locale=locale.replace("-", "_"), project=instrument, version=source_locale, fuzzy=False,
        creation_date=NO_DATE, revision_date=NO_DATE,
    )  # fmt: skip
    for unit in units:
        comments = [unit.context, *filter(None, [unit.note]), f"At most {unit.max_length} characters"]
        flags = {"fuzzy"} if unit.is_stale else set()
        flags |= {"python-brace-format"} if placeholders(unit.source) else set()
        catalogue.add(unit.source, unit.target, context=unit.key, auto_comments=comments, flags=flags)
    out = io.BytesIO()
    write_po(out, catalogue, width=ONE_LINE)
    return out.getvalue()


def read_po_file(content: bytes) -> list[Incoming]:
    try:
        catalogue = read_po(io.BytesIO(content), abort_invalid=True)
    except (PoFileError, UnicodeDecodeError, ValueError, LookupError) as error:  # LookupError: a charset unknown
        raise BadFile(f"not a valid PO file: {error}") from error
    locale = (catalogue.locale_identifier or "").replace("_", "-")
    return [
        Incoming(
            f"line {message.lineno}",
            message.context or "",
            locale,
            str(message.id),
            str(message.string or ""),
            is_done=True,
            fault="marked fuzzy: not finished" if message.fuzzy else "",
        )
        for message in catalogue
        if message.id
    ]


# --- XLIFF -------------------------------------------------------------------------------------
class NoDoctype(ElementTree.TreeBuilder):
    """Builds the tree of a document that declares nothing: no entities, none from elsewhere, none that swell."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise BadFile("a document type is declared; XLIFF needs none")


def write_xliff_file(units: Sequence[Unit], instrument: str, source_locale: str, locale: str) -> bytes:
    root = ElementTree.Element("xliff", {"version": "1.2", "xmlns": NAMESPACE})
    attributes = {
        "original": instrument, "source-language": source_locale, "target-language": locale, "datatype": "plaintext",
    }  # fmt: skip
    body = ElementTree.SubElement(ElementTree.SubElement(root, "file", attributes), "body")
    for unit in units:
        attributes = {"id": unit.key, "maxwidth": str(unit.max_length), "size-unit": "char", "xml:space": "preserve"}
        element = ElementTree.SubElement(body, "trans-unit", attributes)
        ElementTree.SubElement(element, "source").text = unit.source
        state = "needs-translation" if unit.is_stale or not unit.target else "translated"
        ElementTree.SubElement(element, "target", {"state": state}).text = unit.target
        for text in filter(None, [unit.context, unit.note]):
            ElementTree.SubElement(element, "note", {"from": "developer"}).text = text
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def read_xliff_file(content: bytes) -> list[Incoming]:
    try:
        parser = ElementTree.XMLParser(target=NoDoctype())  # noqa: S314 (no document type, so no entities)  # nosec B314
        parser.feed(content)
        root = parser.close()
    except ElementTree.ParseError as error:
        raise BadFile(f"not valid XML: {error}") from error
    if root.tag != f"{{{NAMESPACE}}}xliff":
        raise BadFile("not an XLIFF 1.2 file")
    rows = []
    for file in root.iter(f"{{{NAMESPACE}}}file"):
        locale = file.get("target-language", "")
        rows += [xliff_row(unit, locale) for unit in file.iter(f"{{{NAMESPACE}}}trans-unit")]
    return rows


def xliff_row(unit: ElementTree.Element, locale: str) -> Incoming:
    source, target = (unit.find(f"{{{NAMESPACE}}}{name}") for name in ("source", "target"))
    key = unit.get("id", "")
    is_done = target is not None and target.get("state") in DONE_STATES
    return Incoming(f"unit {key}", key, locale, inner_text(source), inner_text(target), is_done)


def inner_text(element: ElementTree.Element | None) -> str:
    return "" if element is None else "".join(element.itertext())


# --- CSV ---------------------------------------------------------------------------------------
def write_csv_file(units: Sequence[Unit], instrument: str, source_locale: str, locale: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for u in units:
        writer.writerow(
            [u.key, locale, u.source, u.target, u.context, u.note, u.max_length, "yes" if u.is_stale else ""]
        )
    return (BOM + out.getvalue()).encode()


def read_csv_file(content: bytes) -> list[Incoming]:
    try:
        reader = csv_reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = next(reader, [])
        missing = [name for name in CSV_COLUMNS[:4] if name not in header]
        if missing and (marks := other_marks(header)):
            raise BadFile(f"the columns are separated by {marks}: save it as CSV with commas")
        if missing:
            raise BadFile(f"column(s) missing: {', '.join(missing)}")
        return list(csv_rows(header, [(reader.line_num, values) for values in reader if not is_blank(values)]))
    except (UnicodeDecodeError, csv.Error) as error:
        how = "in Excel: Save as, “CSV UTF-8 (comma delimited)”"
        raise BadFile(f"not a CSV file in UTF-8 ({how}): {error}") from error


def csv_rows(header: Sequence[str], lines: Iterable[tuple[int, list[str]]]) -> Iterable[Incoming]:
    for line, values in lines:
        place = f"line {line}"
        if len(values) != len(header):
            fault = f"{len(values)} cells where the header has {len(header)}"
            yield Incoming(place, values[0] if values else "", "", "", "", fault=fault)
            continue
        row = dict(zip(header, values, strict=True))
        yield Incoming(place, row["key"], row["locale"], row["source"], row["target"])


FORMATS = {
    "po": Format(write_po_file, read_po_file),
    "xliff": Format(write_xliff_file, read_xliff_file),
    "csv": Format(write_csv_file, read_csv_file),
}
SUFFIXES = {".po": "po", ".xliff": "xliff", ".xlf": "xliff", ".csv": "csv"}
