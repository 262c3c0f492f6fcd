"""What the dashboard adds up: pace, money, flags, items; and that it never goes through the answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analysis.item_health import read_item_health
from analysis.live_summary import count_answers
from analysis.pace import by_day, project
from analysis.stand import StudyStand
from analysis.stand_tables import TABLES
from analysis.watched import Watched
from survey.enums import Country, PanelName, Status, SubmissionStatus
from survey.models import PanelSubmission, QualityFlag, SurveySession
from tests.analysis.conftest import Made, fill, make_run, make_session, make_spec

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def every_hour(n: int, hours: int) -> dict[datetime, int]:
    return {NOON - HOUR * back: n for back in range(hours)}


def test_steady_pace_is_projected_with_a_range_around_it() -> None:
    found = project(every_hour(4, 24), n_missing=48, now=NOON, since=NOON - timedelta(days=3))
    assert found is not None
    assert (found.n_recent, found.hours) == (96, 24.0)
    assert found.likely == NOON + timedelta(hours=12)
    assert found.early == pytest.approx(NOON + timedelta(hours=12 / 1.2215), abs=timedelta(minutes=1))
    assert found.late == pytest.approx(NOON + timedelta(hours=12 * 1.2215), abs=timedelta(minutes=1))


def test_uneven_pace_widens_the_range() -> None:
    even = project(every_hour(4, 24), n_missing=48, now=NOON, since=NOON - timedelta(days=3))
    uneven = project({NOON - HOUR: 96}, n_missing=48, now=NOON, since=NOON - timedelta(days=3))
    assert even is not None
    assert uneven is not None
    assert uneven.likely == even.likely
    assert uneven.early < even.early
    assert uneven.late is not None
    assert even.late is not None
    assert uneven.late > even.late


@pytest.mark.parametrize(
    ("counts", "missing", "open_for"),
    [
        ({}, 10, timedelta(days=2)),
        (every_hour(4, 24), 0, timedelta(days=2)),
        (every_hour(4, 1), 5, timedelta(minutes=9)),
    ],
)
def test_nothing_is_projected_from_nothing(counts: dict[datetime, int], missing: int, open_for: timedelta) -> None:
    assert project(counts, n_missing=missing, now=NOON, since=NOON - open_for) is None


def test_days_without_completes_are_among_the_days() -> None:
    counts = {NOON: 2, NOON + HOUR: 1, NOON + timedelta(days=2): 5}
    assert by_day(counts) == [(date(2026, 3, 10), 3), (date(2026, 3, 11), 0), (date(2026, 3, 12), 5)]
    assert by_day({}) == []


def pay_brazil(made: Made, **settings: object) -> None:
    arm = made.arms["BR"]
    arm.panel = PanelName.PROLIFIC
    arm.panel_settings = {"reward": 150, "currency": "GBP", "budget": 1000, **settings}
    arm.save()


def submit(made: Made, status: SubmissionStatus, seconds: int | None = None) -> None:
    number = PanelSubmission.objects.count()
    PanelSubmission.objects.create(
        study=made.study, arm=made.arms["BR"], panel=PanelName.PROLIFIC, submission=f"sub{number}",
        person=f"per{number}", status=status, time_taken_s=seconds,
    )  # fmt: skip


def test_pay_goes_by_the_panel_clock_where_there_is_one(made: Made) -> None:
    pay_brazil(made)
    make_session(made)  # ten minutes by our clock
    by_ours = StudyStand(made.study).spending.lines[0]
    assert (by_ours.totals.hourly, by_ours.n_by_panel, by_ours.is_below_floor) == (Decimal("9.00"), 0, False)
    for seconds in (1000, 1200, 2000):
        submit(made, SubmissionStatus.APPROVED, seconds)
    by_panel = StudyStand(made.study).spending.lines[0]
    assert (by_panel.totals.hourly, by_panel.n_by_panel, by_panel.is_below_floor) == (Decimal("4.50"), 3, True)
    assert by_panel.totals.judgement == "below the floor of 6"


def test_money_of_people_and_models_stands_against_both_budgets(made: Made) -> None:
    pay_brazil(made)
    made.arms["US"].delete()
    submit(made, SubmissionStatus.APPROVED)
    submit(made, SubmissionStatus.AWAITING_REVIEW)
    submit(made, SubmissionStatus.RETURNED)
    run = make_run(made, make_spec())
    run.currency, run.spent, run.budget = "GBP", Decimal("2.5"), Decimal(5)
    run.save()
    (cost,) = StudyStand(made.study).costs
    assert (cost.people, cost.models, cost.budget) == (Decimal(3), Decimal("2.5"), Decimal(15))
    assert cost.percent == pytest.approx(36.67, abs=0.01)


def test_funnel_ends_with_the_panel_own_steps(made: Made) -> None:
    pay_brazil(made)
    for _ in range(3):
        make_session(made)
    make_session(made, "US")
    submit(made, SubmissionStatus.APPROVED)
    submit(made, SubmissionStatus.AWAITING_REVIEW)
    *_, complete, used, approved = StudyStand(made.study).funnel
    assert (complete.name, complete.n) == ("Complete", 4)
    assert (used.n, used.n_before, used.percent) == (2, 3, 50.0)
    assert (approved.n, approved.n_before, approved.percent_of_before) == (1, 2, 50.0)


def test_flags_count_of_the_complete_with_their_limit(made: Made) -> None:
    made.study.version.structure = {
        **made.study.version.structure, "flags": {"too_fast": 2}, "exclusions": ["too_fast"],
    }  # fmt: skip
    flagged = make_session(made)
    make_session(made, "US")
    QualityFlag.objects.create(session=flagged, name="too_fast", value=1.0)
    (flag,) = StudyStand(made.study).flags
    assert (flag.limit, flag.share, flag.is_exclusion) == ("below 2 seconds", (1, 2), True)
    (in_us,) = StudyStand(made.study, Watched(country="US")).flags
    assert in_us.share == (0, 1)


def test_item_health_counts_people_not_answers(made: Made) -> None:
    make_session(made, answers={"BR00": ("culture", "culture"), "US01": ("culture", None)})
    make_session(made, answers={"BR00": ("culture", "preference")})
    count_answers()
    health = read_item_health(made.study, [Country.BR, Country.US])
    assert health.table == [["BR00", 2, 0], ["MM02", 0, 0], ["US01", 1, 0]]
    (brazil,) = health.fewest
    assert (brazil.item, brazil.n, brazil.n_without) == ("US01", 1, 1)
    assert "Brazil: median 2, fewest 1 (US01)" in health.description


def test_every_chart_has_its_numbers_as_csv(full: Made, staff: Client) -> None:
    count_answers()
    for name in TABLES:
        reply = staff.get(reverse("analysis:fieldwork_csv", args=["tiny", name]) + "?country=BR")
        lines = reply.content.decode().splitlines()
        assert reply.status_code == 200
        assert len(lines) > 1 or name in ("flags",), name
        assert len({line.count(",") for line in lines}) == 1, name


def test_hidden_outcomes_are_in_no_table(full: Made) -> None:
    count_answers()
    full.study.unblinded_at = None
    assert TABLES["outcomes"](StudyStand(full.study))[1:] == []


@contextmanager
def no_sequential_scans() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        yield
        cursor.execute("RESET enable_seqscan")


def test_dashboard_looks_answers_up_by_session_and_never_scans_them(full: Made, staff: Client) -> None:
    SurveySession.objects.filter(status=Status.COMPLETE).update(last_activity_at=NOON)
    address = reverse("analysis:dashboard", args=["tiny"])
    with CaptureQueriesContext(connection) as page:
        assert staff.get(address).status_code == 200
    reading = [one["sql"] for one in page.captured_queries if "survey_response" in one["sql"]]
    assert len(reading) == 1  # the last answers; all else follows from the sessions and from counts kept up
    with no_sequential_scans(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {reading[0]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on survey_response" not in plan
    assert "(session_id = session.id)" in plan


def test_choice_reaches_the_live_part_and_the_tables(made: Made, staff: Client) -> None:
    fill(made, 2)
    page = staff.get(reverse("analysis:dashboard", args=["tiny"]) + "?country=BR&locale=pt-BR").content.decode()
    assert reverse("analysis:live", args=["tiny"]) + "?country=BR&amp;locale=pt-BR" in page
    assert reverse("analysis:fieldwork_csv", args=["tiny", "funnel"]) + "?country=BR&amp;locale=pt-BR" in page
    assert "Shown: Brazil, pt-BR" in page
