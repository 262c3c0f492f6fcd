"""``manage.py export``: a study's data as files."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.export.folder import FORMATS, write_folder
from analysis.extract import Selection
from survey.models import Study


class Command(BaseCommand):
    help = "Write a study's data into a folder: long (with codebook), pact (the paper's files) or all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="code of the study")
        parser.add_argument("--out", type=Path, required=True, help="folder to write into")
        parser.add_argument("--format", choices=FORMATS, default="long")
        parser.add_argument("--real-only", action="store_true", help="leave simulated rows out")
        parser.add_argument("--complete-only", action="store_true", help="leave unfinished sessions out")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(code=options["study"]).first()
        if study is None:
            raise CommandError(f"there is no study {options['study']!r}")
        selection = Selection(not options["real_only"], options["complete_only"])
        try:
            paths = write_folder(study, options["out"], options["format"], selection)
        except OSError as error:
            raise CommandError(f"cannot write into {options['out']}: {error}") from error
        for path in paths:
            self.stdout.write(f"{path} ({path.stat().st_size} bytes)")
