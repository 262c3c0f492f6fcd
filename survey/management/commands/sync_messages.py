"""``manage.py sync_messages``: bring the catalogues of the participants' pages in line with code and templates.

Needs Babel (in requirements-dev.txt), not the gettext programs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation.template import templatize

from survey.enums import Locale

LOCALE_DIR = Path(__file__).resolve().parents[2] / "locale"
SOURCE = Locale.EN_US  # the strings in the code are its texts
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = """\
# Participants' pages, {locale}. Machine draft until a person has reviewed it.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural}\\n"

"""
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None}


def catalogue_path(locale: Locale) -> Path:
    return LOCALE_DIR / locale.value.replace("-", "_") / "LC_MESSAGES" / "django.po"


def translated_locales() -> list[Locale]:
    return [locale for locale in Locale if locale != SOURCE]


def sources() -> Iterator[Path]:
    """List the files whose strings participants see: the survey's code, not the models', and its templates."""
    root = Path(settings.BASE_DIR)
    for path in sorted((root / "survey").rglob("*.py")):
        if "llm" not in path.parts and "migrations" not in path.parts:
            yield path
    yield from sorted((root / "templates" / "survey").rglob("*.html"))


def extract_messages() -> list[str]:
    """List every translatable string once, in the order met."""
    found: dict[str, None] = {}
    for path in sources():
        text = path.read_text(encoding="utf-8")
        code = templatize(text, origin=str(path)) if path.suffix == ".html" else text
        for _, message, _, _ in extract("python", io.BytesIO(code.encode()), keywords=KEYWORDS):
            found[str(message)] = None
    return list(found)


def read_catalogue(locale: Locale) -> Catalog:
    path = catalogue_path(locale)
    if not path.exists():
        return Catalog(locale=locale.value.replace("-", "_"))
    with path.open("rb") as file:
        return read_po(file, locale=locale.value.replace("-", "_"))


def merge(old: Catalog, messages: list[str], locale: Locale) -> Catalog:
    """Keep the translations of the messages that are still there; new ones are empty until translated."""
    new = Catalog(locale=locale.value.replace("-", "_"), creation_date=NO_DATE, revision_date=NO_DATE, fuzzy=False)
    for message in messages:
        known = old.get(message)
        new.add(message, known.string if known else "")
    return new


def compile_catalogue(catalogue: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def po_bytes(catalogue: Catalog, locale: Locale) -> bytes:
    """Write a catalogue under a header that says only what is needed, so that nothing changes but texts."""
    out = io.BytesIO()
    write_po(out, catalogue, width=110, omit_header=True)
    return HEADER.format(locale=locale.value, plural=catalogue.plural_forms).encode() + out.getvalue()


class Command(BaseCommand):
    help = "Bring the message catalogues in line with code and templates, and compile them."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        messages = extract_messages()
        for locale in translated_locales():
            catalogue = merge(read_catalogue(locale), messages, locale)
            path = catalogue_path(locale)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(po_bytes(catalogue, locale))
            path.with_suffix(".mo").write_bytes(compile_catalogue(catalogue))
            missing = [m.id for m in catalogue if m.id and not m.string]
            where = f" in survey/locale/{path.relative_to(LOCALE_DIR)}" if missing else ""
            self.stdout.write(f"{locale.value}: {len(messages)} messages, {len(missing)} untranslated{where}")
            for message in missing:
                self.stdout.write(f"  {message}")
