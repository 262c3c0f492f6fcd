"""Store what a page brought and move the session on: each function one page, all or nothing.

Every function expects the session's row to be locked by the caller (`lock_session`) and returns nothing: the
caller redirects to where the session then stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from survey.domain.lifecycle import change_status, rules_of
from survey.domain.quality import flag_session, gather_evidence
from survey.domain.quotas import complete_place, take_place
from survey.enums import Choice, OptionOrder, Question, Status
from survey.flow.outcomes import Ended, outcome_of
from survey.flow.wording import Wording
from survey.models import Consent, Demographics, Response, SurveySession
from survey.queries import item_facts, version_structure


class LostRace(RuntimeError):
    """The session moved while its row was thought to be locked."""


def lock_session(token: str) -> SurveySession:
    """Read a session and hold its row until the transaction ends; `SurveySession.DoesNotExist` for a bad token."""
    sessions = SurveySession.objects.select_related("arm__study").select_for_update(of=("self",))
    return sessions.get(token=token)


def advance(session: SurveySession, **changes: str) -> None:
    """Move on by one page, only from the page we think the session is at."""
    now = timezone.now()
    here = SurveySession.objects.filter(pk=session.pk, position=session.position)
    if not here.update(position=F("position") + 1, last_activity_at=now, **changes):
        raise LostRace(str(session))
    session.position += 1
    session.last_activity_at = now


def choose_language(session: SurveySession, *, locale: str) -> None:
    advance(session, locale=locale)


def record_consent(session: SurveySession, *, is_given: bool, shown: Sequence[str], consent_version: str) -> None:
    """Keep what was shown and what was said; without consent the session ends here."""
    Consent.objects.create(
        session=session,
        consent_version=consent_version,
        locale=session.locale,
        text_hash=hashlib.sha256("\x1f".join(shown).encode()).hexdigest(),
        is_given=is_given,
    )
    if is_given:
        change_status(session, Status.ACTIVE, reason="consent given")
        advance(session)
    else:
        change_status(session, Status.NO_CONSENT, reason="consent refused")


def pass_page(session: SurveySession) -> None:
    advance(session)


def record_answers(
    session: SurveySession,
    *,
    item: str,
    answers: Mapping[Question, Choice | None],
    wording: Wording,
    option_order: OptionOrder,
    served_at: datetime,
) -> None:
    """Store the answers to one item's questions and move on; None where somebody prefers not to answer."""
    now = timezone.now()
    Response.objects.bulk_create(
        [
            Response(
                session=session,
                item_id=item_facts(session.version_id)[item].pk,
                question=question,
                choice=choice or "",
                option_order=option_order,
                position=session.position,
                locale=session.locale,
                text_hash=wording.digest(question, option_order),
                served_at=min(served_at, now),  # another server's clock may run ahead
                submitted_at=now,
            )
            for question, choice in answers.items()
        ],
        ignore_conflicts=True,
    )
    advance(session)


def record_demographics(
    session: SurveySession, *, age_band: str, gender: str, country: str, is_country_undisclosed: bool
) -> None:
    """Store what a participant says of themselves at the end; their quota cell counts them while it has a place."""
    Demographics.objects.create(
        session=session,
        age_band=age_band,
        gender=gender,
        country=country,
        is_country_undisclosed=is_country_undisclosed,
    )
    bucket = version_structure(session.version_id)["age_buckets"].get(age_band, "")
    take_place(session, age_bucket=bucket, gender=gender)
    advance(session)


def finish(session: SurveySession) -> None:
    """Complete the session and its quota place; its answers are all stored by now, since each page stored its own."""
    evidence = gather_evidence(session, is_within_quota=complete_place(session))
    flags = flag_session(session, evidence)
    ended = Ended(Status.COMPLETE, flags, evidence.n_attention_failed)
    change_status(session, Status.COMPLETE, reason="last page passed", outcome=outcome_of(ended, rules_of(session)))
    advance(session)
