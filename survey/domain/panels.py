"""What the panels tell of their submissions is taken over here, whichever way and however often it comes."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from survey.domain.acts import confirm_bonuses
from survey.domain.quotas import free_place
from survey.enums import Outcome, PanelName, Status, StudyState, SubmissionStatus
from survey.models import Arm, PanelEvent, PanelIdentity, PanelSubmission, SurveySession
from survey.panels import MAX_ID, PANELS, PanelFailure, Reported, SetStatus

log = logging.getLogger(__name__)

# Whoever's visit is over at the panel while they are under way here holds neither a quota place nor items. They may go
# on all the same: then they get a place again if one is left.
GONE = {
    SubmissionStatus.RETURNED: Outcome.WITHDREW,
    SubmissionStatus.REJECTED: Outcome.WITHDREW,
    SubmissionStatus.TIMED_OUT: Outcome.TIMED_OUT,
}


class Refreshed(NamedTuple):
    """How asking a panel for an arm's submissions went."""

    country: str
    n: int
    error: str = ""


def receive_event(
    panel: PanelName, *, event_id: str, kind: str, subject: str, person: str, status: str, happened_at: datetime
) -> bool:
    """Put an event into the inbox; say whether it is new."""
    facts = {"kind": kind, "subject": subject, "person": person, "status": status, "happened_at": happened_at}
    return PanelEvent.objects.get_or_create(panel=panel, event_id=event_id, defaults=facts)[1]


def process_events(limit: int = 500) -> int:
    """Act on what is in the inbox, oldest first; give the number. Every event is acted on once."""
    waiting = PanelEvent.objects.filter(processed_at=None).order_by("happened_at", "pk").values_list("pk", flat=True)
    return sum(process_event(pk) for pk in list(waiting[:limit]))


@transaction.atomic
def process_event(pk: int) -> bool:
    """Act on one event unless somebody else does so now or did so before."""
    locked = PanelEvent.objects.select_for_update(skip_locked=True).filter(pk=pk, processed_at=None)
    if (event := locked.first()) is None:
        return False
    for command in PANELS[PanelName(event.panel)].on_event(event):
        take_over(PanelName(event.panel), command)
    event.processed_at, event.person = timezone.now(), ""
    event.save(update_fields=["processed_at", "person"])
    return True


def take_over(panel: PanelName, command: SetStatus) -> bool:
    """Take over a submission's status unless something later is known; say whether it was taken over."""
    row = (
        PanelSubmission.objects.select_for_update(of=("self",))
        .filter(panel=panel, submission=command.submission)
        .first()
    )
    if row is None or (row.status_at is not None and row.status_at > command.at):
        return False  # somebody who has not come in yet: the next look at the panel's list tells of them
    row.status, row.status_at, row.seen_at = command.status, command.at, timezone.now()
    row.save(update_fields=["status", "status_at", "seen_at"])
    free_who_is_gone(row)
    return True


def free_who_is_gone(row: PanelSubmission) -> None:
    """Give back what a session holds whose visit is over at the panel, unless it goes on under another visit."""
    outcome = GONE.get(SubmissionStatus(row.status))
    if outcome is None or row.participant_id is None:
        return
    identity = PanelIdentity.objects.filter(participant=row.participant_id).first()
    if identity is None or (identity.panel_submission and identity.panel_submission != row.submission):
        return
    under_way = [Status.LANDED, Status.ACTIVE]
    session = SurveySession.objects.filter(participant=row.participant_id, status__in=under_way).first()
    if session is not None:
        SurveySession.objects.filter(pk=session.pk, status__in=under_way).update(outcome=outcome)
        free_place(session)


def refresh_live() -> list[Refreshed]:
    """Ask the panels for the submissions of every study that is in the field."""
    states = [StudyState.LIVE, StudyState.PAUSED]
    return [refresh(arm) for arm in Arm.objects.filter(study__state__in=states) if PANELS[PanelName(arm.panel)].has_api]


def refresh(arm: Arm) -> Refreshed:
    """Ask the panel for an arm's submissions and take them over; what went wrong is in the answer."""
    asked_at = timezone.now()
    n = 0
    try:
        for reported in PANELS[PanelName(arm.panel)].reconcile(arm):
            n += ingest(arm, reported, asked_at=asked_at)
    except PanelFailure as error:
        log.warning("%s: the panel's submissions cannot be read: %s", arm, error)
        return Refreshed(arm.country, n, str(error))
    return Refreshed(arm.country, n)


@transaction.atomic
def ingest(arm: Arm, one: Reported, *, asked_at: datetime) -> bool:
    """Take over a submission as a panel lists it; False where it has no ids, or is another person's here."""
    if not one.submission or not one.person or len(one.submission) > MAX_ID or len(one.person) > MAX_ID:
        return False
    row, is_new = PanelSubmission.objects.select_for_update(of=("self",)).get_or_create(
        study_id=arm.study_id,
        panel=arm.panel,
        submission=one.submission,
        defaults={"arm": arm, "person": one.person, "participant_id": find_participant(arm, one.person)},
    )
    if not is_new and row.person != one.person:
        log.warning("%s: the panel names another person for submission %s", arm, row.pk)
        return False
    if row.status_at is None or row.status_at <= asked_at:
        row.status, row.status_at = one.status, asked_at
    row.started_at, row.completed_at = one.started_at or row.started_at, one.completed_at or row.completed_at
    row.time_taken_s = row.time_taken_s if one.time_taken_s is None else one.time_taken_s
    row.code, row.seen_at = one.code[:MAX_ID] or row.code, timezone.now()
    row.save()
    free_who_is_gone(row)
    confirm_bonuses(row, one.bonuses)
    return True


def find_participant(arm: Arm, person: str) -> int | None:
    known = PanelIdentity.objects.filter(study=arm.study_id, panel=arm.panel, panel_person=person)
    return known.values_list("participant_id", flat=True).first()
