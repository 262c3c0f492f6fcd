"""Statements that are written once. The ORM writes each of its own anew at every call, which takes it longer than
PostgreSQL takes to do what it says; what every participant's pages ask and store is asked and stored by these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Field, Model

M = TypeVar("M", bound=Model)
T = TypeVar("T", bound="NamedTuple")
Convert = Callable[..., Any]
Row = Sequence[Any]


def prepared_cursor() -> CursorWrapper:
    """Give the connection's cursor whose statements PostgreSQL plans once; the next statement takes its rows away."""
    cursor: CursorWrapper = connection.prepared_cursor()  # type: ignore[attr-defined] # of our own backend
    return cursor


def rows(sql: str, values: Row | Mapping[str, Any]) -> list[Any]:
    """Ask a statement of ours."""
    cursor = prepared_cursor()
    cursor.execute(sql, values)
    found: list[Any] = cursor.fetchall()
    return found


def run(sql: str, values: Row | Mapping[str, Any]) -> int:
    """Run a statement of ours; give how many rows it changed."""
    cursor = prepared_cursor()
    cursor.execute(sql, values)
    return int(cursor.rowcount)


# --- Reading models --------------------------------------------------------------------------------


class Part(NamedTuple):
    """A model's place in a joined row, and the foreign key of the part before that leads to it."""

    model: type[Model]
    leads_here: str
    names: Sequence[str]
    converters: Sequence[tuple[int, Convert]]  # of the column at an index
    start: int
    end: int


class Read(Generic[M]):
    """Reads a model, with those that its foreign keys lead to one after the other, by a condition of ours.

    `%s` in the condition stands for a value that is given each time.
    """

    def __init__(self, model: type[M], *follows: str, where: str) -> None:
        self.model, self.follows, self.where = model, follows, where

    @cached_property
    def parts(self) -> Sequence[Part]:
        parts: list[Part] = []
        model: type[Model] = self.model
        for name in ("", *self.follows):
            model = model._meta.get_field(name).related_model if name else model  # type: ignore[assignment]
            fields = model._meta.concrete_fields
            converters = [(at, each) for at, field in enumerate(fields) for each in field.get_db_converters(connection)]
            start = parts[-1].end if parts else 0
            names = [field.attname for field in fields]
            parts.append(Part(model, name, names, converters, start, start + len(fields)))
        return parts

    @cached_property
    def sql(self) -> str:
        return self.select(_column(field) for part in self.parts for field in part.model._meta.concrete_fields)

    def select(self, columns: Iterable[str]) -> str:
        """Write the statement that reads some columns."""
        joins = "".join(
            f" JOIN {part.model._meta.db_table} ON {part.model._meta.db_table}.id ="
            f" {_column(before.model._meta.get_field(part.leads_here))}"
            for before, part in zip(self.parts, self.parts[1:], strict=False)
        )
        table = self.model._meta.db_table
        return f"SELECT {', '.join(columns)} FROM {table}{joins} WHERE {self.where}"  # noqa: S608 - our own names

    def first(self, *values: Any) -> M | None:
        found = rows(self.sql, values)
        return self.make(found[0]) if found else None

    def make(self, row: Row) -> M:
        """Make the model of a row, with those that it leads to."""
        made = [_make(part, row) for part in self.parts]
        for part, holder, led in zip(self.parts[1:], made, made[1:], strict=False):
            holder._meta.get_field(part.leads_here).set_cached_value(holder, led)
        first: M = made[0]
        return first


class ReadSome(Generic[T]):
    """Reads a few columns of what a `Read` reads, which costs a third less, as a named tuple of their names.

    A name that several of its models have is the first one's; one that is given an expression of ours is no model's.
    """

    def __init__(self, read: Read[Any], made: type[T], **expressions: str) -> None:
        self.read, self.made, self.expressions = read, made, expressions

    @cached_property
    def fields(self) -> Mapping[str, Field[Any, Any]]:
        models = [part.model._meta for part in self.read.parts]
        names = [{field.attname: field for field in model.concrete_fields} for model in models]
        own = [name for name in self.made._fields if name not in self.expressions]
        return {name: next(known[name] for known in names if name in known) for name in own}

    @cached_property
    def sql(self) -> str:
        columns = {name: _column(field) for name, field in self.fields.items()} | self.expressions
        return self.read.select(columns[name] for name in self.made._fields)

    @cached_property
    def converters(self) -> Sequence[tuple[int, Convert]]:
        places = {name: at for at, name in enumerate(self.made._fields)}
        fields = self.fields.items()
        return [(places[name], each) for name, field in fields for each in field.get_db_converters(connection)]

    def first(self, *values: Any) -> T | None:
        found = rows(self.sql, values)
        return self.made._make(_converted(found[0], self.converters)) if found else None


def _column(field: Any) -> str:
    return f'{field.model._meta.db_table}."{field.column}"'


def _make(part: Part, row: Row) -> Any:
    return part.model.from_db(connection.alias, part.names, _converted(row[part.start : part.end], part.converters))


def _converted(row: Row, converters: Sequence[tuple[int, Convert]]) -> list[Any]:
    values = list(row)
    for at, convert in converters:
        values[at] = convert(values[at], None, connection)
    return values


# --- Storing them ----------------------------------------------------------------------------------


def insert(model: type[M], **values: Any) -> M:
    """Store a new row, as `Model.objects.create` does of a model without signals; give it with its key."""
    made = model(**values)
    insert_all([made])
    return made


def insert_all(made: Sequence[Model]) -> None:
    """Store new rows of one model in one statement, and note their keys."""
    if not made:
        return
    fields = _stored_fields(type(made[0]))
    values = [
        field.get_db_prep_save(field.pre_save(each, add=True), connection=connection)
        for each in made
        for field in fields
    ]
    for each, (pk,) in zip(made, rows(_insert_sql(type(made[0]), len(made)), values), strict=True):
        each.pk = pk
        each._state.adding = False
        each._state.db = connection.alias


@lru_cache(maxsize=64)
def _insert_sql(model: type[Model], n: int) -> str:
    fields = _stored_fields(model)
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["(" + ", ".join(["%s"] * len(fields)) + ")"] * n)
    return f"INSERT INTO {model._meta.db_table} ({names}) VALUES {places} RETURNING id"  # noqa: S608 - our own names


@lru_cache(maxsize=64)
def _stored_fields(model: type[Model]) -> Sequence[Field[Any, Any]]:
    return tuple(field for field in model._meta.concrete_fields if not field.primary_key)
