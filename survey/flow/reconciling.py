"""What does not agree between a panel's records and ours, and what may lawfully be done about it. Pure.

Whoever gave all their answers is paid, whatever became of their visit at the panel. Nothing here rejects anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from survey.enums import Discrepancy, Outcome, PanelVerb, Signature, SubmissionStatus
from survey.flow.outcomes import ANSWERED_ALL, UNBEGUN

REVIEW_DAYS = 14  # from here on a submission has waited for long
APPROVED_BY_ITSELF_DAYS = 21  # Prolific approves what nobody has reviewed
SOON_DAYS = 3
SHORTEST_MESSAGE = 100  # characters of a message that asks for a return

OVER_UNPAID = frozenset({SubmissionStatus.RETURNED, SubmissionStatus.TIMED_OUT, SubmissionStatus.REJECTED})
OVER = OVER_UNPAID | {SubmissionStatus.APPROVED, SubmissionStatus.PARTIALLY_APPROVED, SubmissionStatus.SCREENED_OUT}
UNTOLD = frozenset({SubmissionStatus.UNKNOWN, SubmissionStatus.RESERVED, SubmissionStatus.ACTIVE})
OPEN = frozenset({SubmissionStatus.ACTIVE, SubmissionStatus.AWAITING_REVIEW})


class Visit(NamedTuple):
    """What both sides know of one visit."""

    outcome: Outcome | None  # how the session ended; None: it is under way, or there is none
    panel_status: SubmissionStatus
    is_unlisted: bool = False  # the panel has told of others since, not of this one
    waiting_days: float | None = None  # since when it awaits review
    code_outcomes: frozenset[Outcome] | None = None  # those that the code entered stands for; None: none entered
    signature: Signature = Signature.ABSENT
    is_second: bool = False  # the answers are credited to another visit of the same person
    country: str = ""  # where the panel was to look
    said_country: str | None = None  # where the participant lives by their own word; None: not told
    has_researcher_code: bool = False  # this site can complete it at the panel
    review_days: float = REVIEW_DAYS

    @property
    def is_answered(self) -> bool:
        """Say whether all answers are there and are this visit's."""
        return self.outcome in ANSWERED_ALL and not self.is_second


class Advice(NamedTuple):
    """A discrepancy in plain words: what it is and the lawful way to mend it."""

    discrepancy: Discrepancy
    what: str
    mend: str


TEXTS: dict[Discrepancy, tuple[str, str]] = {
    Discrepancy.APPROVED_NO_DATA: (
        "The panel has paid it in full, and there are no complete answers under it.",
        "The payment stands. Look whether the answers came in under another visit; else keep it out of the data.",
    ),
    Discrepancy.DATA_NO_SUBMISSION: (
        "All answers are here, and the panel does not list the visit.",
        "Refresh, or upload the panel's newest list. If it stays so, find the person at the panel and pay them there.",
    ),
    Discrepancy.TIMED_OUT_BUT_COMPLETE: (
        "The panel's time ran out, and all answers are here.",
        "Pay: complete it from here, or pay the reward as a bonus.",
    ),
    Discrepancy.RETURNED_BUT_COMPLETE: (
        "It was returned at the panel, and all answers are here.",
        "Pay the reward as a bonus, unless the person asks to have the answers taken out.",
    ),
    Discrepancy.AWAITING_REVIEW_LONG: ("It has awaited review for {days} days.", "Approve it, or ask for its return."),
    Discrepancy.CODE_OF_OTHER_OUTCOME: (
        "The code entered at the panel is not that of how the session ended here.",
        "Go by how it ended here, not by the code: pay who answered everything, ask the others to return it.",
    ),
    Discrepancy.PID_MISMATCH_JWT: (
        "The panel signed the entry link for another person than it names.",
        "Do not approve it before the panel's support has said whose visit it is.",
    ),
    Discrepancy.DUPLICATE_PID: (
        "The same person has another visit, to which the answers are credited.",
        "Pay one of the two, and ask for the return of the other.",
    ),
    Discrepancy.COUNTRY_DIFFERS: (
        "The participant named another country than the panel's prescreener.",
        "Tell the panel of the prescreener. If everything was answered, pay; else ask for its return.",
    ),
}


def advise(visit: Visit) -> list[Advice]:
    """List what does not agree about a visit, in the order of the vocabulary."""
    return [Advice(found, *_words(found, visit)) for found in Discrepancy if found in set(_find(visit))]


def _find(visit: Visit) -> Iterator[Discrepancy]:
    status = visit.panel_status
    if status == SubmissionStatus.APPROVED and not visit.is_answered and not visit.is_second:
        yield Discrepancy.APPROVED_NO_DATA
    if visit.is_unlisted and visit.is_answered:
        yield Discrepancy.DATA_NO_SUBMISSION
    if status == SubmissionStatus.TIMED_OUT and visit.is_answered:
        yield Discrepancy.TIMED_OUT_BUT_COMPLETE
    if status == SubmissionStatus.RETURNED and visit.is_answered:
        yield Discrepancy.RETURNED_BUT_COMPLETE
    if is_waiting(visit) and (visit.waiting_days or 0) > visit.review_days:
        yield Discrepancy.AWAITING_REVIEW_LONG
    if visit.code_outcomes is not None and not _is_code_right(visit):
        yield Discrepancy.CODE_OF_OTHER_OUTCOME
    if visit.signature == Signature.MISMATCH:
        yield Discrepancy.PID_MISMATCH_JWT
    if visit.is_second and status not in OVER_UNPAID:
        yield Discrepancy.DUPLICATE_PID
    if visit.said_country is not None and visit.said_country != visit.country:
        yield Discrepancy.COUNTRY_DIFFERS


def _is_code_right(visit: Visit) -> bool:
    """Say whether a code stands for how it ended; without a session it can only be one given at the door."""
    told = {visit.outcome} if visit.outcome else UNBEGUN
    return not told.isdisjoint(visit.code_outcomes or ())


def _words(found: Discrepancy, visit: Visit) -> tuple[str, str]:
    what, mend = TEXTS[found]
    return what.format(days=int(visit.waiting_days or 0)), mend


def is_waiting(visit: Visit) -> bool:
    return visit.panel_status == SubmissionStatus.AWAITING_REVIEW


def is_clean(visit: Visit) -> bool:
    """Say whether a visit can be approved without a look: complete, unflagged, nothing amiss but the waiting."""
    found = set(_find(visit)) - {Discrepancy.AWAITING_REVIEW_LONG}
    return is_waiting(visit) and visit.outcome == Outcome.COMPLETE and not visit.is_second and not found


def is_owed(visit: Visit) -> bool:
    """Say whether somebody gave all their answers and the panel will not pay them by itself."""
    return visit.is_answered and visit.panel_status in OVER_UNPAID


def why_not(verb: PanelVerb, visit: Visit) -> str:
    """Say why something may not be done about a visit; empty if it may."""
    if visit.panel_status == SubmissionStatus.UNKNOWN:
        return "the panel has not told of it yet: refresh first"
    if verb == PanelVerb.APPROVE:
        return "" if is_waiting(visit) else "only what awaits review can be approved"
    if verb == PanelVerb.COMPLETE:
        return _why_not_complete(visit)
    if verb == PanelVerb.REQUEST_RETURN:
        return _why_not_return(visit)
    if visit.is_second:
        return "the answers are credited to the person's other visit: pay that one"
    return ""


def _why_not_complete(visit: Visit) -> str:
    if not visit.is_answered:
        return "there are no complete answers under it"
    if visit.panel_status not in (SubmissionStatus.ACTIVE, SubmissionStatus.TIMED_OUT):
        return "only what is active or has timed out at the panel can be completed"
    return "" if visit.has_researcher_code else "its country has no researcher code: pay a bonus instead"


def _why_not_return(visit: Visit) -> str:
    if visit.panel_status not in OPEN:
        return "it is over at the panel already"
    if visit.outcome in (Outcome.COMPLETE, Outcome.COMPLETE_FLAGGED) and not visit.is_second:
        return "all answers are here: it is to be paid"
    return ""


# --- what to write to somebody who is asked to return their submission ---------------------------
REASONS: dict[Outcome | None, str] = {
    None: "The survey was not finished: {answered} of {expected} answers have reached us.",
    Outcome.NO_CONSENT: "You chose not to take part on the survey's first page, which is entirely your right.",
    Outcome.SCREENED_OUT: "By your answers on the first pages you are not among those whom this survey is meant for.",
    Outcome.QUOTA_FULL: "The places for your group were all taken when you came.",
    Outcome.FAILED_COMPREHENSION: "The questions on the instructions were twice answered otherwise than we meant.",
    Outcome.FAILED_ATTENTION: "The attention checks were not answered as they asked, {failed} time(s).",
    Outcome.INCOMPATIBLE_DEVICE: "The study cannot be taken on the kind of device in use.",
    Outcome.WITHDREW: "You stopped the survey before its end, which is entirely your right.",
    Outcome.TIMED_OUT: "The survey was not finished in time: {answered} of {expected} answers have reached us.",
    Outcome.TECHNICAL_FAILURE: "The survey reported a technical failure on our side, for which we apologize.",
    Outcome.STUDY_CLOSED: "The study was closed when you came.",
}
SECOND = "There is another submission of yours for the same survey, and your answers are credited to that one."
REQUEST = (
    "Would you please return this submission? That has no effect on your record at the panel. If we are "
    "mistaken, write to us and we will put it right."
)


def return_message(visit: Visit, *, answered: int, expected: int, failed: int) -> str:
    """Write to a participant why they are asked to return their submission, from what is stored of the visit."""
    reason = SECOND if visit.is_second else REASONS.get(visit.outcome, REASONS[None])
    told = reason.format(answered=answered, expected=expected, failed=failed)
    return f"Hello, and thank you for your time. {told} {REQUEST}"
