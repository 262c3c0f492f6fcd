"""``manage.py import_submissions STUDY FILE --panel PANEL``: take over a panel's list of submissions."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.domain.submission_import import Verdict, look_at, store
from survey.enums import Country, PanelName
from survey.models import Study
from survey.panels.submission_files import COLUMNS, FIELDS, Layout, Unusable, read_file


class Command(BaseCommand):
    help = "Take over the submissions of a panel's CSV file; every row is reported by its line, without identifiers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="code of the study")
        parser.add_argument("file", type=Path)
        parser.add_argument("--panel", required=True, choices=[panel.value for panel in COLUMNS])
        parser.add_argument("--country", default="", choices=Country.values, metavar="COUNTRY", help="ISO code")
        parser.add_argument(
            "--column", action="append", default=[], metavar="FIELD=NAME",
            help=f"a column that is called otherwise; fields: {', '.join(FIELDS)}",
        )  # fmt: skip
        parser.add_argument("--dry-run", action="store_true", help="report, store nothing")

    def handle(self, *args: Any, study: str, file: Path, panel: str, country: str, **options: Any) -> None:
        found = Study.objects.filter(code=study).first()
        if found is None:
            raise CommandError(f"there is no study {study}")
        try:
            rows = read_file(file.read_bytes(), Layout(PanelName(panel), read_columns(options["column"])))
        except (OSError, Unusable) as error:
            raise CommandError(str(error)) from error
        lines = look_at(found, PanelName(panel), rows, country=country)
        for line in lines:
            self.stdout.write(f"line {line.line}: {line.verdict}: {line.note}")
        n = Counter(line.verdict for line in lines)
        if not options["dry_run"]:
            n[Verdict.TAKEN] = store(found, lines)
        counts = ", ".join(f"{n[verdict]} {verdict}" for verdict in Verdict)
        self.stdout.write(f"{counts}{'; nothing was stored (dry run)' if options['dry_run'] else ''}")


def read_columns(pairs: list[str]) -> dict[str, str]:
    columns = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if len(columns) != len(pairs) or not set(columns) <= set(FIELDS):
        raise CommandError(f"--column takes FIELD=NAME with one of {', '.join(FIELDS)}")
    return columns
