"""Places in quota cells. Under any concurrency a cell's live and complete leases together stay within its hard limit.

Whoever may raise that number holds the cell's row lock meanwhile. A lease is live as long as its session is active;
one whose session was idle for too long is freed by whoever next wants a place.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from survey.domain.registration import note_change
from survey.enums import Country, LeaseState, Status, StudyChangeKind
from survey.flow.cells import cell_label
from survey.flow.status import LIVE_FOR
from survey.models import Arm, Lease, QuotaCell, StudyChange, SurveySession
from survey.statements import Read, insert, rows, run

NO_CELL = "none"


# The cell that says most about a participant. Whoever waits for one that is just being removed gets the next.
HELD_CELL = Read(
    QuotaCell,
    where="""arm_id = %s AND age_bucket IN (%s, '') AND gender IN (%s, '')
    ORDER BY (age_bucket <> '')::int + (gender <> '')::int DESC, id DESC LIMIT 1 FOR UPDATE""",
)
FREE_IDLE = """
UPDATE survey_lease SET state = 'freed' FROM survey_surveysession
WHERE survey_surveysession.id = survey_lease.session_id AND cell_id = %s AND state = 'live' AND last_activity_at < %s
"""
# One statement for both numbers: whoever finishes between two would be counted in neither.
COUNT_HELD = """
SELECT count(*) FILTER (WHERE state = 'live'), count(*) FILTER (WHERE state = 'complete')
FROM survey_lease WHERE cell_id = %s
"""
COMPLETE_LIVE = "UPDATE survey_lease SET state = 'complete' WHERE session_id = %s AND state = 'live'"


@transaction.atomic(savepoint=False)
def take_place(session: SurveySession, *, age_bucket: str, gender: str) -> bool:
    """Take a place for a session; False when there is none. An arm without cells takes everybody."""
    cell = lock_cell(session.arm_id, age_bucket=age_bucket, gender=gender)
    if cell is None:
        return not QuotaCell.objects.filter(arm=session.arm_id).exists()
    if not has_room(cell, for_newcomer=True):
        return False
    insert(Lease, session=session, cell=cell)
    return True


def lock_cell(arm_id: int, *, age_bucket: str, gender: str) -> QuotaCell | None:
    """Find a participant's cell and hold its row, and no other, until the transaction ends."""
    return HELD_CELL.first(arm_id, age_bucket, gender)


def has_room(locked: QuotaCell, *, for_newcomer: bool) -> bool:
    """Free what idle sessions hold of a cell whose row is held, and say whether a place is left."""
    run(FREE_IDLE, (locked.pk, timezone.now() - LIVE_FOR))
    ((n_live, n_complete),) = rows(COUNT_HELD, (locked.pk,))
    if for_newcomer and (not locked.is_open or n_complete >= locked.stops_at):
        return False
    return bool(n_live + n_complete < locked.hard_limit)


@transaction.atomic(savepoint=False)
def complete_place(session: SurveySession) -> bool:
    """Make a session's place a complete one; False when it lost the place meanwhile and the cell is full.

    Who comes back late finishes all the same; their answers are then beyond the quota, and the session is flagged.
    """
    if run(COMPLETE_LIVE, (session.pk,)):
        return True
    lease = Lease.objects.filter(session=session, state=LeaseState.FREED).first()
    if lease is None:
        return True  # an arm without cells
    cell = QuotaCell.objects.select_for_update(of=("self",)).get(pk=lease.cell_id)
    if not has_room(cell, for_newcomer=False):
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
