"""The life of a study: every change of its state, in one place, each with who did it and why."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from survey.enums import StudyChangeKind, StudyState
from survey.flow.study_state import study_may_become
from survey.models import InstrumentVersion, Study, StudyChange


class IllegalStudyChange(ValueError):
    """The study's present state does not allow this."""


def pause_study(study: Study, *, by: str = "", reason: str = "") -> bool:
    """Take in nobody new for now; whoever is inside goes on. Say whether it was us."""
    return change_state(study, StudyState.PAUSED, by=by, reason=reason)


def close_study(study: Study, *, by: str = "", reason: str = "") -> bool:
    """Take in nobody new for good; whoever is inside may finish. Say whether it was us."""
    return change_state(study, StudyState.CLOSED, by=by, reason=reason)


@transaction.atomic
def change_state(study: Study, new: StudyState, *, by: str, reason: str) -> bool:
    """Move a study to ``new``, once; False where it is there already, `IllegalStudyChange` where it may not go."""
    locked = Study.objects.select_for_update().get(pk=study.pk)
    old = StudyState(locked.state)
    if old != new:
        if not study_may_become(old, new):
            raise IllegalStudyChange(f"a study that is {old.label.lower()} cannot become {new.label.lower()}")
        launched_at = locked.launched_at or timezone.now()
        Study.objects.filter(pk=study.pk).update(state=new, launched_at=launched_at)
        StudyChange.objects.create(
            study=study, kind=StudyChangeKind.STATE, old=old.label, new=new.label, by=by, reason=reason
        )
    study.refresh_from_db()
    return old != new


@transaction.atomic
def use_version(study: Study, version: InstrumentVersion, *, by: str = "", reason: str = "") -> bool:
    """Put a draft study on another version of its instrument; say whether it was us.

    `IllegalStudyChange` once the study was launched, or where the version lacks one of the study's arms.
    """
    locked = Study.objects.select_for_update(of=("self",)).select_related("version").get(pk=study.pk)
    if locked.state != StudyState.DRAFT:
        raise IllegalStudyChange("the version is fixed once a study was launched")
    if version.instrument_id != locked.version.instrument_id:
        raise IllegalStudyChange("this version belongs to another instrument")
    if absent := set(study.arms.values_list("country", flat=True)) - version.structure["arms"].keys():
        raise IllegalStudyChange(f"this version has no arm for {', '.join(sorted(absent))}")
    if locked.version_id == version.pk:
        return False
    Study.objects.filter(pk=study.pk).update(version=version)
    old, new = str(locked.version), str(version)
    StudyChange.objects.create(study=study, kind=StudyChangeKind.VERSION, old=old, new=new, by=by, reason=reason)
    study.refresh_from_db()
    return True


@transaction.atomic
def unblind_study(study: Study, *, by: str, reason: str) -> bool:
    """Show a study's outcomes from now on; say whether it was us. What was seen cannot be hidden again.

    `IllegalStudyChange` without a name or a reason: both stand in the study's record.
    """
    if not by or not reason.strip():
        raise IllegalStudyChange("outcomes are shown by somebody with a name, and for a reason")
    locked = Study.objects.select_for_update().get(pk=study.pk)
    if locked.unblinded_at is None:
        Study.objects.filter(pk=study.pk).update(unblinded_at=timezone.now())
        StudyChange.objects.create(
            study=study, kind=StudyChangeKind.BLINDING, old="Hidden", new="Shown", by=by, reason=reason.strip()
        )
    study.refresh_from_db()
    return locked.unblinded_at is None
