"""``manage.py erase STUDY --receipt CODE``: delete what is kept of one person, at their wish."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.extract import pseudonym_of
from analysis.live_summary import count_answers
from survey.domain.audit import record
from survey.domain.erasure import NotYet, erase, find_session, held_of, take_out
from survey.domain.sealing import refuse_missing_keys
from survey.models import Study
from survey.models.sealed import WrongKeyError


class Command(BaseCommand):
    help = "Delete what is kept of one person. Releases that are out cannot be called back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="code of the study")
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--receipt", default="", help="the code on their last page")
        who.add_argument("--person", default="", help="the panel's id of them")
        parser.add_argument("--by", default="", help="who answers for it; goes into the log")
        parser.add_argument("--dry-run", action="store_true", help="only say what is kept of them")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(code=options["study"]).first()
        if study is None:
            raise CommandError(f"there is no study {options['study']}")
        session = find_session(study, receipt=options["receipt"], person=options["person"])
        if session is None:
            if options["person"]:
                self.refuse_missing_keys()
            raise CommandError(f"nobody in this study has this {'code' if options['receipt'] else 'id'}")
        if options["dry_run"]:
            self.stdout.write(f"respondent_id in exports: {pseudonym_of(session.participant_id)}")
            self.tell(held_of(session), "would be deleted")
            return
        if not options["by"]:
            raise CommandError("say who answers for it: --by NAME")
        try:
            take_out(session)
            count_answers()  # the live counts read the answers once more to take them away
            record(options["by"], "erase", {"study": study.code, "session": session.pk}, {})
            held = erase(session)
        except NotYet as error:
            raise CommandError(str(error)) from error
        self.tell(held, "deleted")

    def refuse_missing_keys(self) -> None:
        """Not have somebody told that nothing is kept of them where it only cannot be read."""
        try:
            refuse_missing_keys()
        except WrongKeyError as error:
            raise CommandError(str(error)) from error

    def tell(self, held: dict[str, int], what: str) -> None:
        for name, n in held.items():
            self.stdout.write(f"{name}: {n} {what}")
