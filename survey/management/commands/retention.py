"""``manage.py retention --identifiers-days 90``: delete what closed studies have kept for long enough."""

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.domain.audit import record
from survey.domain.erasure import delete_all, past_keeping
from survey.enums import StudyState
from survey.models import Study


class Command(BaseCommand):
    help = "Delete identifiers and page events of studies that have been closed for so many days. Meant for cron."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("studies", nargs="*", help="codes; without: every closed study")
        parser.add_argument(
            "--identifiers-days", type=_whole, help="keep the panels' identifiers so long after closing"
        )
        parser.add_argument("--paradata-days", type=_whole, help="keep page events so long after closing")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        days = {
            "identifiers": _days(options["identifiers_days"]),
            "paradata": _days(options["paradata_days"]),
        }
        if all(each is None for each in days.values()):
            raise CommandError("say how long to keep what: --identifiers-days N, --paradata-days N, or both")
        studies = Study.objects.filter(state=StudyState.CLOSED, is_imported=False)
        if options["studies"]:
            studies = studies.filter(code__in=options["studies"])
        for study in studies:
            found = past_keeping(study, **days)
            counts = {name: rows.count() for name, rows in found.items()}
            if not options["dry_run"] and any(counts.values()):
                record("manage.py", "retention", {"study": study.code}, counts)
                delete_all(found.values())
            if not counts:
                self.stdout.write(f"{study.code}: not closed for so long, nothing to delete")
            for name, n in counts.items():
                self.stdout.write(f"{study.code}: {n} {name} {'would be deleted' if options['dry_run'] else 'deleted'}")
        if not studies and not options["studies"]:
            self.stdout.write("no study is closed: nothing to delete")
        for code in sorted(set(options["studies"]) - {study.code for study in studies}):
            self.stdout.write(f"{code}: not a closed study, nothing deleted")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is no number of days")
    return int(text)


def _days(n: int | None) -> timedelta | None:
    return None if n is None else timedelta(days=n)
