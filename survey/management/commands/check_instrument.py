"""``manage.py check_instrument PATH``: list what is wrong with an instrument folder."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.provenance import warnings
from survey.instruments.schema import validate


class Command(BaseCommand):
    help = "Check an instrument folder; every problem and warning names file, line and key."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, nargs="?", default=SHIPPED)

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        if not path.is_dir():
            raise CommandError(f"{path} is not a folder")
        definition = read_instrument(path)
        problems = validate(definition)
        for problem in problems:
            self.stderr.write(str(problem))
        if problems:
            raise CommandError(f"{len(problems)} problem(s) in {path}")
        for warning in warnings(definition):
            self.stderr.write(f"warning: {warning}")
        n_texts = sum(len(file.entries) for file in definition.texts.values())
        self.stdout.write(
            f"{definition.code}: {len(definition.items)} items, {len(definition.texts)} locales, {n_texts} texts, "
            f"content {definition.content_hash[:12]}: in order"
        )
