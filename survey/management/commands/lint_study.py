"""``manage.py lint_study CODE``: check a study's arms against what their panels allow."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.models import Study
from survey.panels.lint import lint_arm
from survey.panels.rules import Severity


class Command(BaseCommand):
    help = "Check the codes and exit addresses of a study's arms; errors keep the study from opening."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="code of the study")

    def handle(self, *args: Any, code: str, **options: Any) -> None:
        study = Study.objects.filter(code=code).first()
        if study is None:
            raise CommandError(f"there is no study {code}")
        n_errors = 0
        for arm in study.arms.select_related("study__version"):
            for violation in lint_arm(arm):
                self.stdout.write(f"{arm.country}: {violation}")
                n_errors += violation.severity == Severity.ERROR
        if n_errors:
            raise CommandError(f"{n_errors} error(s): {code} cannot be opened")
        self.stdout.write(f"no errors: {code} can be opened")
