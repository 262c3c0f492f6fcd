"""``manage.py upkeep``: what is due of the night's work, asked for every ten minutes by a timer or by itself."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.clock import Clock
from analysis.upkeep import retention_options, run_due


class Command(BaseCommand):
    help = (
        "Where they are due: make the nightly backup (BACKUP_DIR, BACKUP_KEEP), delete what was kept for long enough "
        "(RETENTION_…_DAYS)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", action="store_true", help="make a backup although none is due")
        parser.add_argument(
            "--forever",
            action="store_true",
            help="stay, and every ten minutes start this command and check_alarms --send: where no timer does",
        )
        parser.add_argument("--sign", type=Path, help="with --forever: a file to touch every time, for a health check")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["forever"]:
            Clock(options["sign"]).run()
            return
        signal.signal(signal.SIGTERM, end)
        if options["now"] and not settings.BACKUP_DIR:
            raise CommandError("no backups are made here: set BACKUP_DIR, and BACKUP_KEEP above 0")
        if not settings.BACKUP_DIR and not retention_options():
            self.stdout.write("nothing to do: neither BACKUP_DIR nor RETENTION_…_DAYS is set")
        if run_due(is_asked=options["now"]):
            sys.exit(1)  # the log says what failed


def end(number: int, frame: FrameType | None) -> None:
    """Have a signal end the process as an error would, so that nothing half done is left behind."""
    sys.exit(128 + number)
