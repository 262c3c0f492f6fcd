"""``manage.py reset_factors USER --by NAME``: let somebody in again who lost their second factor."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from pact_site.accounts.factors import reset_factors


class Command(BaseCommand):
    help = "Forget somebody's second factors and end their sessions; they set up new ones at their next login."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")
        parser.add_argument("--by", required=True, help="who decided this after making sure who asked; it is logged")

    def handle(self, *args: Any, user: str, by: str, **options: Any) -> None:
        found = User.objects.filter(username=user).first()
        if found is None:
            raise CommandError(f"there is no account {user}")
        n_factors = reset_factors(found, by)
        self.stdout.write(f"{user}: {n_factors} factor(s) forgotten, logged out everywhere")
