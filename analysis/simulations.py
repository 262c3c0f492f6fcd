"""Every write of simulated studies for planning, one verb a function; while simulating bound to one start."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from analysis.code_version import code_version
from analysis.models import SampleSimulation
from analysis.sample_questions import SampleQuestion

State = SampleSimulation.State
UNFINISHED = (State.QUEUED, State.RUNNING)
SILENT_FOR = timedelta(seconds=60)
MAX_STARTS = 3
ASKED_LOCK = 7311  # one request at a time, so that a question is simulated once


@transaction.atomic
def request_simulation(question: SampleQuestion, created_by: AbstractBaseUser | None = None) -> SampleSimulation:
    """Queue the simulation of a question, or give the one that was made, or is being made, by the same code."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ASKED_LOCK])
    same = SampleSimulation.objects.filter(question=question.as_json(), code_version=code_version())
    found = same.exclude(state=State.FAILED).first()
    return found or SampleSimulation.objects.create(
        question=question.as_json(),
        n_wanted=question.runs * len(question.people_tried),
        code_version=code_version(),
        created_by_id=created_by.pk if created_by else None,
    )


def begin(pk: int) -> SampleSimulation | None:
    """Take a queued simulation; None when somebody else did or it is over."""
    queued = SampleSimulation.objects.filter(pk=pk, state=State.QUEUED)
    taken = queued.update(state=State.RUNNING, heartbeat_at=Now(), n_done=0, n_starts=F("n_starts") + 1)
    return SampleSimulation.objects.get(pk=pk) if taken else None


def note_done(simulation: SampleSimulation, n_done: int) -> None:
    """Say how many studies are simulated; that is a sign of life too."""
    _ours(simulation).update(n_done=n_done, heartbeat_at=Now())


def give_sign_of_life(simulation: SampleSimulation) -> None:
    _ours(simulation).update(heartbeat_at=Now())


def finish(simulation: SampleSimulation, points: list[dict[str, Any]]) -> bool:
    return bool(_ours(simulation).update(state=State.DONE, points=points, n_done=F("n_wanted"), finished_at=Now()))


def fail(simulation: SampleSimulation, reason: str) -> bool:
    return bool(_ours(simulation).update(state=State.FAILED, error=reason, finished_at=Now()))


def requeue_silent() -> None:
    """Queue again what dead workers left; give up what keeps killing them."""
    silent = SampleSimulation.objects.filter(state=State.RUNNING, heartbeat_at__lt=Now() - SILENT_FOR)
    silent.filter(n_starts__gte=MAX_STARTS).update(
        state=State.FAILED, error=f"{MAX_STARTS} workers died while they simulated this.", finished_at=Now()
    )
    silent.update(state=State.QUEUED)


def _ours(simulation: SampleSimulation) -> QuerySet[SampleSimulation]:
    """Narrow to the row as long as the start that we made is its latest one."""
    return SampleSimulation.objects.filter(pk=simulation.pk, state=State.RUNNING, n_starts=simulation.n_starts)
