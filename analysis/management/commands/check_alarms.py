"""``manage.py check_alarms``: looks at every study from outside the workers, and tells whom it concerns."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analysis.alarms import domain, sending
from analysis.alarms.models import Alarm


class Command(BaseCommand):
    help = "Looks for alarms and, with --send, tells of them: for cron, as a watch over the workers themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--send", action="store_true", help="also send what waits to be told")

    def handle(self, *args: Any, **options: Any) -> None:
        for study in domain.studies_to_watch():
            domain.check_study(study)
        sending.bundle_notices()
        if options["send"]:
            self.stdout.write(f"{sending.send_due()} sent")
        for alarm in Alarm.objects.filter(closed_at=None).select_related("study"):
            self.stdout.write(f"{alarm.study.code}  {alarm.get_kind_display()}  {alarm.text}")
