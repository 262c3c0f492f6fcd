"""A panel's visits beside our sessions: one row for each, in a fixed number of queries."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from survey.domain.enrolment import enrol
from survey.domain.panel_totals import add_up_arms, add_up_money, count_discrepancies, count_soon_approved
from survey.domain.visits import Choice, Row, panel_arms, read_rows, with_details
from survey.enums import (
    ActState,
    Discrepancy,
    LeaseState,
    Outcome,
    Page,
    PanelName,
    PanelVerb,
    Status,
    SubmissionStatus,
)
from survey.models import Demographics, PanelAct, PanelSubmission, Study, SurveySession
from survey.panels import Identity
from tests.factories import get_arm, make_session, make_study
from tests.survey.test_flow_pages import Walker
from tests.survey.visits import make_panel_study, make_visit

pytestmark = pytest.mark.django_db
READ_QUERIES, DETAIL_QUERIES = 4, 3


@pytest.fixture
def study() -> Study:
    return make_panel_study()


def rows_by_visit(study: Study) -> dict[str, Row]:
    return {row.submission.removeprefix("visit-"): row for row in read_rows(study)}


@pytest.mark.parametrize("n", [1, 3])
def test_rows_cost_the_same_queries_at_any_size(
    study: Study, n: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(n):
        submission = make_visit(study, f"{number}", SubmissionStatus.APPROVED, Outcome.COMPLETE)
        for verb in (PanelVerb.APPROVE, PanelVerb.BONUS):
            act(submission, verb)
    with django_assert_num_queries(READ_QUERIES):
        rows = read_rows(study)
        assert [len(row.acts) for row in rows] == [2] * n
    with django_assert_num_queries(DETAIL_QUERIES):
        with_details(rows)


def act(submission: PanelSubmission, verb: PanelVerb, state: ActState = ActState.PLANNED, amount: str = "") -> PanelAct:
    return PanelAct.objects.create(
        study=submission.study,
        submission=submission,
        verb=verb,
        key=f"{verb}:{submission.pk}",
        state=state,
        amount=Decimal(amount) if amount else None,
        due_at=timezone.now(),
    )


def test_row_shows_both_sides_of_a_walk(study: Study) -> None:
    arm = get_arm(study, "GB")
    walker = Walker(enrol(arm, identity=Identity(PanelName.PROLIFIC, "p1", "st1", "visit-a")))
    walker.walk_to(Page.ATTENTION)
    walker.post(attention="always")
    walker.walk_to(Page.DEBRIEF)
    PanelSubmission.objects.update(
        status=SubmissionStatus.ACTIVE, time_taken_s=700, code="cdone", seen_at=timezone.now()
    )
    (row,) = with_details(read_rows(study))
    assert (row.person, row.submission, row.arm.country) == ("p1", "visit-a", "GB")
    assert (row.status, row.visit.outcome, row.visit.panel_status) == (Status.ACTIVE, None, SubmissionStatus.ACTIVE)
    assert (row.details.answered, row.details.expected) == (36, 36)
    assert (row.details.attention_failed, row.details.comprehension_wrong) == (1, 0)
    assert (row.cell, row.lease) == ("Younger woman", LeaseState.LIVE.label)
    assert (row.panel_seconds, row.our_seconds, row.code_issued) == (700, None, "")
    assert row.discrepancies == {Discrepancy.CODE_OF_OTHER_OUTCOME}
    walker.post()
    (row,) = read_rows(study)
    assert row.status == Status.COMPLETE
    assert row.code_issued == "CDONE"
    assert row.our_seconds is not None


def test_every_visit_and_every_session_has_exactly_one_row(study: Study) -> None:
    make_visit(study, "both", SubmissionStatus.APPROVED, Outcome.COMPLETE)
    arm = get_arm(study, "US")
    PanelSubmission.objects.create(
        study=study, arm=arm, panel=arm.panel, submission="visit-theirs", person="x", status=SubmissionStatus.APPROVED
    )
    make_visit(study, "ours", outcome=Outcome.COMPLETE)
    PanelSubmission.objects.filter(submission="visit-ours").delete()
    make_session(study)  # by a direct link: no panel knows of it
    other = make_panel_study("s2")
    make_visit(other, "elsewhere", SubmissionStatus.APPROVED)
    rows = read_rows(study)
    assert sorted((row.submission, row.person, bool(row.submission_pk), bool(row.session_pk)) for row in rows) == [
        ("", "person-ours", False, True),
        ("visit-both", "person-both", True, True),
        ("visit-theirs", "x", True, False),
    ]


def test_answers_without_a_submission_show_only_after_the_panel_was_heard(study: Study) -> None:
    hours_ago = timezone.now() - timedelta(hours=3)
    make_visit(study, "a", outcome=Outcome.COMPLETE, at=hours_ago)
    assert rows_by_visit(study)["a"].discrepancies == set()
    make_visit(study, "b", SubmissionStatus.ACTIVE)
    assert rows_by_visit(study)["a"].discrepancies == {Discrepancy.DATA_NO_SUBMISSION}
    make_visit(study, "c", outcome=Outcome.COMPLETE)
    assert rows_by_visit(study)["c"].discrepancies == set()  # news of it may still come


def test_second_visit_of_a_person_is_found_and_their_answers_count_once(study: Study) -> None:
    make_visit(study, "a", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE, person="p1")
    make_visit(study, "b", SubmissionStatus.AWAITING_REVIEW, person="p1", country="US")
    rows = rows_by_visit(study)
    assert rows["a"].is_clean is True
    assert rows["a"].discrepancies == set()
    assert rows["b"].is_clean is False
    assert rows["b"].discrepancies == {Discrepancy.DUPLICATE_PID}
    PanelSubmission.objects.filter(submission="visit-b").update(status=SubmissionStatus.RETURNED)
    assert rows_by_visit(study)["b"].discrepancies == set()


def test_visit_begun_again_is_the_one_that_the_answers_are_credited_to(study: Study) -> None:
    make_visit(study, "a", SubmissionStatus.TIMED_OUT, person="p1")
    make_visit(study, "b", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE, person="p1")
    rows = rows_by_visit(study)
    assert rows["a"].visit.is_second is True
    assert rows["a"].discrepancies == set()
    assert rows["b"].is_clean


def test_country_that_the_participant_names_is_held_against_the_arm(study: Study) -> None:
    make_visit(study, "a", SubmissionStatus.AWAITING_REVIEW, Outcome.SCREENED_OUT)
    session = SurveySession.objects.get()
    said = Demographics.objects.create(session=session, age_band="25-34", gender="woman", country="US")
    assert rows_by_visit(study)["a"].discrepancies == {Discrepancy.COUNTRY_DIFFERS}
    for changes in ({"country": "GB"}, {"country": "", "is_country_undisclosed": True}):
        Demographics.objects.filter(pk=said.pk).update(**changes)
        assert rows_by_visit(study)["a"].discrepancies == set()


@pytest.mark.parametrize(
    ("code", "is_amiss"), [("CDONE", False), ("rdone", False), ("CNO", True), ("NOCODE", True), ("", False)]
)
def test_code_is_held_against_how_the_session_ended(study: Study, code: str, is_amiss: bool) -> None:
    make_visit(study, "a", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE_FLAGGED, code=code)
    assert (Discrepancy.CODE_OF_OTHER_OUTCOME in rows_by_visit(study)["a"].discrepancies) == is_amiss


def test_arm_without_codes_says_nothing_of_codes(study: Study) -> None:
    study.arms.update(exit_codes={}, panel_settings={})
    make_visit(study, "a", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE, code="WHATEVER")
    assert rows_by_visit(study)["a"].discrepancies == set()


def test_bonus_is_due_to_whoever_answered_and_is_not_paid(study: Study) -> None:
    owed = make_visit(study, "a", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE)
    make_visit(study, "b", SubmissionStatus.APPROVED, Outcome.COMPLETE)
    assert {name: row.bonus_due for name, row in rows_by_visit(study).items()} == {"a": Decimal("1.50"), "b": 0}
    bonus = act(owed, PanelVerb.BONUS, amount="1.20")
    row = rows_by_visit(study)["a"]
    assert (row.bonus_due, row.bonus_paid) == (Decimal("1.20"), Decimal(0))
    PanelAct.objects.filter(pk=bonus.pk).update(state=ActState.CONFIRMED)
    row = rows_by_visit(study)["a"]
    assert (row.bonus_due, row.bonus_paid) == (Decimal(0), Decimal("1.20"))


def test_totals_add_up_money_pay_returns_and_slots(study: Study) -> None:
    for number, seconds in enumerate((400, 600, 5000)):
        make_visit(study, f"paid{number}", SubmissionStatus.APPROVED, Outcome.COMPLETE, time_taken_s=seconds)
    make_visit(study, "waits", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE, time_taken_s=800)
    make_visit(study, "out", SubmissionStatus.SCREENED_OUT, Outcome.SCREENED_OUT, time_taken_s=20)
    make_visit(study, "back", SubmissionStatus.RETURNED)
    make_visit(study, "late", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE)
    make_visit(study, "unheard")
    totals = {one.country: one for one in add_up_arms(panel_arms(study), read_rows(study))}
    one = totals["United Kingdom"]
    assert (one.n_visits, one.n_waiting, one.n_returned) == (7, 1, 1)
    assert (one.spent, one.committed, one.budget) == (Decimal("4.60"), Decimal("3.00"), Decimal(100))
    assert (one.hourly, one.judgement) == (Decimal("7.71"), "below the recommended 9")
    assert (one.slots_left, one.is_over_budget, one.is_underpaid) == (4, False, True)
    assert round(one.percent_returned or 0, 1) == 14.3
    assert (totals["Brazil"].n_visits, totals["Brazil"].percent_returned, totals["Brazil"].hourly) == (0, None, None)
    (money,) = add_up_money(list(totals.values()))
    assert money == ("GBP", Decimal("4.60"), Decimal("3.00"), Decimal(500))


def test_unset_reward_gives_no_money_rather_than_a_wrong_sum(study: Study) -> None:
    study.arms.update(panel_settings={"reward": "much", "screen_out_slots": -3})
    make_visit(study, "a", SubmissionStatus.APPROVED, Outcome.COMPLETE, time_taken_s=600)
    totals = add_up_arms(panel_arms(study), read_rows(study))
    assert {(one.spent, one.committed, one.hourly, one.slots_left) for one in totals} == {(None, None, None, None)}
    assert add_up_money(totals) == []


def test_long_waits_are_counted_before_prolific_approves_by_itself(study: Study) -> None:
    for name, days in (("a", 13), ("b", 15), ("c", 19)):
        done = timezone.now() - timedelta(days=days)
        make_visit(study, name, SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE, completed_at=done)
    rows = read_rows(study)
    assert dict(count_discrepancies(rows))[Discrepancy.AWAITING_REVIEW_LONG] == 2
    assert count_soon_approved(rows) == 1
    assert all(row.is_clean for row in rows)


def test_choice_takes_by_country_discrepancy_and_status(study: Study) -> None:
    make_visit(study, "a", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE, country="GB")
    make_visit(study, "b", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE, country="US")
    make_visit(study, "c", SubmissionStatus.ACTIVE, country="US")
    rows = rows_by_visit(study)

    def taken(**choice: str) -> set[str]:
        return {name for name, row in rows.items() if Choice(**choice).takes(row)}

    assert taken() == {"a", "b", "c"}
    assert taken(country="US") == {"b", "c"}
    assert taken(country="US", status="active") == {"c"}
    assert taken(discrepancy="any") == taken(discrepancy="timed_out_but_complete") == {"b"}
    assert taken(discrepancy="clean") == {"a"}


def test_study_with_direct_links_has_no_panel_arms() -> None:
    assert panel_arms(make_study("direct")) == []
