"""``manage.py export_texts --locale L --format F --out FILE``: give translators the texts of a locale."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.instruments.exchange import units
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.schema import validate
from survey.instruments.translator_files import FORMATS


class Command(BaseCommand):
    help = "Write the texts of a locale with their source, context, notes and lengths as PO, XLIFF 1.2 or CSV."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("keys", nargs="*", help="keys or globs; without: all")
        parser.add_argument("--instrument", type=Path, default=SHIPPED, metavar="FOLDER")
        parser.add_argument("--locale", required=True)
        parser.add_argument("--format", choices=list(FORMATS), default="po")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE")

    def handle(
        self, *args: Any, keys: list[str], instrument: Path, locale: str, format: str, out: Path, **options: Any
    ) -> None:
        definition = read_instrument(instrument)
        problems = validate(definition)
        if problems:
            raise CommandError(f"{problems[0]}\n{len(problems)} problem(s): see check_instrument {instrument}")
        source_locale = definition.structure["source_locale"]
        targets = [name for name in definition.texts if name != source_locale]
        if locale not in targets:
            raise CommandError(f"{locale} is none of {', '.join(targets)}")
        found = units(definition, locale, keys or ["*"])
        out.write_bytes(FORMATS[format].write(found, definition.code, source_locale, locale))
        n_stale = sum(unit.is_stale for unit in found)
        self.stdout.write(f"{out}: {len(found)} texts for {locale}, {n_stale} of them stale")
