"""``manage.py export``: a study's data as files; what people answered only once the study shows it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from analysis.blinding import is_withheld
from analysis.export.folder import FORMATS, write_folder
from analysis.extract import ALL_TABLES, Selection
from survey.domain.audit import record
from survey.domain.study_states import IllegalStudyChange, unblind_study
from survey.models import Study


class Command(BaseCommand):
    help = "Write a study's data into a folder: long (with codebook), pact (the paper's files) or all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="code of the study")
        parser.add_argument("--out", type=Path, required=True, help="folder to write into")
        parser.add_argument("--format", choices=FORMATS, default="long")
        parser.add_argument("--real-only", action="store_true", help="leave simulated rows out")
        parser.add_argument("--complete-only", action="store_true", help="leave unfinished sessions out")
        parser.add_argument("--unblind", default="", metavar="REASON", help="show hidden outcomes first, for good")
        parser.add_argument("--by", default="", help="who unblinds; stands in the study's record and in the log")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(code=options["study"]).first()
        if study is None:
            raise CommandError(f"there is no study {options['study']!r}")
        if options["unblind"] and study.unblinded_at is None:
            unblind(study, by=options["by"], reason=options["unblind"])
        if hidden := [name for name in FORMATS[options["format"]] if is_withheld(study, ALL_TABLES[name])]:
            raise CommandError(
                f"the outcomes of this study are hidden, and {', '.join(hidden)} would tell them: unblind it on its"
                " Results page, or here with --unblind REASON --by NAME; it cannot be taken back"
            )
        selection = Selection(not options["real_only"], options["complete_only"])
        try:
            paths = write_folder(study, options["out"], options["format"], selection)
        except OSError as error:
            raise CommandError(f"cannot write into {options['out']}: {error}") from error
        for path in paths:
            self.stdout.write(f"{path} ({path.stat().st_size} bytes)")


def unblind(study: Study, *, by: str, reason: str) -> None:
    """Do what the button on the Results page does, under the same rules; the log has it first."""
    try:
        with transaction.atomic():
            record(by, "unblind", {"study": study.code}, {"reason": reason})
            unblind_study(study, by=by, reason=reason)
    except IllegalStudyChange as error:
        raise CommandError(f"nothing changed: {error}") from error
