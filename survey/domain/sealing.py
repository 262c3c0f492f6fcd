"""Carry sealed identifiers over to the key that seals now."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Field, Model

from survey.models.sealed import MARK, SealedField, WrongKeyError, cipher, seal, unseal

BATCH = 1000


def sealed_columns() -> Iterator[tuple[type[Model], Field]]:  # type: ignore[type-arg]
    """Name every column of identifiers that the site has."""
    for model in apps.get_models():
        yield from ((model, field) for field in model._meta.get_fields() if isinstance(field, SealedField))


def refuse_missing_keys() -> None:
    """`WrongKeyError` where identifiers are sealed with a key that the site does not have: nobody is found by those."""
    known = {cipher(secret)[0] for secret in settings.IDENTIFIER_KEYS}
    with connection.cursor() as cursor:
        for model, field in sealed_columns():
            table, column = model._meta.db_table, field.column
            cursor.execute(
                f"SELECT DISTINCT split_part({column}, ':', 2) FROM {table} WHERE {column} LIKE %s",  # noqa: S608
                [f"{MARK}:%"],
            )
            if missing := sorted({name for (name,) in cursor.fetchall()} - known):
                told = f"IDENTIFIER_KEYS has no key {', '.join(missing)}: put the key that sealed {table}.{column}"
                raise WrongKeyError(f"{told} back into it")


def reseal(*, is_dry: bool = False) -> dict[str, int]:
    """Seal anew what another key sealed, or none; say by column how many rows that is.

    May be stopped and begun again; a row that changes meanwhile is left as it then stands. `WrongKeyError` where a
    key is missing, before anything is done.
    """
    refuse_missing_keys()
    return {
        f"{model._meta.db_table}.{field.column}": _reseal(model, field, is_dry) for model, field in sealed_columns()
    }


def _reseal(model: type[Model], field: Field, is_dry: bool) -> int:  # type: ignore[type-arg]
    table, column = model._meta.db_table, field.column
    ours = f"{MARK}:{cipher(settings.IDENTIFIER_KEYS[0])[0]}:%"
    left = f"FROM {table} WHERE {column} <> '' AND {column} NOT LIKE %s"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {left}", [ours])
        n = int(cursor.fetchone()[0])
        while not is_dry:
            cursor.execute(f"SELECT id, {column} {left} LIMIT {BATCH}", [ours])
            rows = [(seal(unseal(text)), pk, text) for pk, text in cursor.fetchall()]
            if not rows:
                break
            cursor.executemany(f"UPDATE {table} SET {column} = %s WHERE id = %s AND {column} = %s", rows)  # noqa: S608
    return n
