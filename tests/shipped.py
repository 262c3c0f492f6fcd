"""What the tests' database holds from the start, with the shipped instrument: storing 7,000 texts was most of a study.

A test that counts instruments, or changes one (which processes keep by its number), asks for `no_instrument`.
"""

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from tests.factories import make_version

INSTRUMENT = ("survey_instrument", "survey_instrumentversion", "survey_item", "survey_text")  # those referred to first
# A row's xmin is the number of the transaction that wrote it, and numbers rise: rows changed since are told by it.
MARK = """
CREATE FUNCTION shipped.mark(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
    EXECUTE format('SELECT concat_ws(%L, count(*), min(x), max(x))
        FROM (SELECT xmin::text::int8 AS x FROM public.%I) t', ' ', name) INTO told;
    RETURN told;
END $$
"""
PUT_BACK = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT name, rows FROM shipped.tables WHERE mark <> shipped.mark(name) LOOP
        EXECUTE format('DELETE FROM public.%I', one.name);
        IF one.rows > 0 THEN
            EXECUTE format('INSERT INTO public.%I SELECT * FROM shipped.%I', one.name, one.name);
            UPDATE shipped.tables SET mark = shipped.mark(name) WHERE name = one.name;
        END IF;
    END LOOP;
END $$
"""


def keep() -> None:
    """Store the instrument, and a copy beside each table that has rows, for what a test without rollback leaves."""
    make_version()
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA shipped")
        cursor.execute(MARK)
        cursor.execute("CREATE TABLE shipped.tables (name text, rows int8, mark text)")
        for name in names:  # our own names, here and below
            cursor.execute(f"CREATE TABLE shipped.{name} AS TABLE {name}")
            cursor.execute(
                f"INSERT INTO shipped.tables SELECT %s, count(*), shipped.mark(%s) FROM {name}", [name, name]
            )


def put_back(*_: object) -> None:
    """Leave in all tables what was there at first; a browser's last event that is being written is let through."""
    for is_last in (False, False, False, True):
        try:
            put_back_at_once()
            break
        except OperationalError as error:
            if is_last or not isinstance(error.__cause__, DeadlockDetected):
                raise


def put_back_at_once() -> None:
    """Put back in one transaction: what has its rows still is only looked at."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE")  # waits for whoever still writes
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        if cursor.fetchone() == (True,):
            cursor.execute("SET LOCAL session_replication_role = replica")  # the rows were checked once
        else:
            cursor.execute(f"TRUNCATE {', '.join(names)}")  # which sets off no trigger of a sealed row
        cursor.execute(PUT_BACK)


def take_away() -> None:
    """Leave no instrument, for the rest of a test's transaction."""
    with connection.cursor() as cursor:
        for table in reversed(INSTRUMENT):
            cursor.execute(f"DELETE FROM {table}")  # our own names
