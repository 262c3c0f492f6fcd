"""Every write of analyses, one verb a function. Each is bound to a state, and while computing to one start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from analysis.code_version import code_version
from analysis.families import FamilyKey
from analysis.models import AnalysisRun, FigureArchive
from analysis.parameters import Parameters
from analysis.results import overview
from analysis.results.stored import Results
from survey.models import Study

if TYPE_CHECKING:
    from analysis.reports import Report

State = AnalysisRun.State
UNFINISHED = (State.QUEUED, State.RUNNING)
DRAWN_WITHIN = timedelta(days=1)
SILENT_FOR = timedelta(seconds=60)  # whoever computes gives a sign of life every few seconds
MAX_STARTS = 3  # an analysis whose workers die this often is taken for the cause


@transaction.atomic
def request_analysis(study: Study, parameters: Parameters, created_by: AbstractBaseUser | None = None) -> AnalysisRun:
    """Queue an analysis, or give the one with the same parameters that is under way."""
    Study.objects.select_for_update().get(pk=study.pk)
    stored = parameters.as_json()
    under_way = AnalysisRun.objects.filter(study=study, parameters=stored, state__in=UNFINISHED).first()
    if under_way is not None:
        return under_way
    return AnalysisRun.objects.create(
        study=study,
        parameters=stored,
        code_version=code_version(),
        created_by_id=created_by.pk if created_by else None,
    )


def find_same(study: Study, parameters: Mapping[str, Any], snapshot_hash: str) -> AnalysisRun | None:
    """Find a finished analysis that would come out the same: same data, choices and code."""
    return AnalysisRun.objects.filter(
        study=study,
        parameters=parameters,
        snapshot_hash=snapshot_hash,
        code_version=code_version(),
        state=State.DONE,
    ).first()


def begin(run_id: int) -> AnalysisRun | None:
    """Take a queued analysis; None when somebody else did or it is over."""
    queued = AnalysisRun.objects.filter(pk=run_id, state=State.QUEUED)
    taken = queued.update(
        state=State.RUNNING,
        started_at=Now(),
        heartbeat_at=Now(),
        n_starts=F("n_starts") + 1,
        code_version=code_version(),
    )
    return AnalysisRun.objects.select_related("study__version__instrument").get(pk=run_id) if taken else None


def note_step(run: AnalysisRun, step: str) -> None:
    _ours(run).update(step=step, heartbeat_at=Now())


def note_family(run: AnalysisRun, key: FamilyKey) -> None:
    _ours(run).update(family=key, heartbeat_at=Now())


def give_sign_of_life(run: AnalysisRun) -> None:
    _ours(run).update(heartbeat_at=Now())


def finish(run: AnalysisRun, report: Report) -> bool:
    """Store the results, unless the analysis was given to somebody else meanwhile."""
    stored = _ours(run).update(
        state=State.DONE,
        step="",
        family="",
        snapshot_hash=report.snapshot_hash,
        plan_hash=report.plan_hash,
        results=report.results,
        results_hash=report.results_hash,
        overview=overview(Results(AnalysisRun(results=report.results))),
        warnings=report.warnings,
        finished_at=Now(),
    )
    return bool(stored)


def fail(run: AnalysisRun, reason: str) -> bool:
    return bool(_ours(run).update(state=State.FAILED, error=reason, finished_at=Now()))


def store_figures(run: AnalysisRun, content: bytes, n_figures: int, names: Iterable[str] = (), error: str = "") -> None:
    """Store what was drawn of a finished analysis, once; who draws it again changes nothing."""
    drawn = {"content": content, "n_figures": n_figures, "names": sorted(names), "error": error}
    FigureArchive.objects.get_or_create(run=run, defaults=drawn)


def find_undrawn() -> list[int]:
    """Give the analyses of the last day whose figures nobody has drawn."""
    recent = AnalysisRun.objects.filter(state=State.DONE, finished_at__gt=Now() - DRAWN_WITHIN, figures__isnull=True)
    return list(recent.values_list("pk", flat=True))


def requeue_silent() -> None:
    """Queue analyses again whose workers died; give up those that keep killing them."""
    silent = AnalysisRun.objects.filter(state=State.RUNNING, heartbeat_at__lt=Now() - SILENT_FOR)
    silent.filter(n_starts__gte=MAX_STARTS).update(
        state=State.FAILED, error=f"{MAX_STARTS} workers died while they computed this.", finished_at=Now()
    )
    silent.update(state=State.QUEUED, step="", family="")


def _ours(run: AnalysisRun) -> QuerySet[AnalysisRun]:
    """Narrow to the row as long as the start that we made is its latest one."""
    return AnalysisRun.objects.filter(pk=run.pk, state=State.RUNNING, n_starts=run.n_starts)
