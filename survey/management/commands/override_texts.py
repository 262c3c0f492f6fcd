"""``manage.py override_texts CODE --by NAME --reason TEXT``: let a study open with its texts as they are."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.domain.translations import override_texts, text_faults
from survey.models import Study


class Command(BaseCommand):
    help = "Record who decides, and why, that a study may open although texts are below the status it asks for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="code of the study")
        parser.add_argument("--by", default="", help="who decides; without: only list what is below the status")
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, code: str, by: str, reason: str, **options: Any) -> None:
        study = Study.objects.filter(code=code).first()
        if study is None:
            raise CommandError(f"there is no study {code}")
        for fault in text_faults(study):
            self.stdout.write(str(fault))
        if not by and not reason:
            return
        try:
            decision = override_texts(study, by=by, reason=reason)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{code}: {sum(decision.counts.values())} text(s) accepted by {decision.by}")
