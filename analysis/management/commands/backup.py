"""``manage.py backup``: the whole database as of one moment, in one file with checksums."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.backup import BackupError, name_of, write_backup


class Command(BaseCommand):
    help = "Write the whole database into one file, read back whole; people go on answering meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, default=Path(), help="a .zip file, or a folder: named by the time")

    def handle(self, *args: Any, out: Path, **options: Any) -> None:
        path = out if out.suffix == ".zip" else out / name_of(datetime.now(UTC))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            manifest = write_backup(path, lambda table, n: self.stderr.write(f"{table}: {n} rows"))
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        n_rows = sum(table["rows"] for table in manifest["tables"].values())
        self.stdout.write(
            f"{path}: {len(manifest['tables'])} tables, {n_rows} rows, {path.stat().st_size} bytes, read back whole"
        )
