"""``manage.py mark_texts KEY… --locale L --status S --by NAME``: record a review act in an instrument's files."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from survey.enums import TextStatus
from survey.instruments.loader import SHIPPED, read_instrument
from survey.instruments.marking import Act, Outcome, mark
from survey.instruments.provenance import note_drafts, write_records
from survey.instruments.schema import Definition, validate


class Command(BaseCommand):
    help = "Record who translated, reviewed or adjudicated texts, one step at a time; refused texts stay as they are."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("keys", nargs="*", help="keys or globs, such as consent.task or 'items.BR*'")
        parser.add_argument("--instrument", type=Path, default=SHIPPED, metavar="FOLDER")
        parser.add_argument("--locale")
        parser.add_argument("--status", choices=TextStatus.values)
        parser.add_argument("--by", default="", metavar="NAME", help="who did it; of a machine draft: its translator")
        parser.add_argument("--note", default="")
        parser.add_argument("--back", action="store_true", help="the status is lower than before, and that is meant")
        parser.add_argument(
            "--drafts", action="store_true",
            help="note instead that the drafts of the keys were made from the present source, in every locale; "
            "without keys: of those whose source is not noted yet",
        )  # fmt: skip

    def handle(self, *args: Any, instrument: Path, drafts: bool, **options: Any) -> None:
        definition = read_instrument(instrument)
        problems = validate(definition)
        if problems:
            raise CommandError(f"{problems[0]}\n{len(problems)} problem(s): see check_instrument {instrument}")
        if drafts:
            noted = note_drafts(instrument, definition, options["keys"])
            self.stdout.write(f"{len(noted)} source text(s) noted")
            return
        act = self.act(definition, **options)
        outcomes = mark(definition, act)
        self.tell(outcomes)
        marked = {outcome.key: outcome.entry for outcome in outcomes if outcome.entry}
        if marked:
            write_records(instrument, act.locale, {**definition.texts[act.locale].entries, **marked})

    def act(self, definition: Definition, **options: Any) -> Act:
        if not (options["keys"] and options["locale"] and options["status"] and options["by"].strip()):
            raise CommandError("say which keys, --locale, --status and --by whom")
        if options["locale"] not in definition.texts:
            raise CommandError(f"{options['locale']} is none of {', '.join(definition.texts)}")
        return Act(
            locale=options["locale"],
            keys=options["keys"],
            status=TextStatus(options["status"]),
            person=options["by"].strip(),
            note=options["note"].strip(),
            goes_back=options["back"],
        )

    def tell(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.reason:
                self.stderr.write(f"refused {outcome.key}: {outcome.reason}")
        counts = Counter(outcome.result for outcome in outcomes)
        self.stdout.write(", ".join(f"{counts[name]} {name}" for name in ("marked", "unchanged", "refused")))
        if counts["refused"] == len(outcomes):
            raise CommandError("nothing was marked")
