"""Test runs: somebody of the team walks the real pages, and nothing of it is ever among the data.

They are kept under a twin of the study. No list, count, export, analysis or address leads to a twin, so leaving test
runs out is nothing that a query has to remember: whatever asks for a study's sessions does not meet them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from survey.domain.enrolment import begin_session
from survey.enums import Status
from survey.models import Arm, Participant, Response, Study, SurveySession

COPIED = ("title", "version_id", "contact_email", "required_text_status")
COPIED_OF_ARM = ("locales", "panel", "exit_codes", "panel_settings")


class CannotTest(ValueError):
    """There is nothing to walk through; the message says why."""


class TrialState(NamedTuple):
    """Whether somebody has walked through the study's version to the end."""

    n_begun: int
    n_complete: int


@transaction.atomic
def begin_trial(study: Study, country: str) -> SurveySession:
    """Begin a test run in one of the study's countries, with items drawn and pages laid out as for anybody."""
    arm = study.arms.filter(country=country).first()
    if arm is None:
        raise CannotTest("the study has no such country")
    if not arm.locales:
        raise CannotTest("this country offers no locale yet")
    twin = bring_up_twin(study)
    copied = {name: getattr(arm, name) for name in COPIED_OF_ARM}
    copy, _ = Arm.objects.update_or_create(study=twin, country=country, defaults=copied)
    copy = Arm.objects.select_related("study__version").get(pk=copy.pk)
    return begin_session(Participant.objects.create(study=twin), copy)


def bring_up_twin(study: Study) -> Study:
    """Find or make the twin, on the study's present version. Its code has a dot, which no address takes."""
    Study.objects.select_for_update(of=("self",), no_key=True).get(pk=study.pk)
    now = {name: getattr(study, name) for name in COPIED}
    return Study.with_twins.update_or_create(
        test_of=study, defaults=now, create_defaults={**now, "code": code_of(study)}
    )[0]


def code_of(study: Study) -> str:
    return f"test.{study.pk}"


def trials(study: Study) -> QuerySet[SurveySession]:
    """Give a study's test runs, newest first."""
    return SurveySession.objects.filter(arm__study__test_of=study).select_related("arm").order_by("-pk")


def trial_state(study: Study) -> TrialState:
    """Count the test runs of the version that the study uses now."""
    statuses = list(trials(study).filter(version=study.version_id).values_list("status", flat=True))
    return TrialState(len(statuses), statuses.count(Status.COMPLETE))


@transaction.atomic
def remove_trials(study: Study, pks: Collection[int] | None = None) -> int:
    """Delete test runs with everything that was entered in them; without keys all of them. Gives their number."""
    chosen = trials(study) if pks is None else trials(study).filter(pk__in=pks)
    sessions = list(chosen.values_list("pk", "participant_id"))
    own = [pk for pk, _ in sessions]
    Response.objects.filter(session__in=own).delete()
    SurveySession.objects.filter(pk__in=own).delete()
    Participant.objects.filter(pk__in=[participant for _, participant in sessions]).delete()
    return len(own)
