"""Set studies up and open them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from survey.enums import AgeBucket, Gender, PanelName, StudyState
from survey.models import Arm, InstrumentVersion, QuotaCell, Study


@transaction.atomic
def create_study(*, code: str, title: str, version: InstrumentVersion, panel: PanelName, target_per_cell: int) -> Study:
    """Create a draft study with the arms of its instrument.

    Each arm gets a cell per age bucket and binary gender, and one of the same size for everybody else.
    """
    study = Study.objects.create(code=code, title=title, version=version)
    for country, arm_structure in version.structure["arms"].items():
        arm = Arm.objects.create(study=study, country=country, locales=arm_structure["locales"], panel=panel)
        QuotaCell.objects.bulk_create(
            QuotaCell(arm=arm, age_bucket=bucket, gender=gender, target=target_per_cell)
            for bucket in AgeBucket
            for gender in (Gender.WOMAN, Gender.MAN)
        )
        QuotaCell.objects.create(arm=arm, target=target_per_cell)
    return study


def launch_study(study: Study) -> bool:
    """Open a draft or paused study to participants; say whether it was us."""
    opened = Study.objects.filter(pk=study.pk, state__in=[StudyState.DRAFT, StudyState.PAUSED]).update(
        state=StudyState.LIVE, launched_at=timezone.now()
    )
    study.refresh_from_db()
    return bool(opened)
