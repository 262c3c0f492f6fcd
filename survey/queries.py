"""Reads that more than one caller uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Model, Q
from django.db.models.functions import Now

from survey.enums import LeaseState, OptionOrder, Question
from survey.flow.plan import PlanPage
from survey.flow.status import LIVE_FOR
from survey.flow.wording import Shown, Wording, word_item
from survey.models import Arm, InstrumentVersion, Item, Lease, Study, SurveySession, Text

Convert = Callable[..., Any]


class ItemFacts(NamedTuple):
    pk: int
    scenario_country: str
    is_core: bool


# Versions never change, so what belongs to one is kept for the process's life.


@lru_cache(maxsize=64)
def text_catalogue(version_id: int, locale: str) -> Mapping[str, str]:
    """Give all texts of a version in a locale by key."""
    return dict(Text.objects.filter(version_id=version_id, locale=locale).values_list("key", "body"))


@lru_cache(maxsize=16)
def item_facts(version_id: int) -> Mapping[str, ItemFacts]:
    """Give what is needed of a version's items at every turn, by code."""
    rows = Item.objects.filter(version_id=version_id).order_by("pk").values_list("code", *ItemFacts._fields)
    return {code: ItemFacts(*facts) for code, *facts in rows}


@lru_cache(maxsize=16)
def version_structure(version_id: int) -> Mapping[str, Any]:
    """Give the ``instrument.yaml`` of a version."""
    structure: Mapping[str, Any] = InstrumentVersion.objects.values_list("structure", flat=True).get(pk=version_id)
    return structure


@lru_cache(maxsize=4096)
def item_wording(version_id: int, locale: str, code: str) -> Wording:
    """Give an item's words."""
    return word_item(text_catalogue(version_id, locale), code)


@lru_cache(maxsize=4096)
def text_hashes(shown: Shown) -> Mapping[Question, str]:
    """Give the hash of what a page shows for each question."""
    wording = item_wording(shown.version_id, shown.locale, shown.item)
    return {question: wording.digest(question, OptionOrder(shown.option_order)) for question in Question}


# --- A session, at every page ---------------------------------------------------------------------


class Part(NamedTuple):
    """A model's place in a joined row."""

    model: type[Model]
    names: Sequence[str]
    converters: Sequence[tuple[int, Convert]]  # of the column at an index
    start: int
    end: int


class Standing(NamedTuple):
    """Where a session stands: what an item's page takes of it, its arm and its study."""

    version_id: int
    locale: str
    status: str
    position: int
    plan: Sequence[PlanPage]
    last_activity_at: datetime
    contact_email: str
    test_of_id: int | None


class SessionRead(NamedTuple):
    sql: str
    parts: Sequence[Part]
    standing: Sequence[tuple[int, Convert | None]]  # the columns of a `Standing`


@lru_cache(maxsize=1)
def session_read() -> SessionRead:
    """Write the statement that reads a session with its arm and study, once: the ORM takes longer than the page."""
    parts: list[Part] = []
    columns: list[str] = []
    for model in (SurveySession, Arm, Study):
        fields = model._meta.concrete_fields
        converters = [
            (at, convert) for at, field in enumerate(fields) for convert in field.get_db_converters(connection)
        ]
        start, end = len(columns), len(columns) + len(fields)
        parts.append(Part(model, [field.attname for field in fields], converters, start, end))
        columns += [f'{model._meta.db_table}."{field.column}"' for field in fields]
    sql = (
        f"SELECT {', '.join(columns)} FROM survey_surveysession"  # noqa: S608 - our own names
        " JOIN survey_arm ON survey_arm.id = survey_surveysession.arm_id"
        " JOIN survey_study ON survey_study.id = survey_arm.study_id WHERE survey_surveysession.token = %s"
    )
    return SessionRead(sql, parts, [_column(parts, name) for name in Standing._fields])


def _column(parts: Sequence[Part], name: str) -> tuple[int, Convert | None]:
    """Find a column of the first model that has it, with what makes its value."""
    part = next(one for one in parts if name in one.names)
    at = part.names.index(name)
    return part.start + at, dict(part.converters).get(at)


class SessionRow(NamedTuple):
    """A session with its arm and study as they were read; models are made of it only where they are needed."""

    row: Sequence[Any]

    def standing(self) -> Standing:
        columns = ((self.row[at], convert) for at, convert in session_read().standing)
        return Standing._make(convert(value, None, connection) if convert else value for value, convert in columns)

    def session(self) -> SurveySession:
        session: SurveySession
        session, arm, study = (make(part, self.row) for part in session_read().parts)
        SurveySession.arm.field.set_cached_value(session, arm)
        Arm.study.field.set_cached_value(arm, study)
        return session


def find_session(token: str) -> SessionRow | None:
    """Read a session with its arm and study by the token in its address."""
    with prepared_cursor() as cursor:
        cursor.execute(session_read().sql, (token,))
        row = cursor.fetchone()
    return SessionRow(row) if row else None


def prepared_cursor() -> CursorWrapper:
    """Give a cursor whose statements PostgreSQL plans once for each connection: for what every page asks."""
    cursor: CursorWrapper = connection.prepared_cursor()  # type: ignore[attr-defined] # of our own backend
    return cursor


def make(part: Part, row: Sequence[Any]) -> Any:
    """Make a model's instance from its part of a row."""
    values = list(row[part.start : part.end])
    for at, convert in part.converters:
        values[at] = convert(values[at], None, connection)
    return part.model.from_db(connection.alias, part.names, values)


def places_held(study_id: int) -> Counter[tuple[int, str]]:
    """Count a study's quota places by cell and state; a live place counts while its session is not idle."""
    is_live = Q(state=LeaseState.LIVE, session__last_activity_at__gte=Now() - LIVE_FOR)
    held = Lease.objects.filter(Q(state=LeaseState.COMPLETE) | is_live, cell__arm__study=study_id)
    groups = held.values_list("cell_id", "state").annotate(n=Count("pk")).order_by()
    return Counter({(cell_id, state): n for cell_id, state, n in groups})
