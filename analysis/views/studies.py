"""The start page: every study, how far it is, and the way in."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from analysis.alarms.models import Alarm
from analysis.figures import Bar, bar
from survey.enums import Status
from survey.models import QuotaCell, Study, SurveySession
from survey.views.access import staff_only


class Listed(NamedTuple):
    """One line of the list."""

    study: Study
    n_real: int
    n_simulated: int
    target: int
    bar: Bar
    n_alarms: int

    @property
    def n_complete(self) -> int:
        return self.n_real + self.n_simulated


@staff_only
def study_list(request: HttpRequest) -> HttpResponse:
    """Show all studies, imported ones last, or what to do where there is none."""
    complete = SurveySession.objects.filter(status=Status.COMPLETE)
    rows = complete.values_list("arm__study", "participant__is_simulated").annotate(n=Count("pk")).order_by()
    counts = Counter({(study, is_simulated): n for study, is_simulated, n in rows})
    targets = dict(QuotaCell.objects.values_list("arm__study").annotate(Sum("target")).order_by())
    alarms = Alarm.objects.filter(closed_at=None).values_list("study").annotate(n=Count("pk")).order_by()
    n_alarms = dict(alarms)
    studies = Study.objects.select_related("version__instrument").order_by("is_imported", "code")
    listed = [
        Listed(
            study,
            n_real := counts[study.pk, False],
            n_simulated := counts[study.pk, True],
            target := targets.get(study.pk, 0),
            bar(f"study-{study.code}", f"Completes of {study}", done=n_real + n_simulated, target=target),
            n_alarms.get(study.pk, 0),
        )
        for study in studies
    ]
    return render(request, "analysis/study_list.html", {"listed": listed})
