"""Read the stored replies of a run again, with the parser as it is now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from survey.llm.models import Run
from survey.llm.parsing import PARSER_VERSION
from survey.llm.reparsing import reparse


class Command(BaseCommand):
    help = "Read the stored replies of a run again and report what is read otherwise; nothing is asked again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="number of the run")
        parser.add_argument("--dry-run", action="store_true", help="report only")

    def handle(self, *args: Any, **options: Any) -> None:
        run = Run.objects.select_related("study").filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.")
        report = reparse(run, is_dry=options["dry_run"])
        done = "would be" if options["dry_run"] else "were"
        self.stdout.write(f"{report.n_read:,} replies read by parser {PARSER_VERSION}.")
        for change, n in report.changes.most_common():
            keys = ", ".join(map(str, report.examples[change]))
            self.stdout.write(f"{n:,} {done} changed from “{change.old}” to “{change.new}”, such as {keys}.")
        if report.n_probabilities:
            self.stdout.write(f"{report.n_probabilities:,} probabilities {done} changed.")
        if not report.n_changed and not report.n_probabilities:
            self.stdout.write("All are read as before.")
