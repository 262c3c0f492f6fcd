"""``manage.py lint_instrument PATH``: warn about the content of an instrument folder."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.instruments.findings import Finding
from survey.instruments.lint import lint
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.schema import validate


class Command(BaseCommand):
    help = "Warn about an instrument's content: lengths, reading level, loaded options, stray characters, balance."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, nargs="?", default=SHIPPED)
        parser.add_argument("--strict", action="store_true", help="exit with an error where there is any warning")
        parser.add_argument("--format", choices=["text", "csv"], default="text")

    def handle(self, *args: Any, path: Path, strict: bool, format: str, **options: Any) -> None:
        if not path.is_dir():
            raise CommandError(f"{path} is not a folder")
        definition = read_instrument(path)
        n_problems = len(validate(definition))
        if n_problems:
            self.stderr.write(f"{n_problems} problem(s) beside the warnings: see check_instrument {path}")
        findings = lint(definition)
        if format == "csv":
            self.write_csv(findings)
        else:
            self.write_text(findings)
        if findings and strict:
            raise CommandError(f"{len(findings)} warning(s) in {path}")

    def write_csv(self, findings: list[Finding]) -> None:
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(Finding._fields)
        writer.writerows(findings)

    def write_text(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.stdout.write(str(finding))
        counts = Counter(finding.rule for finding in findings).most_common()
        summary = ", ".join(f"{n} {rule}" for rule, n in counts)
        self.stdout.write(f"{len(findings)} warning(s){': ' if summary else ''}{summary}")
