"""Visits of a panel in any state, with the session that belongs to them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from survey.domain.enrolment import enrol
from survey.enums import Outcome, PanelName, Signature, Status, SubmissionStatus
from survey.flow.status import FINAL
from survey.models import PanelSubmission, Study, SurveySession
from survey.panels import Identity
from tests.factories import get_arm, make_study

CODES = {"complete": "CDONE", "no_consent": "CNO", "screened_out": "COUT"}
SETTINGS = {
    "reward": "150",
    "screen_out_reward": 10,
    "currency": "GBP",
    "budget": 10_000,
    "screen_out_slots": 5,
    "researcher_codes": {"complete": "RDONE"},
}
STATUS_OF = {
    Outcome.COMPLETE: Status.COMPLETE,
    Outcome.COMPLETE_FLAGGED: Status.COMPLETE,
    Outcome.FAILED_ATTENTION: Status.COMPLETE,
    Outcome.NO_CONSENT: Status.NO_CONSENT,
    Outcome.SCREENED_OUT: Status.SCREENED_OUT,
    Outcome.FAILED_COMPREHENSION: Status.FAILED_COMPREHENSION,
    Outcome.WITHDREW: Status.WITHDREW,
}


def make_panel_study(code: str = "s1", panel: PanelName = PanelName.PROLIFIC) -> Study:
    study = make_study(code, panel=PanelName.PROLIFIC)
    study.arms.update(panel=panel, exit_codes=CODES, panel_settings=SETTINGS)
    return study


def make_visit(
    study: Study,
    name: str,
    panel_status: SubmissionStatus = SubmissionStatus.UNKNOWN,
    outcome: Outcome | None = None,
    *,
    country: str = "GB",
    person: str = "",
    at: datetime | None = None,
    signature: Signature = Signature.ABSENT,
    **reported: Any,
) -> PanelSubmission:
    """Let somebody come in, end their session so, and let the panel tell of it."""
    arm, now = get_arm(study, country), at or timezone.now()
    identity = Identity(PanelName(arm.panel), person or f"person-{name}", "st1", f"visit-{name}", signature)
    session = enrol(arm, identity=identity)
    if outcome is not None:
        end_session(session, outcome)
    submission = PanelSubmission.objects.get(submission=f"visit-{name}", study=study)
    submission.entered_at = now
    if panel_status != SubmissionStatus.UNKNOWN:
        submission.status, submission.status_at, submission.seen_at = panel_status, now, now
    for field, value in reported.items():
        setattr(submission, field, value)
    submission.save()
    return submission


def end_session(session: SurveySession, outcome: Outcome) -> None:
    status = STATUS_OF.get(outcome, Status.ACTIVE)
    finished = session.landed_at + timedelta(minutes=11) if status in FINAL else None
    SurveySession.objects.filter(pk=session.pk).update(status=status, outcome=outcome, finished_at=finished)
