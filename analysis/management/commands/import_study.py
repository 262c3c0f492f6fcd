"""``manage.py import_study PATH --code CODE``: data collected elsewhere become a read-only study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.imports.archives import BadUpload, unpacked
from analysis.imports.faults import BadImport, Faults
from analysis.imports.importing import CodeTaken, NotImported, remove_import, store
from analysis.imports.mapping import LABELS, ColumnMap, guess
from analysis.imports.reading import header_of
from analysis.imports.sources import AnswersSource, faults_csv, open_source
from survey.flow.counted import counted
from survey.models import Study

N_SHOWN = 20


class Command(BaseCommand):
    help = "Import a release, the paper's files, or a CSV of answers; nothing is stored unless every row is in order."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path", type=Path, nargs="?", help="folder or zip file of a release, the paper's files, or a CSV"
        )
        parser.add_argument("--code", default="", help="code of the study to be")
        parser.add_argument("--title", default="", help="unless given, what the data say of themselves")
        parser.add_argument("--dry-run", action="store_true", help="check every row, store nothing")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            help=f"ROLE=COLUMN where the guess is wrong; roles: {', '.join(LABELS)}",
        )
        parser.add_argument("--country", default="", help="the respondents' country, where no column says it")
        parser.add_argument("--scenario-country", default="", help="where the scenarios play, where no column says it")
        parser.add_argument("--locale", default="", help="language of the answers, where no column says it")
        parser.add_argument(
            "--culture", action="append", default=[], help="a code that follows the culture (A, culture, 1)"
        )
        parser.add_argument(
            "--preference", action="append", default=[], help="a code that allows the preference (B, …)"
        )
        parser.add_argument("--faults", type=Path, help="write the faults to this CSV file")
        parser.add_argument("--remove", metavar="CODE", help="take an imported study away again")
        parser.add_argument("--by", default="", help="name for the log")

    def handle(self, *args: Any, path: Path | None, **options: Any) -> None:
        if options["remove"]:
            self.remove(options["remove"], options["by"])
            return
        if path is None or not path.exists():
            raise CommandError("name a folder or file to import" if path is None else f"there is no {path}")
        try:
            with unpacked(path) as place:
                self.bring_in(place, options)
        except (BadUpload, CodeTaken, OSError) as error:
            raise CommandError(str(error)) from error

    def bring_in(self, path: Path, options: dict[str, Any]) -> None:
        source = open_source(path)
        if isinstance(source, AnswersSource):
            source = AnswersSource(path, mapping=self.mapping(path, options))
            for role, column in source.mapping.columns.items():
                self.stderr.write(f"{LABELS.get(role, role)}: {column}")
        try:
            study, report = store(
                source, code=options["code"], title=options["title"], by=options["by"], is_dry=options["dry_run"],
                on_step=lambda step: self.stderr.write(f"{step} …"),
            )  # fmt: skip
        except BadImport as bad:
            self.tell(bad.faults, options["faults"])
            if isinstance(source, AnswersSource):
                self.stderr.write(f"Columns of the file: {', '.join(header_of(path, Faults()))}")
                self.stderr.write(f"--column ROLE=COLUMN says which is which; roles: {', '.join(LABELS)}")
            raise CommandError(f"{path.name}: {counted(bad.faults.n, 'fault')}, nothing was stored") from bad
        rows = ", ".join(f"{counted(n, 'row')} of {name}" for name, n in report["n_rows"].items())
        if report.get("n_unread"):
            self.stderr.write(f"{report['n_unread']} answers are neither A nor B: taken as not given, as in the paper")
            for place in report["unread"]:
                self.stderr.write(f"    {place}")
        if n := report.get("n_silent"):
            self.stderr.write(f"{counted(n, 'row')} without an answer to either question: counted nowhere")
        if study is None:
            self.stdout.write(f"{path.name}: in order, nothing stored: {rows}")
        elif report.get("is_known"):
            self.stdout.write(f"{path.name}: known already as study {study.code}: {rows}")
        else:
            self.stdout.write(f"{path.name}: study {study.code}: {rows}")

    def mapping(self, path: Path, options: dict[str, Any]) -> ColumnMap:
        """Guess the columns, and take what was said instead."""
        guessed = guess(header_of(path, Faults()))
        said = dict(one.partition("=")[::2] for one in options["column"])
        columns = {role: column for role, column in {**guessed.columns, **said}.items() if column}
        return ColumnMap(
            columns,
            all_country=options["country"],
            all_scenario_country=options["scenario_country"],
            all_locale=options["locale"] or guessed.all_locale,
            culture=tuple(options["culture"]) or guessed.culture,
            preference=tuple(options["preference"]) or guessed.preference,
        )

    def tell(self, faults: Faults, out: Path | None) -> None:
        for fault in list(faults)[:N_SHOWN]:
            self.stdout.write(str(fault))
        if faults.n > N_SHOWN:
            self.stdout.write(f"and {faults.n - N_SHOWN} more")
        if out is not None:
            out.write_text(faults_csv(list(faults)), encoding="utf-8")

    def remove(self, code: str, by: str) -> None:
        study = Study.objects.filter(code=code).first()
        if study is None:
            raise CommandError(f"there is no study {code!r}")
        try:
            n_rows = remove_import(study, by=by)
        except NotImported as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{code}: removed, {n_rows} rows")
