"""``manage.py reseal``: after a new key was put first into IDENTIFIER_KEYS, carry all identifiers over to it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.domain.audit import record
from survey.domain.sealing import reseal
from survey.models.sealed import WrongKeyError


class Command(BaseCommand):
    help = "Seal identifiers with the first of IDENTIFIER_KEYS; afterwards the other keys may go."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count the rows that another key sealed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = reseal(is_dry=options["dry_run"])
        except WrongKeyError as error:
            raise CommandError(str(error)) from error
        total = sum(found.values())
        if not options["dry_run"]:
            record("manage.py", "reseal", {}, {"rows": total})
        for column, n in found.items():
            self.stdout.write(f"{column}: {n}")
        told = "would be sealed anew" if options["dry_run"] else "sealed anew; keys after the first may go now"
        self.stdout.write(f"{total} rows {told}")
