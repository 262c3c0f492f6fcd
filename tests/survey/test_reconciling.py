"""What counts as a discrepancy, what may lawfully be done about it, and what a participant is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.enums import Discrepancy, Outcome, PanelVerb, Signature, SubmissionStatus
from survey.flow.reconciling import (
    SHORTEST_MESSAGE,
    Visit,
    advise,
    is_clean,
    is_owed,
    return_message,
    why_not,
)

COMPLETE, WAITING = Outcome.COMPLETE, SubmissionStatus.AWAITING_REVIEW
CODES = frozenset({Outcome.COMPLETE, Outcome.COMPLETE_FLAGGED})
VISITS = st.builds(
    Visit,
    outcome=st.none() | st.sampled_from(Outcome),
    panel_status=st.sampled_from(SubmissionStatus),
    is_unlisted=st.booleans(),
    waiting_days=st.none() | st.floats(0, 40),
    code_outcomes=st.none() | st.frozensets(st.sampled_from(Outcome), max_size=3),
    signature=st.sampled_from(Signature),
    is_second=st.booleans(),
    country=st.just("BR"),
    said_country=st.sampled_from([None, "", "BR", "US"]),
    has_researcher_code=st.booleans(),
)


@pytest.mark.parametrize(
    ("visit", "expected"),
    [
        (Visit(COMPLETE, WAITING, waiting_days=13.9, code_outcomes=CODES), []),
        (Visit(COMPLETE, SubmissionStatus.APPROVED, country="BR", said_country="BR"), []),
        (Visit(COMPLETE, SubmissionStatus.UNKNOWN), []),
        (Visit(None, SubmissionStatus.ACTIVE), []),
        (Visit(None, SubmissionStatus.APPROVED), [Discrepancy.APPROVED_NO_DATA]),
        (Visit(Outcome.WITHDREW, SubmissionStatus.APPROVED), [Discrepancy.APPROVED_NO_DATA]),
        (Visit(Outcome.WITHDREW, SubmissionStatus.PARTIALLY_APPROVED), []),
        (Visit(COMPLETE, SubmissionStatus.UNKNOWN, is_unlisted=True), [Discrepancy.DATA_NO_SUBMISSION]),
        (Visit(None, SubmissionStatus.UNKNOWN, is_unlisted=True), []),
        (Visit(COMPLETE, SubmissionStatus.TIMED_OUT), [Discrepancy.TIMED_OUT_BUT_COMPLETE]),
        (Visit(Outcome.FAILED_ATTENTION, SubmissionStatus.TIMED_OUT), [Discrepancy.TIMED_OUT_BUT_COMPLETE]),
        (Visit(None, SubmissionStatus.TIMED_OUT), []),
        (Visit(COMPLETE, SubmissionStatus.RETURNED), [Discrepancy.RETURNED_BUT_COMPLETE]),
        (Visit(Outcome.NO_CONSENT, SubmissionStatus.RETURNED), []),
        (Visit(COMPLETE, WAITING, waiting_days=14.1), [Discrepancy.AWAITING_REVIEW_LONG]),
        (Visit(COMPLETE, WAITING, waiting_days=3.1, review_days=3), [Discrepancy.AWAITING_REVIEW_LONG]),
        (Visit(COMPLETE, SubmissionStatus.APPROVED, waiting_days=30), []),
        (Visit(Outcome.NO_CONSENT, WAITING, code_outcomes=CODES), [Discrepancy.CODE_OF_OTHER_OUTCOME]),
        (Visit(COMPLETE, WAITING, code_outcomes=frozenset()), [Discrepancy.CODE_OF_OTHER_OUTCOME]),
        (Visit(None, WAITING, code_outcomes=CODES), [Discrepancy.CODE_OF_OTHER_OUTCOME]),
        (Visit(None, WAITING, code_outcomes=frozenset({Outcome.INCOMPATIBLE_DEVICE})), []),
        (Visit(None, WAITING, code_outcomes=frozenset({Outcome.STUDY_CLOSED})), []),
        (Visit(COMPLETE, WAITING, signature=Signature.MISMATCH), [Discrepancy.PID_MISMATCH_JWT]),
        (Visit(COMPLETE, WAITING, signature=Signature.VALID), []),
        (Visit(COMPLETE, WAITING, is_second=True), [Discrepancy.DUPLICATE_PID]),
        (Visit(COMPLETE, SubmissionStatus.RETURNED, is_second=True), []),
        (Visit(COMPLETE, WAITING, country="BR", said_country="US"), [Discrepancy.COUNTRY_DIFFERS]),
        (Visit(Outcome.SCREENED_OUT, WAITING, country="BR", said_country=""), [Discrepancy.COUNTRY_DIFFERS]),
        (Visit(COMPLETE, WAITING, country="BR", said_country=None), []),
    ],
)
def test_discrepancies_follow_from_what_both_sides_know(visit: Visit, expected: list[Discrepancy]) -> None:
    assert [advice.discrepancy for advice in advise(visit)] == expected


def test_every_discrepancy_has_words_for_what_it_is_and_how_it_is_mended() -> None:
    visit = Visit(COMPLETE, WAITING, waiting_days=15.7)
    assert advise(visit)[0].what == "It has awaited review for 15 days."
    everything = [
        Visit(None, SubmissionStatus.APPROVED, False, 20.0, CODES, Signature.MISMATCH, True, "BR", "US"),
        Visit(None, SubmissionStatus.APPROVED),
        Visit(COMPLETE, SubmissionStatus.TIMED_OUT, is_unlisted=True),
        Visit(COMPLETE, SubmissionStatus.RETURNED),
        visit,
    ]
    advices = {advice.discrepancy: advice for one in everything for advice in advise(one)}
    assert set(advices) == set(Discrepancy)
    assert all(advice.what.endswith(".") and advice.mend.endswith(".") for advice in advices.values())
    assert not any("reject" in advice.mend.lower() for advice in advices.values())


@given(VISITS)
def test_whoever_answered_everything_and_is_paid_nothing_can_be_paid(visit: Visit) -> None:
    if is_owed(visit):
        assert why_not(PanelVerb.BONUS, visit) == ""
    if visit.is_answered and visit.panel_status == SubmissionStatus.TIMED_OUT:
        assert Discrepancy.TIMED_OUT_BUT_COMPLETE in {advice.discrepancy for advice in advise(visit)}
        assert (why_not(PanelVerb.COMPLETE, visit) == "") == visit.has_researcher_code


@given(VISITS)
def test_nobody_complete_is_asked_to_return_and_clean_ones_may_be_approved(visit: Visit) -> None:
    if why_not(PanelVerb.REQUEST_RETURN, visit) == "":
        assert visit.is_second or visit.outcome not in (Outcome.COMPLETE, Outcome.COMPLETE_FLAGGED)
    if is_clean(visit):
        assert why_not(PanelVerb.APPROVE, visit) == ""
        assert why_not(PanelVerb.REQUEST_RETURN, visit) != ""


@given(VISITS, st.integers(0, 40), st.integers(0, 40), st.integers(0, 5))
def test_message_is_long_enough_for_the_panel(visit: Visit, answered: int, expected: int, failed: int) -> None:
    message = return_message(visit, answered=answered, expected=expected, failed=failed)
    assert len(message) >= SHORTEST_MESSAGE
    assert "{" not in message


def test_failed_comprehension_leads_to_a_request_never_to_more() -> None:
    visit = Visit(Outcome.FAILED_COMPREHENSION, WAITING)
    assert [verb for verb in PanelVerb if not why_not(verb, visit)] == [
        PanelVerb.APPROVE,
        PanelVerb.REQUEST_RETURN,
        PanelVerb.BONUS,
    ]
    assert "instructions were twice answered" in return_message(visit, answered=0, expected=36, failed=0)
    assert "reject" not in {verb.value for verb in PanelVerb}


def test_message_names_the_evidence() -> None:
    visit = Visit(None, WAITING)
    assert "12 of 36 answers" in return_message(visit, answered=12, expected=36, failed=0)
    flagged = Visit(Outcome.FAILED_ATTENTION, WAITING)
    assert "2 time(s)" in return_message(flagged, answered=36, expected=36, failed=2)
