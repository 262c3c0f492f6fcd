"""What an analysis that starts now would read, and which analyses read and found the same before. Light."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from analysis.models import AnalysisRun
from survey.enums import Status
from survey.models import Study, SurveySession

N_EARLIER = 5


class Stand(NamedTuple):
    """The complete sessions as they are now, and today's day of the study (0 before anybody came)."""

    n_real: int
    n_simulated: int
    last_finished: datetime | None
    today: int


class Repeat(NamedTuple):
    """An earlier analysis with the same choices, and what it has in common with this one."""

    run: AnalysisRun
    same_data: bool
    same_code: bool
    same_results: bool


def stand_of(study: Study) -> Stand:
    """Count, in one query, the sessions that an analysis would read."""
    complete = Q(status=Status.COMPLETE)
    found = SurveySession.objects.filter(arm__study=study).aggregate(
        n_real=Count("pk", filter=complete & Q(participant__is_simulated=False)),
        n_simulated=Count("pk", filter=complete & Q(participant__is_simulated=True)),
        last_finished=Max("finished_at", filter=complete),
        first_entry=Min("landed_at"),
    )
    first_entry = found.pop("first_entry")
    today = (timezone.now().astimezone(UTC).date() - first_entry.astimezone(UTC).date()).days + 1 if first_entry else 0
    return Stand(**found, today=today)


def repeats_of(run: AnalysisRun) -> list[Repeat]:
    """Compare a finished analysis with the latest earlier ones of the same choices."""
    earlier = AnalysisRun.objects.filter(
        study=run.study_id, parameters=run.parameters, state=AnalysisRun.State.DONE, pk__lt=run.pk
    ).defer("results", "overview", "warnings")
    return [
        Repeat(
            one,
            one.snapshot_hash == run.snapshot_hash,
            one.code_version == run.code_version,
            one.results_hash == run.results_hash,
        )
        for one in earlier.order_by("-pk")[:N_EARLIER]
    ]
