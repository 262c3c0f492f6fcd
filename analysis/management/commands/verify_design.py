"""``manage.py verify_design``: derive the orders of every session anew, from a study or from its exported files."""

import csv
import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.columns import LONG, Table
from analysis.design_check import Checked, Row, check_designs
from analysis.extract import snapshot, stream_csv
from analysis.participant_columns import PARTICIPANTS
from analysis.release.tables import data_path, published
from survey.models import Study

MOST_SHOWN = 20


class Command(BaseCommand):
    help = "Derive item orders, option orders and question orders from each session's seed and name what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", nargs="?", help="code of the study")
        parser.add_argument("--input", type=Path, help="a release, or exported files; needs no database")

    def handle(self, *args: Any, study: str | None, input: Path | None, **options: Any) -> None:
        if (study is None) == (input is None):
            raise CommandError("name either a study or a folder (--input)")
        checked = check_study(study) if study is not None else check_folder(Path(input or "."))
        for mismatch in checked.mismatches[:MOST_SHOWN]:
            self.stdout.write(
                f"{mismatch.respondent_id}: {mismatch.what} is {mismatch.stored!r}, derived is {mismatch.derived!r}"
            )
        if checked.n_unchecked:
            self.stdout.write(f"{checked.n_unchecked} sessions began before design cells were stored: not checked")
        told = f"{checked.n_respondents} sessions and {checked.n_answers} answers derived anew"
        if checked.mismatches:
            raise CommandError(f"{told}: {len(checked.mismatches)} differences")
        self.stdout.write(f"{told}: all as stored")


def check_study(code: str) -> Checked:
    study = Study.objects.filter(code=code).first()
    if study is None:
        raise CommandError(f"there is no study {code!r}")
    with snapshot():
        return check_designs(rows_of(PARTICIPANTS, study), rows_of(LONG, study))


def rows_of(table: Table, study: Study) -> Iterator[Row]:
    yield from csv.DictReader(io.StringIO(b"".join(stream_csv(table, study)).decode(), newline=""))


def check_folder(folder: Path) -> Checked:
    """Check a release, or the files of ``manage.py export`` in its long format."""
    with ExitStack() as stack:
        readers = []
        for table in (PARTICIPANTS, LONG):
            released = sorted(folder.glob(data_path("*", table.name)))
            path = released[0] if released else folder / f"{table.name}.csv"
            try:
                file = stack.enter_context(path.open(encoding="utf-8", newline=""))
            except OSError as error:
                raise CommandError(f"cannot read {path}: {error}") from error
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) not in (table.names, published(table).names):
                raise CommandError(f"{table.name}.csv has other columns than this version exports")
            readers.append(reader)
        return check_designs(*readers)
