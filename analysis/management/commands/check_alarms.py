"""``manage.py check_alarms``: looks at every study from outside the workers, and tells whom it concerns."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from analysis.alarms import domain, sending
from analysis.alarms.letters import host_of
from analysis.alarms.models import Alarm
from analysis.alarms.tasks import check
from survey.trouble import Trouble, lately, note_told, untold


class Command(BaseCommand):
    failed: Sequence[str] = ()  # studies
    help = "Looks for alarms and, with --send, tells of them: for cron, as a watch over the workers themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--send", action="store_true", help="also send what waits to be told")

    def handle(self, *args: Any, **options: Any) -> None:
        kinds = set(lately())
        troubles = [f"Participants' pages were refused in the last ten minutes: {kind}." for kind in sorted(kinds)]
        try:
            self.look(is_sent=options["send"])
        except (OperationalError, InterfaceError) as error:
            kinds.add(Trouble.AWAY)
            troubles.append(f"The alarms could not be looked at, the database refuses: {error}")
        if not troubles:
            if self.failed:
                raise CommandError(f"the look failed at {', '.join(self.failed)}: the log says why")
            return
        told = "\n".join([f"PACT Site at {settings.SITE_URL}", *troubles])
        # By mail at once, then once an hour: the database cannot keep such an alarm.
        if options["send"] and untold(kinds):
            subject = f"PACT Site at {host_of(settings.SITE_URL)}: the database is in trouble"
            send_mail(subject, told, None, [settings.CONTACT_EMAIL])
            note_told(kinds)
        raise CommandError(told)

    def look(self, *, is_sent: bool) -> None:
        studies = domain.studies_to_watch()
        self.failed = [study.code for study in studies if not check(study, is_thorough=True)]
        sending.bundle_notices()
        if is_sent:
            self.stdout.write(f"{sending.send_due()} sent")
        for alarm in Alarm.objects.filter(closed_at=None).select_related("study"):
            self.stdout.write(f"{alarm.study.code}  {alarm.get_kind_display()}  {alarm.text}")
