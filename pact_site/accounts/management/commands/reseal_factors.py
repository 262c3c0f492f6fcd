"""``manage.py reseal_factors``: after a new SECRET_KEY, carry all second factors over to it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pact_site.accounts.factors import reseal_factors
from survey.domain.audit import record


class Command(BaseCommand):
    help = "Seal second factors with the present SECRET_KEY; afterwards they no longer need SECRET_KEY_FALLBACKS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what an earlier secret sealed")

    def handle(self, *args: Any, **options: Any) -> None:
        n_anew, lost = reseal_factors(is_dry=options["dry_run"])
        if not options["dry_run"]:
            record("manage.py", "reseal_factors", {}, {"factors": n_anew})
        self.stdout.write(f"{n_anew} factor(s) {'would be sealed' if options['dry_run'] else 'sealed'} anew")
        if lost:
            raise CommandError(
                f"no secret opens the factors of {', '.join(lost)}: put the one that sealed them into "
                "SECRET_KEY_FALLBACKS, or let them in again by reset_factors"
            )
