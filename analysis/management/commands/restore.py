"""``manage.py restore``: put a backup into this database, all or nothing."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.backup import BackupError, check_backup, restore_backup


class Command(BaseCommand):
    help = "Put a backup into an empty, migrated database; --check only reads the file through."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--check", action="store_true", help="change nothing, read the file and compare checksums")
        parser.add_argument("--replace", action="store_true", help="throw away what this database holds")

    def handle(self, *args: Any, file: Path, check: bool, replace: bool, **options: Any) -> None:
        try:
            if check:
                manifest = check_backup(file)
            else:
                manifest = restore_backup(
                    file, replace=replace, tell=lambda table, n: self.stderr.write(f"{table}: {n} rows")
                )
        except BackupError as error:
            raise CommandError(str(error)) from error
        n_rows = sum(table["rows"] for table in manifest["tables"].values())
        what = "whole" if check else "restored"
        self.stdout.write(f"{file} of {manifest['made_at']}: {len(manifest['tables'])} tables, {n_rows} rows, {what}")
