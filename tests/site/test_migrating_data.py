"""What the previous release stored is all there after a migration: each row, each value, under each constraint.

`tests/reference/previous_release.zip` is a backup that the release before sealed identifiers, registrations, imports
and alarms made of a small study: six participants of a panel, their answers, a run of a simulated model. Each release
puts one of its own in its place.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from psycopg.sql import SQL, Identifier

from survey.models import PanelIdentity, Response, SurveySession
from survey.models.sealed import unseal

BACKUP = Path(__file__).parent.parent / "reference" / "previous_release.zip"
OLD = "old"
reads_both = pytest.mark.django_db(databases=["default", OLD])
GONE = {"authtoken_token": "tokens are the site's own, with scopes; old ones open nothing"}
# Columns whose values a migration means to change, and how the old value is got back.
CHANGED = {
    (table, column): unseal
    for table, columns in {
        "survey_panelevent": ("person", "subject"),
        "survey_panelidentity": ("panel_person", "panel_submission"),
        "survey_panelsubmission": ("person", "submission"),
    }.items()
    for column in columns
}
Rows = dict[int, dict[str, Any]]


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    with zipfile.ZipFile(BACKUP) as archive:
        read: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return read


@pytest.fixture(scope="module")
def moved(manifest: dict[str, Any], django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Rows]]:
    """Put the backup into a database at its own migrations, migrate that to the present ones; give what it held."""
    with django_db_blocker.unblock(), other_database() as old:
        newest = dict(name.split(".", 1) for name in sorted(manifest["migrations"]))  # of each application
        executor = MigrationExecutor(old)
        # By the single steps, which an empty database leaves out.
        executor.loader = MigrationLoader(old, replace_migrations=False)
        executor.migrate([target for target in newest.items() if target in executor.loader.graph.nodes])
        fill(old, manifest["tables"])
        before = {table: rows_of(old, table) for table in manifest["tables"] if table not in GONE}
        executor = MigrationExecutor(old)
        executor.migrate(executor.loader.graph.leaf_nodes())
        yield before


@contextmanager
def other_database() -> Iterator[BaseDatabaseWrapper]:
    """Make an empty database beside the test's own, known to Django as `old`."""
    name = f"{connection.settings_dict['NAME']}_{OLD}"
    create, drop = (SQL(text).format(Identifier(name)).as_string(None) for text in ("CREATE DATABASE {}", DROP))
    with connection.cursor() as cursor:
        cursor.execute(drop)
        cursor.execute(create)
    connections.databases[OLD] = {**connection.settings_dict, "NAME": name, "OPTIONS": {}}
    try:
        yield connections[OLD]
    finally:
        connections[OLD].close()
        del connections.databases[OLD]
        with connection.cursor() as cursor:
            cursor.execute(drop)


DROP = "DROP DATABASE IF EXISTS {} WITH (FORCE)"


def fill(old: BaseDatabaseWrapper, tables: dict[str, Any]) -> None:
    """Copy every table in as it is, with no trigger that counts or refuses."""
    with zipfile.ZipFile(BACKUP) as archive, old.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        all_tables = SQL(", ").join(map(Identifier, sorted(set(tables) - set(GONE))))
        cursor.execute(SQL("TRUNCATE {} CASCADE").format(all_tables).as_string(None))
        for table, kept in tables.items():
            if table in GONE:
                continue
            columns = SQL(", ").join(map(Identifier, kept["columns"]))
            with cursor.copy(SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), columns).as_string(None)) as copy:
                copy.write(archive.read(f"tables/{table}.copy"))
            next_id = SQL("SELECT setval(pg_get_serial_sequence({}, {}), coalesce(max({}), 0) + 1, false) FROM {}")
            key = key_of(old, table)
            cursor.execute(next_id.format(table, key, Identifier(key), Identifier(table)).as_string(None))
        cursor.execute("SET session_replication_role = DEFAULT")


def key_of(old: BaseDatabaseWrapper, table: str) -> str:
    with old.cursor() as cursor:
        return str(old.introspection.get_primary_key_column(cursor, table))


def rows_of(old: BaseDatabaseWrapper, table: str) -> Rows:
    with old.cursor() as cursor:
        key = Identifier(key_of(old, table))
        cursor.execute(SQL("SELECT {}, to_jsonb(t)::text FROM {} t").format(key, Identifier(table)).as_string(None))
        return {pk: json.loads(row) for pk, row in cursor.fetchall()}


# What a database is made of, but for the order of columns.
MADE = {
    "columns": """
        SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
        pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal""",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
}


def made_of(database: BaseDatabaseWrapper) -> dict[str, list[str]]:
    made = {}
    with database.cursor() as cursor:
        for kind, question in MADE.items():
            cursor.execute(question)
            made[kind] = sorted(map(str, cursor.fetchall()))
    return made


def lost(table: str, before: Rows, after: Rows) -> list[str]:
    """Name the rows and values of before that are not there any more."""
    found = []
    for pk, row in before.items():
        now = after.get(pk)
        if now is None:
            found.append(f"{table} {pk} is gone")
            continue
        for column, value in row.items():
            if column not in now:
                found.append(f"{table}.{column} is gone")
            elif CHANGED.get((table, column), lambda kept: kept)(now[column]) != value:
                found.append(f"{table} {pk}: {column} was {value}, is {now[column]}")
    return found


@reads_both
def test_backup_holds_what_could_be_lost(moved: dict[str, Rows]) -> None:
    n = {table: len(moved[f"survey_{table}"]) for table in ("response", "surveysession", "panelidentity", "lease")}
    assert n == {"response": 138, "surveysession": 6, "panelidentity": 6, "lease": 5}
    assert len(moved["llm_completion"]) == 84


@reads_both
def test_every_row_and_value_is_there_after_the_migration(moved: dict[str, Rows]) -> None:
    after = {table: rows_of(connections[OLD], table) for table in moved}
    assert [fault for table, before in moved.items() for fault in lost(table, before, after[table])] == []


@reads_both
def test_site_reads_what_was_stored(moved: dict[str, Rows]) -> None:
    for model in apps.get_models():
        if model._meta.managed:
            list(model._default_manager.using(OLD).all()[:3])
    sessions = SurveySession.objects.using(OLD)
    assert sorted(sessions.values_list("status", flat=True)) == ["active", *["complete"] * 4, "landed"]
    assert Response.objects.using(OLD).exclude(choice="").count() == 138
    assert PanelIdentity.objects.using(OLD).get(panel_person="5f0c00000000000000000000").panel_person[:4] == "5f0c"


@reads_both
def test_single_steps_and_those_at_once_make_the_same_database(moved: dict[str, Rows]) -> None:
    by_steps, at_once = made_of(connections[OLD]), made_of(connection)
    assert {kind: len(made) > 5 for kind, made in at_once.items()} == dict.fromkeys(MADE, True)
    for kind in MADE:
        assert by_steps[kind] == at_once[kind]
    recorder = MigrationRecorder(connections[OLD]), MigrationRecorder(connection)
    assert recorder[0].applied_migrations().keys() == recorder[1].applied_migrations().keys()


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        ({}, "t 1 is gone"),
        ({1: {"id": 1}}, "t.choice is gone"),
        ({1: {"id": 1, "choice": ""}}, "t 1: choice was culture, is "),
    ],
)
def test_loss_is_noticed(after: Rows, fault: str) -> None:
    assert lost("t", {1: {"id": 1, "choice": "culture"}}, after) == [fault]
