"""What is still to be paid: the dashboard's sums beside the visits that Reconciliation goes through."""

from decimal import Decimal

import pytest

from analysis.spending import Spending
from survey.domain.panel_totals import add_up_arms
from survey.domain.visits import panel_arms, read_rows
from survey.enums import ActState, Outcome, PanelVerb, SubmissionStatus
from survey.models import Study
from tests.survey.test_visits import act
from tests.survey.visits import make_panel_study, make_visit

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return make_panel_study()


def test_money_to_be_paid_counts_everybody_who_answered_once_and_the_dashboard_agrees(study: Study) -> None:
    make_visit(study, "waits", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE)
    make_visit(study, "untold", SubmissionStatus.UNKNOWN, Outcome.COMPLETE_FLAGGED)
    make_visit(study, "open", SubmissionStatus.ACTIVE, Outcome.FAILED_ATTENTION)
    make_visit(study, "late", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE)
    make_visit(study, "back", SubmissionStatus.RETURNED, Outcome.COMPLETE)
    asked = make_visit(study, "asked", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE)
    act(asked, PanelVerb.COMPLETE)
    marked = make_visit(study, "marked", SubmissionStatus.RETURNED, Outcome.COMPLETE)
    act(marked, PanelVerb.BONUS, amount="1.20")
    for name, state, outcome in (
        ("paid", SubmissionStatus.APPROVED, Outcome.COMPLETE),
        ("stopped", SubmissionStatus.ACTIVE, Outcome.WITHDREW),
        ("inside", SubmissionStatus.ACTIVE, None),
        ("out", SubmissionStatus.SCREENED_OUT, Outcome.SCREENED_OUT),
    ):
        make_visit(study, name, state, outcome)
    by_visits = {one.country: one.committed for one in add_up_arms(panel_arms(study), read_rows(study))}
    assert by_visits["United Kingdom"] == 6 * Decimal("1.50") + Decimal("1.20")
    by_sums = {line.totals.country: line.totals.committed for line in Spending(study, panel_arms(study)).lines}
    assert by_sums == by_visits


def test_money_to_be_paid_goes_down_by_what_is_paid_as_a_bonus(study: Study) -> None:
    late = make_visit(study, "late", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE)
    act(late, PanelVerb.BONUS, state=ActState.CONFIRMED, amount="1.50")
    (line,) = [line for line in Spending(study, panel_arms(study)).lines if line.country == "GB"]
    assert (line.totals.spent, line.totals.committed) == (Decimal("1.50"), Decimal(0))
    act(make_visit(study, "b", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE), PanelVerb.BONUS, ActState.FAILED, "1.50")
    (line,) = [line for line in Spending(study, panel_arms(study)).lines if line.country == "GB"]
    assert (line.totals.spent, line.totals.committed) == (Decimal("1.50"), Decimal("1.50"))


@pytest.mark.parametrize("first", SubmissionStatus)
@pytest.mark.parametrize("bonus", [None, "credited", "second"])
def test_money_of_people_with_two_visits_is_the_same_on_both_pages(
    study: Study, first: SubmissionStatus, bonus: str | None
) -> None:
    for number, status in enumerate(SubmissionStatus):
        person = f"person-{number}"
        credited = make_visit(study, f"a{number}", first, Outcome.COMPLETE, person=person)
        second = make_visit(study, f"b{number}", status, person=person)
        if bonus:
            act(credited if bonus == "credited" else second, PanelVerb.BONUS, amount="1.20")
    by_visits = {one.country: (one.spent, one.committed) for one in add_up_arms(panel_arms(study), read_rows(study))}
    lines = Spending(study, panel_arms(study)).lines
    assert {line.totals.country: (line.totals.spent, line.totals.committed) for line in lines} == by_visits


@pytest.mark.parametrize(
    ("status", "money"),
    [
        (SubmissionStatus.AWAITING_REVIEW, (Decimal(0), Decimal("1.50"))),
        (SubmissionStatus.APPROVED, (Decimal("1.50"), Decimal(0))),
        (SubmissionStatus.RETURNED, (Decimal(0), Decimal("1.50"))),
    ],
)
def test_reward_of_somebody_who_came_twice_counts_once(
    study: Study, status: SubmissionStatus, money: tuple[Decimal, Decimal]
) -> None:
    make_visit(study, "credited", SubmissionStatus.RETURNED, Outcome.COMPLETE, person="twice")
    make_visit(study, "second", status, person="twice")
    (by_visits,) = [one for one in add_up_arms(panel_arms(study), read_rows(study)) if one.n_visits]
    (by_sums,) = [line.totals for line in Spending(study, panel_arms(study)).lines if line.totals.n_visits]
    assert [(one.spent, one.committed) for one in (by_visits, by_sums)] == [money, money]
