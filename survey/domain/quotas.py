"""Places in quota cells. Under any concurrency a cell's live and complete leases together stay within its hard limit.

Whoever may raise that number holds the cell's row lock meanwhile. A lease is live as long as its session is active;
one whose session was idle for too long is freed by whoever next wants a place.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from survey.domain.registration import note_change
from survey.enums import Country, LeaseState, Status, StudyChangeKind
from survey.flow.cells import cell_label
from survey.flow.status import LIVE_FOR
from survey.models import Arm, Lease, QuotaCell, StudyChange, SurveySession

NO_CELL = "none"


def find_cell(arm_id: int, *, age_bucket: str, gender: str) -> QuotaCell | None:
    """Find the cell that a participant counts in: the one that says most about them."""
    cells = QuotaCell.objects.filter(arm=arm_id, age_bucket__in=[age_bucket, ""], gender__in=[gender, ""])
    return max(cells, key=lambda cell: (bool(cell.age_bucket) + bool(cell.gender), cell.pk), default=None)


@transaction.atomic
def take_place(session: SurveySession, *, age_bucket: str, gender: str) -> bool:
    """Take a place for a session; False when there is none. An arm without cells takes everybody."""
    if not QuotaCell.objects.filter(arm=session.arm_id).exists():
        return True
    cell = lock_cell(session.arm_id, age_bucket=age_bucket, gender=gender)
    if cell is None or not has_room(cell, for_newcomer=True):
        return False
    Lease.objects.create(session=session, cell=cell)
    return True


def lock_cell(arm_id: int, *, age_bucket: str, gender: str) -> QuotaCell | None:
    """Find a participant's cell and hold its row until the transaction ends; look again where it was just removed."""
    while (cell := find_cell(arm_id, age_bucket=age_bucket, gender=gender)) is not None:
        if locked := hold(cell.pk).first():
            return locked
    return None


def hold(cell_id: int) -> QuerySet[QuotaCell]:
    """Ask for a cell's row to be held, and for no other: cells are ordered by their arm, whose row everybody needs."""
    return QuotaCell.objects.filter(pk=cell_id).select_for_update(of=("self",))


def has_room(locked: QuotaCell, *, for_newcomer: bool) -> bool:
    """Free what idle sessions hold of a cell whose row is held, and say whether a place is left."""
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
    lease = Lease.objects.filter(session=session, state=LeaseState.FREED).first()
    if lease is None:
        return True  # an arm without cells
    if not has_room(hold(lease.cell_id).get(), for_newcomer=False):
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
    refuse_unreachable(limits)
    cell = QuotaCell.objects.select_for_update(of=("self",)).select_related("arm__study").get(pk=cell_id)
    old = limits_of(cell)
    if limits == old:
        return False
    QuotaCell.objects.filter(pk=cell_id).update(**limits._asdict())
    keep(cell.arm, cell_name(cell), old=str(old), new=str(limits), cell=cell, by=by, reason=reason)
    return True


@transaction.atomic
def add_cell(
    arm: Arm, *, age_bucket: str, gender: str, limits: CellLimits, by: str = "", reason: str = ""
) -> QuotaCell:
    """Give an arm another cell; whoever holds a place already keeps it where it is.

    `ValueError` where there is such a cell, where its numbers make no sense, and as in `change_cell`.
    """
    refuse_unreachable(limits)
    arm = Arm.objects.select_for_update(of=("self",), no_key=True).select_related("study").get(pk=arm.pk)
    cell = QuotaCell(arm=arm, age_bucket=age_bucket, gender=gender, **limits._asdict())
    if QuotaCell.objects.filter(arm=arm, age_bucket=age_bucket, gender=gender).exists():
        raise ValueError("there is such a cell already")
    cell.save()
    keep(arm, cell_name(cell), old=NO_CELL, new=str(limits), cell=cell, by=by, reason=reason)
    return cell


@transaction.atomic
def remove_cell(cell_id: int, *, by: str = "", reason: str = "") -> None:
    """Take a cell away that nobody holds a place in, or could come back to; places given back go with it.

    `ValueError` where somebody does, and as in `change_cell`.
    """
    cell = QuotaCell.objects.select_for_update(of=("self",)).select_related("arm__study").get(pk=cell_id)
    leases = Lease.objects.filter(cell=cell)
    if leases.filter(~Q(state=LeaseState.FREED) | Q(session__status=Status.ACTIVE)).exists():
        raise ValueError("somebody holds a place in it, or may come back to one; close it instead")
    leases.delete()
    name, old = cell_name(cell), str(limits_of(cell))
    cell.delete()
    keep(cell.arm, name, old=old, new=NO_CELL, cell=None, by=by, reason=reason)


def refuse_unreachable(limits: CellLimits) -> None:
    if limits.soft_limit is not None and limits.soft_limit > limits.target + limits.over_target:
        raise ValueError(f"the soft limit {limits.soft_limit} is above target and places over it together")


def limits_of(cell: QuotaCell) -> CellLimits:
    return CellLimits(cell.target, cell.over_target, cell.soft_limit, cell.is_open)


def cell_name(cell: QuotaCell) -> str:
    """Name a cell as pages do, such as "India, older men"."""
    return f"{Country(cell.arm.country).label}, {cell_label(cell.age_bucket, cell.gender).lower()}"


def keep(arm: Arm, name: str, *, old: str, new: str, cell: QuotaCell | None, by: str, reason: str) -> None:
    """Keep the change, under the cell's name, which outlives the cell; a registered study notes a deviation."""
    StudyChange.objects.create(
        study_id=arm.study_id,
        kind=StudyChangeKind.QUOTA_CELL,
        cell=cell,
        old=f"{name}: {old}",
        new=f"{name}: {new}",
        by=by,
        reason=reason,
    )
    note_change(arm.study, by=by, reason=reason)
