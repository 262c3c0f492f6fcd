"""Take over a panel's list of submissions from a file: first looked at row by row, then stored, each row for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from django.utils import timezone

from survey.domain.panels import ingest
from survey.enums import PanelName, SubmissionStatus
from survey.models import Arm, PanelIdentity, PanelSubmission, Study
from survey.panels import Reported
from survey.panels.submission_files import FileRow

# A list may be older than what an event has told since: a status never goes back to one that comes before it.
ORDER: dict[SubmissionStatus, int] = {
    SubmissionStatus.UNKNOWN: 0,
    SubmissionStatus.RESERVED: 1,
    SubmissionStatus.ACTIVE: 2,
    SubmissionStatus.TIMED_OUT: 3,
    SubmissionStatus.AWAITING_REVIEW: 3,
}
DECIDED = 4  # approved, returned, rejected, screened out


class Verdict(StrEnum):
    TAKEN = "taken"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class Line(NamedTuple):
    """What becomes of one row of the file, and why."""

    line: int
    verdict: Verdict
    note: str
    reported: Reported | None = None
    arm_id: int | None = None


def look_at(study: Study, panel: PanelName, rows: Sequence[FileRow], *, country: str = "") -> list[Line]:
    """Say of every row what would become of it; nothing is stored."""
    ids = [row.listed.submission for row in rows if row.listed]
    known = {
        one.submission: one for one in PanelSubmission.objects.filter(study=study, panel=panel, submission__in=ids)
    }
    people = [row.listed.person for row in rows if row.listed and row.listed.person]
    arm_of = dict(
        PanelIdentity.objects.filter(study=study, panel=panel, panel_person__in=people).values_list(
            "panel_person", "participant__session__arm_id"
        )
    )
    arms = {arm.pk: arm for arm in study.arms.all() if arm.panel == panel}
    return [_look_at_one(row, arms, known, arm_of, country) for row in rows]


def _look_at_one(
    row: FileRow,
    arms: Mapping[int, Arm],
    known: Mapping[str, PanelSubmission],
    arm_of: Mapping[str, int | None],
    country: str,
) -> Line:
    if row.listed is None:
        return Line(row.line, Verdict.REFUSED, row.fault)
    before = known.get(row.listed.submission)
    reported = row.listed._replace(person=row.listed.person or (before.person if before else ""))
    if not reported.person:
        return Line(row.line, Verdict.REFUSED, "missing person: nobody came in with this submission")
    if before and before.person != reported.person:
        return Line(row.line, Verdict.REFUSED, "the submission is another person's here")
    arm = _find_arm(before.arm_id if before else arm_of.get(reported.person), arms, country)
    if isinstance(arm, str):
        return Line(row.line, Verdict.REFUSED, arm)
    if before is None:
        return Line(row.line, Verdict.TAKEN, f"new, {_label(reported.status)}", reported, arm.pk)
    reported = _not_older(reported, before)
    changed = _changes(reported, before)
    if not changed:
        return Line(row.line, Verdict.UNCHANGED, _label(reported.status))
    return Line(row.line, Verdict.TAKEN, ", ".join(changed), reported, arm.pk)


def _find_arm(arm_id: int | None, arms: Mapping[int, Arm], country: str) -> Arm | str:
    """Find the arm that a row belongs to, or say why that cannot be told."""
    chosen = [arm for arm in arms.values() if not country or arm.country == country]
    if arm_id is not None:
        own = arms.get(arm_id)
        return own if own in chosen and own is not None else "it belongs to another country"
    if len(chosen) == 1:
        return chosen[0]
    return "nobody came in with it: choose the country that the file is of"


def _not_older(reported: Reported, before: PanelSubmission) -> Reported:
    """Keep a later status that is known already."""
    status = SubmissionStatus(before.status)
    is_older = ORDER.get(reported.status, DECIDED) < ORDER.get(status, DECIDED)
    return reported._replace(status=status) if is_older else reported


def _changes(reported: Reported, before: PanelSubmission) -> list[str]:
    """Name what a row would change; an empty cell changes nothing."""
    changed = []
    if reported.status != before.status:
        changed.append(f"{_label(SubmissionStatus(before.status))} → {_label(reported.status)}")
    for field in ("started_at", "completed_at", "time_taken_s", "code"):
        new = getattr(reported, field)
        if new not in (None, "") and new != getattr(before, field):
            changed.append(field.removesuffix("_s").replace("_", " "))
    return changed or ([] if before.seen_at else ["listed by the panel"])


def _label(status: SubmissionStatus) -> str:
    return str(status.label).lower()


def store(study: Study, lines: Iterable[Line]) -> int:
    """Store the rows that are to be taken, each in a transaction of its own; give the number."""
    arms = {arm.pk: arm for arm in study.arms.all()}
    now = timezone.now()
    return sum(
        ingest(arms[line.arm_id], line.reported, asked_at=now)
        for line in lines
        if line.verdict == Verdict.TAKEN and line.reported and line.arm_id
    )
