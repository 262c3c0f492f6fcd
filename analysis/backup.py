"""The whole database in one file, and back: every table as of one moment, with checksums. Needs no PostgreSQL programs.

A zip with `manifest.json` and a file per table in PostgreSQL's own text form (COPY). It goes back into a database that
stands at the same migrations, so a backup outlives servers and versions of PostgreSQL.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.db import Error, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from psycopg.sql import SQL, Identifier

FORMAT = 1
MANIFEST = "manifest.json"
UNFINISHED = ".unfinished"
CHUNK = 1 << 20
NOT_KEPT = frozenset({"django_session", "site_cache"})  # logins and counts of tries; whoever restores logs in again
FILLED_BY_MIGRATIONS = frozenset({"django_content_type", "auth_permission", "auth_group"})
Tell = Callable[[str, int], None]


class BackupError(Exception):
    """The file or the database does not allow this; the message says what to do."""


@dataclass(frozen=True)
class KeptTable:
    """One table in a backup."""

    name: str
    columns: tuple[str, ...]
    n_rows: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "rows": self.n_rows, "sha256": self.sha256}


def name_of(moment: datetime) -> str:
    """Name a backup by its moment, so that names stand in the order of time."""
    return f"pact-{moment:%Y%m%d-%H%M%S}.zip"


def write_backup(path: Path, tell: Tell = lambda table, n: None) -> dict[str, Any]:
    """Write all tables as of one moment and read them back; what was at `path` stays until then. Give the manifest."""
    unfinished = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        with (
            open(unfinished, "wb", opener=_for_us_alone) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
            _one_moment(),
        ):
            tables = [_write_table(archive, name, tell) for name in table_names()]
            manifest = {
                "format": FORMAT,
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "migrations": applied_migrations(),
                "tables": {table.name: table.as_json() for table in tables},
            }
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        check_backup(unfinished)
        _make_lasting(unfinished, path)
    except OSError as error:
        raise BackupError(f"{path} could not be written: {error.strerror or error}. Nothing was replaced.") from error
    except (Error, psycopg.Error) as error:
        raise BackupError(f"{path} was not written, the database refused: {error}".strip()) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return manifest


def check_backup(path: Path) -> dict[str, Any]:
    """Read a backup through and compare every checksum; give its manifest, or say what is wrong with the file."""
    with _opened(path) as archive:
        manifest = _read_manifest(archive, path)
        for name, kept in manifest["tables"].items():
            digest = hashlib.sha256()
            for part in _parts(archive, name):
                digest.update(part)
            if digest.hexdigest() != kept["sha256"]:
                raise BackupError(f"{path}: the table {name} is damaged")
    return manifest


def restore_backup(path: Path, *, replace: bool = False, tell: Tell = lambda table, n: None) -> dict[str, Any]:
    """Put a backup into this database, all or nothing.

    The file is read through first. `BackupError` where it is damaged, where the database stands at other migrations, or
    where it holds data and `replace` was not given.
    """
    manifest = check_backup(path)
    if _lacks_tables():
        raise BackupError("this database lacks tables of this release: manage.py migrate makes them, then restore")
    if manifest["migrations"] != applied_migrations():
        raise BackupError(_other_migrations(manifest["migrations"]))
    if not replace and (filled := _filled_tables()):
        raise BackupError(
            f"this database holds data ({', '.join(filled[:3])} …): restore into an empty one, or --replace it all"
        )
    names = list(manifest["tables"])
    with _opened(path) as archive, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SQL("TRUNCATE {}").format(SQL(", ").join(map(Identifier, [*names, *NOT_KEPT]))).as_string(None))
        watched = _tables_with_triggers(cursor)
        _on_triggers(cursor, "DISABLE", watched)  # they would count, or refuse, what was counted before
        for name in names:
            _read_table(archive, name, manifest["tables"][name], cursor)
            tell(name, manifest["tables"][name]["rows"])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # every reference is checked here
        _on_triggers(cursor, "ENABLE", watched)
        _continue_sequences(cursor)
    return manifest


def table_names() -> list[str]:
    """Give all tables that are kept, in an order of their own."""
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if model._meta.managed} - NOT_KEPT)


def applied_migrations() -> list[str]:
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())


def _one_moment() -> Any:
    from analysis.extract import snapshot

    return snapshot()


def _write_table(archive: zipfile.ZipFile, name: str, tell: Tell) -> KeptTable:
    columns = _columns(name)
    digest, n_rows = hashlib.sha256(), 0
    statement = SQL("COPY {} ({}) TO STDOUT").format(Identifier(name), SQL(", ").join(map(Identifier, columns)))
    with archive.open(_member(name), "w", force_zip64=True) as file, connection.cursor() as cursor:
        with cursor.copy(statement.as_string(None)) as copy:
            for part in copy:
                data = bytes(part)
                digest.update(data)
                file.write(data)
        n_rows = cursor.rowcount
    tell(name, n_rows)
    return KeptTable(name, columns, n_rows, digest.hexdigest())


def _read_table(archive: zipfile.ZipFile, name: str, kept: dict[str, Any], cursor: Any) -> None:
    columns = SQL(", ").join(map(Identifier, kept["columns"]))
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(name), columns)
    with cursor.copy(statement.as_string(None)) as copy:
        for part in _parts(archive, name):
            copy.write(part)
    if cursor.rowcount != kept["rows"]:
        raise BackupError(f"{name}: {cursor.rowcount} rows came back of {kept['rows']}")


def _columns(name: str) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attname",
            [name],
        )
        return tuple(row[0] for row in cursor.fetchall())


def _tables_with_triggers(cursor: Any) -> list[str]:
    cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")
    return [row[0] for row in cursor.fetchall()]


def _on_triggers(cursor: Any, what: str, names: list[str]) -> None:
    for name in names:
        cursor.execute(SQL("ALTER TABLE {} " + what + " TRIGGER USER").format(Identifier(name)).as_string(None))


def _continue_sequences(cursor: Any) -> None:
    """Have new rows numbered after those that came back."""
    cursor.execute(
        "SELECT seq.oid::regclass::text, tab.oid::regclass::text, col.attname FROM pg_class AS seq"
        " JOIN pg_depend AS dep ON dep.objid = seq.oid AND dep.classid = 'pg_class'::regclass"
        " AND dep.deptype IN ('a', 'i')"
        " JOIN pg_class AS tab ON tab.oid = dep.refobjid"
        " JOIN pg_attribute AS col ON col.attrelid = tab.oid AND col.attnum = dep.refobjsubid"
        " WHERE seq.relkind = 'S' AND tab.relnamespace = 'public'::regnamespace"
    )
    for sequence, table, column in cursor.fetchall():
        newest = SQL("SELECT setval({}, COALESCE(max({}), 0) + 1, false) FROM {}")
        cursor.execute(newest.format(sequence, Identifier(column), Identifier(table)).as_string(None))


def _filled_tables() -> list[str]:
    filled = []
    with connection.cursor() as cursor:
        for name in table_names():
            if name not in FILLED_BY_MIGRATIONS:
                cursor.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(name)).as_string(None))
                if cursor.fetchone()[0]:
                    filled.append(name)
    return filled


def _lacks_tables() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _other_migrations(theirs: list[str]) -> str:
    missing = sorted(set(theirs) - set(applied_migrations()))
    extra = sorted(set(applied_migrations()) - set(theirs))
    told = [f"the backup has {missing[-1]}, which this site does not know"] if missing else []
    told += [f"this database is further on ({extra[-1]})"] if extra else []
    return (
        f"{'; '.join(told)}. Start an empty database with the release that made the backup, restore there, then "
        "migrate to the present one."
    )


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise BackupError(f"{path} is no backup that can be read: {error}") from error


def _read_manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        is_known = manifest["format"] == FORMAT and manifest["tables"].keys() <= set(table_names())
    except (KeyError, ValueError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise BackupError(f"{path} is no backup of this site") from error
    if not is_known:
        raise BackupError(f"{path} was made by another release of this site; use that one")
    return manifest


def _parts(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    try:
        with archive.open(_member(name)) as file:
            while part := file.read(CHUNK):
                yield part
    except (KeyError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise BackupError(f"the table {name} is damaged: {error}") from error


def _member(name: str) -> str:
    return f"tables/{name}.copy"


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # answers, identifiers, hashes of passwords


def _make_lasting(unfinished: Path, path: Path) -> None:
    """Put the whole file in its place; it survives a loss of power from then on."""
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
