"""Places in quota cells. Under any concurrency a cell's live and complete leases together stay within its hard limit.

Whoever may raise that number holds the cell's row lock meanwhile. A lease is live as long as its session is active;
one whose session was idle for too long is freed by whoever next wants a place.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from survey.domain.registration import note_change
from survey.enums import LeaseState, StudyChangeKind
from survey.flow.status import LIVE_FOR
from survey.models import Lease, QuotaCell, StudyChange, SurveySession


def find_cell(arm_id: int, *, age_bucket: str, gender: str) -> QuotaCell | None:
    """Find the cell that a participant counts in: the one that says most about them."""
    cells = QuotaCell.objects.filter(arm=arm_id, age_bucket__in=[age_bucket, ""], gender__in=[gender, ""])
    return max(cells, key=lambda cell: (bool(cell.age_bucket) + bool(cell.gender), cell.pk), default=None)


@transaction.atomic
def take_place(session: SurveySession, *, age_bucket: str, gender: str) -> bool:
    """Take a place for a session; False when there is none. An arm without cells takes everybody."""
    if not QuotaCell.objects.filter(arm=session.arm_id).exists():
        return True
    cell = find_cell(session.arm_id, age_bucket=age_bucket, gender=gender)
    if cell is None or not lock_with_room(cell, for_newcomer=True):
        return False
    Lease.objects.create(session=session, cell=cell)
    return True


def lock_with_room(cell: QuotaCell, *, for_newcomer: bool) -> bool:
    """Hold a cell's row until the transaction ends, free what idle sessions hold, and say whether a place is left."""
    locked = QuotaCell.objects.select_for_update().get(pk=cell.pk)
    idle_since = timezone.now() - LIVE_FOR
    leases = Lease.objects.filter(cell=locked)
    idle = leases.filter(state=LeaseState.LIVE, session__last_activity_at__lt=idle_since)
    idle.update(state=LeaseState.FREED)
    # One statement for both numbers: whoever finishes between two would be counted in neither.
    held = leases.aggregate(
        live=Count("pk", filter=Q(state=LeaseState.LIVE)), complete=Count("pk", filter=Q(state=LeaseState.COMPLETE))
    )
    if for_newcomer and (not locked.is_open or held["complete"] >= locked.stops_at):
        return False
    return bool(held["live"] + held["complete"] < locked.hard_limit)


@transaction.atomic
def complete_place(session: SurveySession) -> bool:
    """Make a session's place a complete one; False when it lost the place meanwhile and the cell is full.

    Who comes back late finishes all the same; their answers are then beyond the quota, and the session is flagged.
    """
    if Lease.objects.filter(session=session, state=LeaseState.LIVE).update(state=LeaseState.COMPLETE):
        return True
    lease = Lease.objects.filter(session=session, state=LeaseState.FREED).select_related("cell").first()
    if lease is None:
        return True  # an arm without cells
    if not lock_with_room(lease.cell, for_newcomer=False):
        return False
    return bool(Lease.objects.filter(pk=lease.pk, state=LeaseState.FREED).update(state=LeaseState.COMPLETE))


def free_place(session: SurveySession) -> None:
    """Give a session's place back."""
    Lease.objects.filter(session=session).exclude(state=LeaseState.FREED).update(state=LeaseState.FREED)


class CellLimits(NamedTuple):
    """What a researcher sets of a quota cell; see `QuotaCell`."""

    target: int
    over_target: int
    soft_limit: int | None
    is_open: bool

    def __str__(self) -> str:
        soft = "" if self.soft_limit is None else f", soft limit {self.soft_limit}"
        return f"target {self.target}, {self.over_target} over{soft}, {'open' if self.is_open else 'closed'}"


@transaction.atomic
def change_cell(cell_id: int, limits: CellLimits, *, by: str = "", reason: str = "") -> bool:
    """Set what a cell takes; say whether that is a change. Places that are held already stay, whatever the numbers.

    `ValueError` for a soft limit that the hard limit would never let it reach, and for a change of what was registered
    without a reason.
    """
    if limits.soft_limit is not None and limits.soft_limit > limits.target + limits.over_target:
        raise ValueError(f"the soft limit {limits.soft_limit} is above target and places over it together")
    cell = QuotaCell.objects.select_for_update(of=("self",)).select_related("arm__study").get(pk=cell_id)
    old = CellLimits(cell.target, cell.over_target, cell.soft_limit, cell.is_open)
    if limits == old:
        return False
    QuotaCell.objects.filter(pk=cell_id).update(**limits._asdict())
    StudyChange.objects.create(
        study_id=cell.arm.study_id,
        kind=StudyChangeKind.QUOTA_CELL,
        cell=cell,
        old=str(old),
        new=str(limits),
        by=by,
        reason=reason,
    )
    note_change(cell.arm.study, by=by, reason=reason)
    return True
