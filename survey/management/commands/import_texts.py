"""``manage.py import_texts FILE --translator NAME``: take translations into an instrument's files, row by row."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.instruments.exchange import Judged, judge
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.provenance import write_records
from survey.instruments.rewriting import replace_texts, write_file
from survey.instruments.schema import Definition, validate
from survey.instruments.translator_files import FORMATS, SUFFIXES, BadFile


class Command(BaseCommand):
    help = "Take a translator's file into an instrument folder; every row is reported, a bad one costs no good one."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--translator", required=True, metavar="NAME")
        parser.add_argument("--instrument", type=Path, default=SHIPPED, metavar="FOLDER")
        parser.add_argument("--locale", help="refuse rows of another; without: the locale of the first row")
        parser.add_argument("--format", choices=list(FORMATS), help="without: by the file's name")
        parser.add_argument("--dry-run", action="store_true", help="report only, write nothing")

    def handle(
        self, *args: Any, file: Path, translator: str, instrument: Path, locale: str | None, **options: Any
    ) -> None:
        definition = read_instrument(instrument)
        problems = validate(definition)
        if problems:
            raise CommandError(f"{problems[0]}\n{len(problems)} problem(s): see check_instrument {instrument}")
        format = options["format"] or SUFFIXES.get(file.suffix)
        if format is None:
            raise CommandError(f"{file.name}: say its --format, one of {', '.join(FORMATS)}")
        if not translator.strip():
            raise CommandError("name the translator")
        try:
            rows = FORMATS[format].read(file.read_bytes())
        except (OSError, BadFile) as error:
            raise CommandError(f"{file}: {error}") from error
        locale = locale or next((row.locale for row in rows if row.locale), "")
        if locale not in definition.texts or locale == definition.structure["source_locale"]:
            raise CommandError(f"{locale!r} is no locale to translate into")
        judged = list(judge(definition, locale, rows, translator.strip()))
        if not options["dry_run"]:
            self.write(instrument, definition, locale, judged)
        self.tell(judged, is_dry=options["dry_run"])

    def write(self, folder: Path, definition: Definition, locale: str, judged: list[Judged]) -> None:
        taken = {row.key: row.entry for row in judged if row.entry}
        if not taken:
            return
        path = folder / "texts" / f"{locale}.yaml"
        content = path.read_bytes().decode("utf-8-sig")
        old = definition.texts[locale].entries
        changed = {key: entry.body for key, entry in taken.items() if entry.body != old[key].body}
        write_file(path, replace_texts(content, changed))
        write_records(folder, locale, {**old, **taken})

    def tell(self, judged: list[Judged], *, is_dry: bool) -> None:
        for row in judged:
            reason = f": {row.reason}" if row.reason else ""
            self.stdout.write(f"{row.place}: {row.key}: {row.result}{reason}")
        counts = Counter(row.result for row in judged)
        summary = ", ".join(f"{counts[name]} {name}" for name in ("taken", "unchanged", "refused"))
        self.stdout.write(f"{summary}{'; nothing was written' if is_dry else ''}")
