"""``manage.py import_items CSV --out FOLDER``: make an instrument folder of the paper's published files."""

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.enums import Country
from survey.instruments import importer

CODE = re.compile(r"[-a-zA-Z0-9_]{1,50}")


class Command(BaseCommand):
    help = "Make an instrument folder of published CSV files; what they lack stays to do, and every row is reported."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("csv", type=Path, nargs="+", help="base_instances or benchmark files")
        parser.add_argument("--out", type=Path, required=True, help="the new folder; its name is the instrument's code")
        parser.add_argument("--title", default="Imported items")
        parser.add_argument(
            "--arms", nargs="+", choices=Country.values, metavar="COUNTRY",
            help="respondent countries (ISO codes); without: every country that an item is set in",
        )  # fmt: skip

    def handle(
        self, *args: Any, csv: list[Path], out: Path, title: str, arms: list[str] | None, **options: Any
    ) -> None:
        out = out.absolute()
        if not CODE.fullmatch(out.name):
            raise CommandError(
                f"{out.name!r} cannot be an instrument's code: letters, digits, - and _ only, at most 50"
            )
        report = importer.report_path(out)
        for path in (out, report):
            if path.exists():
                raise CommandError(f"{path} is there already; codes once given stay: import into a new folder")
        outcomes = importer.import_rows(self.read(csv))
        items = [outcome.item for outcome in outcomes if outcome.item]
        out.parent.mkdir(parents=True, exist_ok=True)
        importer.write_report(outcomes, report)
        self.summarize(outcomes, report)
        if not items:
            raise CommandError("no row could be taken; no folder was written")
        importer.write_folder(items, out, title=title, arms=arms or importer.default_arms(items))
        self.stdout.write(f"{out}: fill in what `manage.py check_instrument {out}` names, then load it")

    def read(self, paths: list[Path]) -> list[importer.SourceRow]:
        rows: list[importer.SourceRow] = []
        for path in paths:
            try:
                source = importer.read_source(path)
            except (OSError, ValueError) as error:
                raise CommandError(str(error)) from error
            if source.ignored:
                self.stdout.write(f"{path.name}: columns not used: {', '.join(source.ignored)}")
            rows += source.rows
        return rows

    def summarize(self, outcomes: list[importer.Outcome], report: Path) -> None:
        """Count what was taken, and the reasons of what was not; the report has the rows."""
        items = [outcome.item for outcome in outcomes if outcome.item]
        refused: dict[str, list[str]] = defaultdict(list)
        for outcome in outcomes:
            if outcome.item is None:
                refused[outcome.note.partition(":")[0]].append(outcome.note)
        self.stdout.write(
            f"{len(outcomes)} row(s): {len(items)} taken, {len(outcomes) - len(items)} refused; see {report}"
        )
        for reason, notes in sorted(refused.items(), key=lambda pair: -len(pair[1])):
            self.stdout.write(f"  refused {len(notes)}: {notes[0] if len(set(notes)) == 1 else reason}")
        to_do = Counter(name for item in items for name in item.to_do())
        if to_do:
            self.stdout.write(f"  to do: {', '.join(f'{name} ({n})' for name, n in to_do.most_common())}")
