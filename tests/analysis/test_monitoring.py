"""The balance and the quality page: the right counts, what they say of them, and nothing of what was answered."""

import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analysis.balance import Balance, Spread
from analysis.parameters import choose
from analysis.quality import Quality, Share
from analysis.reports import compute
from analysis.stats.balance import binomial_test
from survey.enums import CheckKind, OptionOrder, Status
from survey.models import CheckAnswer, QualityFlag, Response, SurveySession
from tests.analysis.conftest import STRUCTURE, Made, fill, make_session, make_study

TOKEN = re.compile('name="csrfmiddlewaretoken" value="[^"]*"')
BALANCE_QUERIES = 9
QUALITY_QUERIES = 10
FLAGGED = {
    **STRUCTURE,
    "flags": {"too_fast": 4, "attention_failed": 1, "declined": 0.2},
    "exclusions": ["attention_failed", "too_fast"],
}


@pytest.fixture
def flagged(db: None) -> Made:
    """A study with flags, on a version that is not fixed yet."""
    made = make_study("flagged")
    made.study.version.structure = FLAGGED
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL session_replication_role = replica"
        )  # the version is fixed; this is its first content
        made.study.version.save(update_fields=["structure"])
        cursor.execute("SET LOCAL session_replication_role = origin")
    return made


def flag(session: SurveySession, *names: str) -> SurveySession:
    QualityFlag.objects.bulk_create(QualityFlag(session=session, name=name, value=1) for name in names)
    return session


def check(session: SurveySession, kind: CheckKind, attempt: int, is_correct: bool) -> None:
    CheckAnswer.objects.create(session=session, kind=kind, number=1, attempt=attempt, answer="x", is_correct=is_correct)


def page(client: Client, name: str, code: str = "tiny", data: str = "") -> str:
    reply = client.get(reverse(f"analysis:{name}", args=[code]), {"data": data})
    assert reply.status_code == 200
    return str(reply.content.decode())


def table(client: Client, page: str, name: str, code: str = "tiny") -> list[dict[str, str]]:
    reply = client.get(reverse(f"analysis:{page}_csv", args=[code, name]))
    assert reply.status_code == 200
    return list(csv.DictReader(StringIO(reply.content.decode())))


# --- balance -----------------------------------------------------------------------------------
def test_items_count_complete_and_live_sessions_only(made: Made) -> None:
    make_session(made, order=OptionOrder.CULTURE_FIRST)
    make_session(made, order=OptionOrder.PREFERENCE_FIRST)
    make_session(made, status=Status.ACTIVE)  # idle for long
    make_session(made, status=Status.SCREENED_OUT)
    live = make_session(made, status=Status.ACTIVE)
    SurveySession.objects.filter(pk=live.pk).update(last_activity_at=timezone.now() - timedelta(minutes=59))
    brazil, states = Balance(made.study).arms
    assert (brazil.n_complete, brazil.n_live, states.n) == (2, 1, 0)
    loads = {load.code: load for pool in brazil.pools for load in pool.loads}
    assert {
        (load.n_complete, load.n_live, load.n_culture_first, load.n_preference_first) for load in loads.values()
    } == {(2, 1, 2, 1)}
    assert {pool.pool: [load.code for load in pool.loads] for pool in brazil.pools} == {
        "core": ["BR00"],
        "close": ["MM02"],
        "far": ["US01"],
    }
    assert brazil.pools[0].held == Spread(3, 3, 3)
    assert brazil.orders[0].test == binomial_test(2, 3)


def test_stuck_assignment_alarms_and_an_even_one_does_not(db: None) -> None:
    made = make_study("even", n_items=9)
    plans = [[item.code for item in made.items if item.scenario_country == "BR" and not item.is_core]]
    for number in range(24):
        session = make_session(made, order=list(OptionOrder)[number // 2 % 2])
        even = plans[0][number % 2]
        session.plan = [{"kind": "scenario", "item": even, "option_order": session.option_order}]
        session.save()
    (pool,) = Balance(made.study).arms[0].pools
    assert (pool.pool, pool.held, pool.test.statistic) == ("same", Spread(12, 12, 12), 0)
    assert Balance(made.study).alarms == []
    SurveySession.objects.update(plan=[{"kind": "scenario", "item": plans[0][0]}])
    stand = Balance(made.study)
    assert stand.arms[0].pools[0].held == Spread(0, 12, 24)
    assert stand.alarms == ["Brazil, items: same"]


def test_one_option_order_for_all_alarms(made: Made, staff: Client) -> None:
    for _ in range(12):
        make_session(made)
    assert Balance(made.study).alarms == ["Brazil, option order"]
    text = page(staff, "balance")
    assert "Less even than chance explains: Brazil, option order." in text
    assert "culture first in 12 of 12 sessions" in text


def test_balance_says_what_its_tests_can_tell(full: Made, staff: Client) -> None:
    text = page(staff, "balance")
    assert "<em>more even than chance</em>" in text
    assert "A small p-value is an alarm about the assignment" in text
    assert text.count('class="histogram"') == 5


def test_balance_without_sessions_says_what_to_do(made: Made, staff: Client) -> None:
    assert "No session is complete or live yet" in page(staff, "balance")
    made.study.arms.all().delete()
    assert "This study has no countries" in page(staff, "balance")


def test_balance_files_hold_what_the_page_counts(full: Made, staff: Client) -> None:
    items = table(staff, "balance", "items")
    assert items[0] == {
        "country": "BR",
        "pool": "core",
        "item_code": "BR00",
        "n_complete": "6",
        "n_live": "0",
        "n_culture_first": "6",
        "n_preference_first": "0",
    }
    assert [row["test"] for row in table(staff, "balance", "tests") if row["country"] == "US"] == [
        "items: core",
        "items: same",
        "option order",
        "option order by item",
    ]


# --- quality -----------------------------------------------------------------------------------
def test_flags_are_counted_among_the_complete_sessions_of_each_arm(flagged: Made, staff: Client) -> None:
    flag(make_session(flagged, "BR"), "too_fast", "declined")
    make_session(flagged, "BR")
    make_session(flagged, "BR", status=Status.ACTIVE)
    flag(make_session(flagged, "US"), "too_fast")
    lines = {line.name: line for line in Quality(flagged.study).flags}
    assert list(lines) == ["too_fast", "attention_failed", "declined"]
    assert lines["too_fast"].by_arm == [Share(1, 2), Share(1, 1)]
    assert lines["too_fast"].total.percent == pytest.approx(200 / 3)
    assert (lines["too_fast"].limit, lines["declined"].limit) == (
        "below 4 seconds",
        "20% or more",
    )
    assert [line.is_exclusion for line in lines.values()] == [True, True, False]
    rows = table(staff, "quality", "flags", "flagged")
    assert [(row["flag"], row["country"], row["n_flagged"], row["n_complete"]) for row in rows[:2]] == [
        ("too_fast", "BR", "1", "2"),
        ("too_fast", "US", "1", "1"),
    ]


def test_checks_pass_by_try(flagged: Made, staff: Client) -> None:
    first, second = make_session(flagged, "BR"), make_session(flagged, "BR", status=Status.ACTIVE)
    check(first, CheckKind.COMPREHENSION, 1, False)
    check(first, CheckKind.COMPREHENSION, 2, True)
    check(second, CheckKind.COMPREHENSION, 1, True)
    check(first, CheckKind.ATTENTION, 1, False)
    lines = {line.name: line.by_arm[0] for line in Quality(flagged.study).checks}
    assert lines == {
        "Comprehension, try 1": Share(1, 2),
        "Comprehension, try 2": Share(1, 1),
        "Attention check 1": Share(0, 1),
    }
    assert "Comprehension, try 1" in page(staff, "quality", "flagged")


@pytest.mark.parametrize("include_simulated", [True, False])
def test_exclusions_are_those_that_the_analysis_applies(flagged: Made, include_simulated: bool) -> None:
    fill(flagged, 4, n_simulated=1)
    flag(make_session(flagged), "attention_failed", "too_fast")
    flag(make_session(flagged, is_simulated=True), "too_fast")
    flag(make_session(flagged, answers={"BR00": ("", "culture")}), "declined")
    make_session(flagged, status=Status.ACTIVE, answers={"BR00": ("culture", "culture")})
    make_session(flagged, status=Status.ACTIVE, answers={})
    make_session(flagged, status=Status.WITHDREW)
    quality = Quality(flagged.study, include_simulated=include_simulated)
    parameters = choose(include_simulated=include_simulated, flags=FLAGGED["exclusions"], families=("rates",))
    report = compute(flagged.study, parameters, lambda step: None)
    applied = report.results["tables"]["exclusions"]
    assert [list(step) for step in quality.exclusions] == applied["rows"]
    assert [step.n_left_out for step in quality.exclusions] == ([1, 1, 1] if include_simulated else [1, 3, 1, 0])


def test_times_are_percentiles_of_the_complete_sessions(made: Made) -> None:
    for minutes in (5, 10, 30):
        session = make_session(made)
        SurveySession.objects.filter(pk=session.pk).update(finished_at=F("landed_at") + timedelta(minutes=minutes))
    (line,) = Quality(made.study).times
    assert line.n == 3
    assert line.minutes == pytest.approx([6, 10, 26])
    assert line.scenario[1] == pytest.approx(12.347)


def test_quality_without_sessions_says_what_to_do(made: Made, staff: Client) -> None:
    text = page(staff, "quality")
    for told in ("No session is complete yet: flags are raised at the end.", "Nobody has come to a check yet."):
        assert told in text


# --- both --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["balance", "quality"])
def test_simulated_participants_can_be_left_out(made: Made, staff: Client, name: str) -> None:
    fill(made, 3, n_simulated=2)
    assert "Contains simulated data" in page(staff, name)
    text = page(staff, name, data="real")
    assert "Simulated participants are left out" in text
    assert Balance(made.study, include_simulated=False).n_sessions == 2
    assert Quality(made.study, include_simulated=False).n_complete == {"BR": 1, "US": 1}


@pytest.mark.parametrize("name", ["balance", "quality"])
def test_page_is_the_same_whatever_was_answered(full: Made, staff: Client, name: str) -> None:
    before = TOKEN.sub("", page(staff, name))
    Response.objects.update(choice="preference")
    assert TOKEN.sub("", page(staff, name)) == before


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(("name", "n_queries"), [("balance", BALANCE_QUERIES), ("quality", QUALITY_QUERIES)])
def test_pages_cost_the_same_queries_at_any_size(
    made: Made, staff: Client, django_assert_num_queries: DjangoAssertNumQueries, name: str, n_queries: int, n: int
) -> None:
    fill(made, n, n_simulated=1)
    with django_assert_num_queries(n_queries):
        page(staff, name)


def test_unknown_table_is_not_found(made: Made, staff: Client) -> None:
    for name in ("balance", "quality"):
        assert staff.get(reverse(f"analysis:{name}_csv", args=["tiny", "nothing"])).status_code == 404
