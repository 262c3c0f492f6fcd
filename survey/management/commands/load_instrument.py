"""``manage.py load_instrument PATH``: store an instrument folder as a version."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.domain.instruments import InvalidInstrument, load_instrument
from survey.instruments.loader import SHIPPED, read_instrument


class Command(BaseCommand):
    help = "Check an instrument folder and store it as a version; content that is stored already changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, nargs="?", default=SHIPPED)

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        if not path.is_dir():
            raise CommandError(f"{path} is not a folder")
        try:
            loaded = load_instrument(read_instrument(path))
        except InvalidInstrument as error:
            for problem in error.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"{len(error.problems)} problem(s) in {path}; nothing was stored") from None
        word = "stored" if loaded.is_new else "was stored already, nothing changed"
        self.stdout.write(f"{loaded.version} ({loaded.version.content_hash[:12]}) {word}")
