"""``manage.py validate_release FOLDER``: check a release by itself, without a database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.release.validation import validate
from analysis.release.validation.elsewhere import ask_others
from survey.flow.counted import counted


class Command(BaseCommand):
    help = (
        "Check a release: checksums, descriptions, every cell, identifiers, cover of people, tables against each other."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder")
        findings = validate(folder)
        for told in ask_others(folder):
            findings += told.findings
            if not told.is_installed:
                self.stdout.write(f"not asked: {told.name} is not installed (pip install {told.name})")
        for finding in findings:
            self.stdout.write(str(finding))
        if findings:
            raise CommandError(f"{folder}: {counted(len(findings), 'finding')}")
        self.stdout.write(f"{folder}: valid")
