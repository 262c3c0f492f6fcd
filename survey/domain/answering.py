"""Store what a page brought and move the session on: each function one page, all or nothing.

Every function expects the session's row to be locked by the caller (`lock_session`) and returns nothing: the
caller redirects to where the session then stands. `record_answers_at_once` alone does both in one statement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from survey.domain.lifecycle import change_status, rules_of
from survey.domain.quality import flag_session, gather_evidence
from survey.domain.quotas import complete_place, take_place
from survey.enums import Choice, OptionOrder, Question, Status
from survey.flow.outcomes import Ended, outcome_of
from survey.flow.wording import Shown, Wording
from survey.models import Consent, Demographics, Response, SurveySession
from survey.queries import item_facts, text_hashes, version_structure
from survey.statements import Read, insert, run


class LostRace(RuntimeError):
    """The session moved while its row was thought to be locked."""


HELD_SESSION = Read(
    SurveySession, "arm", "study", where="survey_surveysession.token = %s FOR UPDATE OF survey_surveysession"
)
ADVANCE = """
UPDATE survey_surveysession SET position = position + 1, last_activity_at = %s, locale = %s
WHERE id = %s AND position = %s
"""
GO_BACK = """
UPDATE survey_surveysession SET position = position - 1, last_activity_at = %s
WHERE id = %s AND position = %s AND status = %s
"""


def lock_session(token: str) -> SurveySession:
    """Read a session and hold its row until the transaction ends; `SurveySession.DoesNotExist` for a bad token."""
    session = HELD_SESSION.first(token)
    if session is None:
        raise SurveySession.DoesNotExist
    return session


def advance(session: SurveySession) -> None:
    """Move on by one page, only from the page we think the session is at."""
    now = timezone.now()
    if not run(ADVANCE, (now, session.locale, session.pk, session.position)):
        raise LostRace(str(session))
    session.position += 1
    session.last_activity_at = now


def choose_language(session: SurveySession, *, locale: str) -> None:
    session.locale = locale
    advance(session)


def choose_language_again(session: SurveySession) -> None:
    """Move back to the page before, where the language is chosen; nothing is stored of a session by then."""
    if not run(GO_BACK, (timezone.now(), session.pk, session.position, Status.LANDED.value)):
        raise LostRace(str(session))
    session.position -= 1


def record_consent(session: SurveySession, *, is_given: bool, shown: Sequence[str], consent_version: str) -> None:
    """Keep what was shown and what was said; without consent the session ends here."""
    insert(
        Consent,
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


AT_ONCE = """
WITH moved AS (
    UPDATE survey_surveysession SET position = position + 1, last_activity_at = %(now)s
    WHERE token = %(token)s AND position = %(position)s AND status IN ('landed', 'active') RETURNING id
)
INSERT INTO survey_response (session_id, item_id, question, choice, option_order, position, locale, text_hash,
    served_at, submitted_at)
SELECT moved.id, %(item)s, given.question, given.choice, %(option_order)s, %(position)s, %(locale)s, given.text_hash,
    %(served_at)s, %(now)s
FROM moved CROSS JOIN (VALUES
    ('personal', %(personal)s, %(personal_hash)s), ('norm', %(norm)s, %(norm_hash)s)
) given (question, choice, text_hash)
ON CONFLICT (session_id, item_id, question) DO NOTHING
"""


def record_answers_at_once(
    token: str, *, position: int, shown: Shown, personal: Choice, norm: Choice, served_at: datetime
) -> bool:
    """Do what `record_answers` does in one statement that needs no lock beforehand; say whether anything was stored.

    It stores and moves on only where the session stands at that page, under the row's lock that its update takes: of
    two that come at once the second finds the session further on, and changes nothing.
    """
    now = timezone.now()
    hashes = text_hashes(shown)
    values: dict[str, str | int | datetime] = {
        "token": token,
        "position": position,
        "now": now,
        "served_at": min(served_at, now),
        "item": item_facts(shown.version_id)[shown.item].pk,
        "option_order": shown.option_order,
        "locale": shown.locale,
        "personal": personal.value,
        "personal_hash": hashes[Question.PERSONAL],
        "norm": norm.value,
        "norm_hash": hashes[Question.NORM],
    }
    return bool(run(AT_ONCE, values))


def record_demographics(
    session: SurveySession, *, age_band: str, gender: str, country: str, is_country_undisclosed: bool
) -> None:
    """Store what a participant says of themselves at the end; their quota cell counts them while it has a place."""
    insert(
        Demographics,
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
