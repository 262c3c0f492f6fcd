"""What staff have done at a panel, and what its lists say: written down, each once.

An act waits here as planned for whoever performs it at the panel; by its key it is not done twice.
"""

from __future__ import annotations

from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from survey.enums import ActState, PanelVerb
from survey.models import Arm, PanelAct, PanelIdentity, PanelSubmission
from survey.panels.submission_files import Reported


def plan(
    submission: PanelSubmission,
    verb: PanelVerb,
    *,
    message: str = "",
    amount: Decimal | None = None,
    currency: str = "",
    by: User | None = None,
) -> bool:
    """Write an act down to be done; say whether it is new. One of a kind per submission, whoever asks however often."""
    _, is_new = PanelAct.objects.get_or_create(
        key=f"{verb}:{submission.pk}",
        defaults={
            "study_id": submission.study_id,
            "submission": submission,
            "verb": verb,
            "message": message,
            "amount": amount,
            "currency": currency,
            "by": by,
            "due_at": timezone.now(),
        },
    )
    return is_new


def resolve_unconfirmed(act: PanelAct, *, is_done: bool, by: User) -> bool:
    """Take a person's word for whether an unconfirmed act was done; what was not is sent again."""
    mine = PanelAct.objects.filter(pk=act.pk, state=ActState.UNCONFIRMED)
    if is_done:
        return bool(mine.update(state=ActState.CONFIRMED, done_at=timezone.now(), by=by))
    return bool(mine.update(state=ActState.PLANNED, due_at=timezone.now(), by=by))


@transaction.atomic
def take_over(arm: Arm, listed: Reported) -> bool:
    """Take over a submission as a panel lists it; False where it is another person's here."""
    row, is_new = PanelSubmission.objects.select_for_update(of=("self",)).get_or_create(
        study_id=arm.study_id,
        panel=arm.panel,
        submission=listed.submission,
        defaults={"arm": arm, "person": listed.person, "participant_id": find_participant(arm, listed.person)},
    )
    if not is_new and row.person != listed.person:
        return False
    now = timezone.now()
    row.status, row.status_at, row.seen_at = listed.status, now, now
    row.started_at, row.completed_at = listed.started_at or row.started_at, listed.completed_at or row.completed_at
    row.time_taken_s = row.time_taken_s if listed.time_taken_s is None else listed.time_taken_s
    row.code = listed.code or row.code
    row.save()
    return True


def find_participant(arm: Arm, person: str) -> int | None:
    known = PanelIdentity.objects.filter(study=arm.study_id, panel=arm.panel, panel_person=person)
    return known.values_list("participant_id", flat=True).first()
