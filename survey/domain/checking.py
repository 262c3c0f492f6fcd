"""Store the answers to comprehension and attention checks."""

from __future__ import annotations

from survey.domain.answering import advance
from survey.domain.lifecycle import change_status
from survey.enums import CheckKind, Status
from survey.models import CheckAnswer, SurveySession
from survey.statements import insert

COMPREHENSION_ATTEMPTS = 2


def record_comprehension(session: SurveySession, *, answer: str, is_correct: bool) -> bool:
    """Store one try; True when the session moved (on, or out after the last try), False to ask again."""
    attempt = session.check_answers.filter(kind=CheckKind.COMPREHENSION).count() + 1
    insert(
        CheckAnswer,
        session=session,
        kind=CheckKind.COMPREHENSION,
        number=1,
        attempt=attempt,
        answer=answer,
        is_correct=is_correct,
    )
    if is_correct:
        advance(session)
    elif attempt >= COMPREHENSION_ATTEMPTS:
        change_status(session, Status.FAILED_COMPREHENSION, reason=f"{attempt} wrong answers")
    else:
        return False
    return True


def record_attention(session: SurveySession, *, number: int, answer: str, is_correct: bool) -> None:
    """Store the answer to an attention check and move on, right or wrong: it is for people to judge."""
    insert(
        CheckAnswer,
        session=session,
        kind=CheckKind.ATTENTION,
        number=number,
        attempt=1,
        answer=answer,
        is_correct=is_correct,
    )
    advance(session)
