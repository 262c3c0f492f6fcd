"""Let a participant into the paid part, or lead them out before it."""

from __future__ import annotations

from survey.domain.answering import advance
from survey.domain.lifecycle import change_status
from survey.domain.quotas import take_place
from survey.enums import AgeBand, Fluency, Gender, Status
from survey.flow.screening import Answers, is_eligible
from survey.models import Demographics, SurveySession
from survey.queries import version_structure
from survey.statements import insert


def screen(
    session: SurveySession, *, country: str | None, age_band: AgeBand, gender: Gender, fluency: Fluency
) -> Status:
    """Store what a newcomer says of themselves and decide: on, out, or the quota is full. Gives the status then."""
    insert(
        Demographics,
        session=session,
        age_band=age_band,
        gender=gender,
        country=country or "",
        is_country_undisclosed=country is None,
        fluency=fluency,
    )
    structure = version_structure(session.version_id)
    answers = Answers(country=country, age_band=age_band, fluency=fluency)
    bucket = structure["age_buckets"].get(age_band, "")
    if not is_eligible(answers, arm_country=session.arm.country, fluencies=structure["fluencies"]):
        change_status(session, Status.SCREENED_OUT, reason="does not belong in this arm")
    elif not take_place(session, age_bucket=bucket, gender=gender):
        change_status(session, Status.QUOTA_FULL, reason="no place in the quota cell")
    else:
        advance(session)
    return Status(session.status)
