"""Look at single sessions and write notes on them. Nobody is rejected or left out from here."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from survey.enums import Status
from survey.models import QualityFlag, SessionNote, Study, SurveySession

ANY, NONE = "any", "none"
SIMULATED, TEST = "simulated", "test"
LONGEST_NOTE = 2000


class EmptyNote(ValueError):
    """There is nothing in the note."""


class Filter(NamedTuple):
    """Which sessions are asked for; empty stands for all, of ``kind`` for those of people."""

    kind: str = ""
    status: str = ""
    country: str = ""
    locale: str = ""
    flag: str = ""
    note: str = ""
    since: date | None = None
    until: date | None = None


def chosen_sessions(study: Study, chosen: Filter) -> QuerySet[SurveySession]:
    """Give the sessions of a filter, newest first; a test run is in none but the filter for test runs."""
    of_study = Q(arm__study__test_of=study) if chosen.kind == TEST else Q(arm__study=study)
    sessions = SurveySession.objects.filter(of_study)
    if chosen.kind != TEST:
        sessions = sessions.filter(participant__is_simulated=chosen.kind == SIMULATED)
    equal = {"status": chosen.status, "arm__country": chosen.country, "locale": chosen.locale}
    sessions = sessions.filter(**{name: value for name, value in equal.items() if value})
    if chosen.since:
        sessions = sessions.filter(landed_at__gte=midnight(chosen.since))
    if chosen.until:
        sessions = sessions.filter(landed_at__lt=midnight(chosen.until + timedelta(days=1)))
    return filter_notes(filter_flags(sessions, chosen.flag), chosen.note).order_by("-pk")


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=timezone.get_default_timezone())


def filter_flags(sessions: QuerySet[SurveySession], flag: str) -> QuerySet[SurveySession]:
    flags = QualityFlag.objects.filter(session=OuterRef("pk"))
    if flag == ANY:
        return sessions.filter(Exists(flags))
    if flag == NONE:
        return sessions.filter(~Exists(flags))
    return sessions.filter(Exists(flags.filter(name=flag))) if flag else sessions


def filter_notes(sessions: QuerySet[SurveySession], note: str) -> QuerySet[SurveySession]:
    notes = SessionNote.objects.filter(session=OuterRef("pk"))
    if note == ANY:
        return sessions.filter(Exists(notes))
    return sessions.filter(~Exists(notes)) if note == NONE else sessions


def a_page(sessions: QuerySet[SurveySession], *, before: int | None, size: int) -> list[SurveySession]:
    """Give up to one session more than a page has, from a key on: no page costs more than the first."""
    if before is not None:
        sessions = sessions.filter(pk__lt=before)
    rows = sessions.select_related("arm", "participant").prefetch_related("quality_flags").defer("plan")
    notes = SessionNote.objects.filter(session=OuterRef("pk"))
    noted = {"is_noted": Exists(notes), "is_settled": Exists(notes.filter(is_settled=True))}
    return list(rows.annotate(**noted)[: size + 1])


def queue(study: Study, *, simulated: bool = False) -> QuerySet[SurveySession]:
    """Give the finished sessions with a flag on which nobody has written that they need nothing more."""
    settled = SessionNote.objects.filter(session=OuterRef("pk"), is_settled=True)
    flagged = Exists(QualityFlag.objects.filter(session=OuterRef("pk")))
    sessions = SurveySession.objects.filter(flagged, ~Exists(settled), arm__study=study, status=Status.COMPLETE)
    return sessions.filter(participant__is_simulated=simulated)


class Neighbours(NamedTuple):
    """The keys before and after one in the queue."""

    previous: int | None
    following: int | None


def neighbours(waiting: QuerySet[SurveySession], pk: int) -> Neighbours:
    """Find whom to look at next: the oldest wait longest."""
    before = waiting.filter(pk__lt=pk).order_by("-pk").values_list("pk", flat=True).first()
    after = waiting.filter(pk__gt=pk).order_by("pk").values_list("pk", flat=True).first()
    return Neighbours(before, after)


def add_note(session: SurveySession, text: str, *, is_settled: bool, by: str) -> SessionNote:
    """Write a note down for good. A settling one may be empty of words."""
    text = text.strip()[:LONGEST_NOTE]
    if not text and not is_settled:
        raise EmptyNote("write something, or say that the session needs nothing more")
    return SessionNote.objects.create(session=session, text=text, is_settled=is_settled, by=by)
