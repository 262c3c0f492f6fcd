"""Set studies up and open them."""

from __future__ import annotations

from itertools import product

from django.db import transaction

from survey.domain.registration import register
from survey.domain.study_states import change_state
from survey.domain.translations import open_text_faults
from survey.enums import AgeBucket, Gender, PanelName, StudyState
from survey.models import Arm, InstrumentVersion, QuotaCell, Study
from survey.panels.lint import lint_arm
from survey.panels.rules import Severity


class NotReady(ValueError):
    """The study is not fit for participants; the message lists why.

    Its arms have errors that would leave them without their way back, or its texts have not come far enough.
    """


@transaction.atomic
def create_study(*, code: str, title: str, version: InstrumentVersion, panel: PanelName, target_per_cell: int) -> Study:
    """Create a draft study with the arms of its instrument.

    Each arm gets a cell per age bucket and binary gender, and one of the same size for everybody else.
    """
    study = Study.objects.create(code=code, title=title, version=version)
    arms = Arm.objects.bulk_create(
        Arm(study=study, country=country, locales=arm_structure["locales"], panel=panel)
        for country, arm_structure in version.structure["arms"].items()
    )
    kinds: list[tuple[str, str]] = [*product(AgeBucket, (Gender.WOMAN, Gender.MAN)), ("", "")]
    QuotaCell.objects.bulk_create(
        QuotaCell(arm=arm, age_bucket=bucket, gender=gender, target=target_per_cell)
        for arm, (bucket, gender) in product(arms, kinds)
    )
    return study


@transaction.atomic
def launch_study(study: Study, *, by: str = "", reason: str = "") -> bool:
    """Open a draft or paused study to participants; say whether it was us. `NotReady` if arms or texts are not fit.

    The launch registers what the study commits to; a study that goes on otherwise than registered needs a reason.
    """
    if Study.objects.select_for_update().get(pk=study.pk).state in {StudyState.DRAFT, StudyState.PAUSED}:
        refuse_errors(study)
    is_ours = change_state(study, StudyState.LIVE, by=by, reason=reason)
    if is_ours:
        register(study, by=by, reason=reason)
    return is_ours


def refuse_errors(study: Study) -> None:
    """Raise `NotReady` with every error of every arm, and what is wrong with the texts of each locale."""
    arms = study.arms.select_related("study__version")
    errors = [] if arms else ["the study has no arms"]
    errors += [f"{arm.country}: offers no locale" for arm in arms if not arm.locales]
    errors += [
        f"{arm.country}: {violation}"
        for arm in arms
        for violation in lint_arm(arm)
        if violation.severity == Severity.ERROR
    ]
    errors += [f"texts {fault}" for fault in open_text_faults(study)]
    if errors:
        raise NotReady("\n".join(errors))
