"""The shipped instrument lies in the tests' database from the start: storing 7,000 texts was most of a study's cost.

A test that counts instruments, or changes one (which processes keep by its number), asks for `no_instrument`.
"""

from django.apps import AppConfig
from django.db import connection, transaction
from django.db.models.signals import post_migrate

from tests.factories import make_version

TABLES = ("survey_instrument", "survey_instrumentversion", "survey_item", "survey_text")  # those referred to first


def keep() -> None:
    """Store the instrument, and a copy beside it that outlives the emptying of all tables."""
    make_version()
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA shipped")
        for table in TABLES:
            cursor.execute(f"CREATE TABLE shipped.{table} AS TABLE {table}")
    post_migrate.connect(put_back)  # which is sent when a test's tables have been emptied, too


def put_back(sender: AppConfig, **_: object) -> None:
    """Copy the instrument back; what was checked when it was stored need not be checked again."""
    if sender.label != "survey":
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        if cursor.fetchone() == (True,):
            cursor.execute("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            cursor.execute(f"INSERT INTO {table} SELECT * FROM shipped.{table}")  # our own names


def take_away() -> None:
    """Leave no instrument, for the rest of a test's transaction."""
    with connection.cursor() as cursor:
        for table in reversed(TABLES):
            cursor.execute(f"DELETE FROM {table}")  # our own names
