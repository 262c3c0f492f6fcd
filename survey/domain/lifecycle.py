"""The life of a survey session: every change of status, in one place."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from survey.domain.quotas import free_place
from survey.enums import Status
from survey.flow.status import FINAL, may_follow
from survey.models import StatusChange, SurveySession


class IllegalTransition(ValueError):
    """The status may not follow the session's present one."""


def withdraw(session: SurveySession, *, reason: str) -> bool:
    """Take a participant out at their wish: nothing of theirs is in any export from now on."""
    return change_status(session, Status.WITHDREW, reason=reason)


@transaction.atomic
def change_status(session: SurveySession, new: Status, *, reason: str) -> bool:
    """Move a session to ``new`` unless somebody else moved it meanwhile; say whether it was us."""
    old = Status(session.status)
    if not may_follow(old, new):
        raise IllegalTransition(f"{old} → {new}")
    finished_at = timezone.now() if new in FINAL else None
    moved = SurveySession.objects.filter(pk=session.pk, status=old).update(status=new, finished_at=finished_at)
    if moved:
        if new in FINAL and new != Status.COMPLETE:
            free_place(session)
        StatusChange.objects.create(session=session, old=old, new=new, reason=reason)
        session.status, session.finished_at = new, finished_at
    return bool(moved)
