"""The live summary: sums that are only added to and taken from equal what a reading of all answers gives."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analysis import frames
from analysis.live_summary import count_answers, live_outcomes
from analysis.models import CountedSession, ItemCount
from analysis.stats.agreement import agreement
from analysis.stats.live_counts import ItemSums, alpha, rate
from survey.domain.lifecycle import withdraw
from survey.enums import Status
from survey.models import SurveySession
from tests.analysis.conftest import Made, make_session, make_study


def recounted() -> set[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT item_id, country, question, is_simulated, count(*), count(*) FILTER (WHERE choice = 'culture')"
            " FROM survey_response r JOIN survey_surveysession s ON s.id = r.session_id"
            " JOIN survey_arm a ON a.id = s.arm_id JOIN survey_participant p ON p.id = s.participant_id"
            " WHERE s.status = 'complete' AND choice <> '' GROUP BY 1, 2, 3, 4"
        )
        return set(cursor.fetchall())


def kept() -> set[tuple[object, ...]]:
    fields = ("item_id", "country", "question", "is_simulated", "n", "n_culture")
    return set(ItemCount.objects.filter(n__gt=0).values_list(*fields))


def test_counts_equal_a_recount_after_every_change(full: Made) -> None:
    assert count_answers() == 12
    assert kept() == recounted() != set()
    make_session(full, "BR", status=Status.ACTIVE)
    make_session(full, "US", is_simulated=True)
    assert count_answers() == 1
    assert kept() == recounted()
    withdraw(SurveySession.objects.filter(status=Status.COMPLETE).earliest("pk"), reason="their wish")
    assert count_answers() == 1
    assert kept() == recounted()
    assert count_answers() == 0


def test_declined_answers_count_for_nothing(made: Made) -> None:
    make_session(made, "BR", answers={made.items[0].code: ("", "culture")})
    count_answers()
    assert list(ItemCount.objects.values_list("question", "n", "n_culture")) == [("norm", 1, 1)]


def test_many_sessions_come_in_by_turns(full: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.live_summary.MOST_AT_ONCE", 5)
    assert [count_answers() for _ in range(4)] == [5, 5, 2, 0]
    assert kept() == recounted()


@pytest.mark.django_db(transaction=True)
def test_two_workers_count_nobody_twice() -> None:
    made = make_study()
    for _ in range(8):
        make_session(made, "BR")

    def count(_: int) -> int:
        try:
            return count_answers()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counted = sum(pool.map(count, range(8)))
    assert counted == CountedSession.objects.count() == 8
    assert kept() == recounted()


def test_outcomes_are_those_of_the_full_estimators(full: Made) -> None:
    count_answers()
    long = frames.responses_long(full.study)
    for outcome in live_outcomes(full.study, simulated=False):
        rows = long[(long["respondent_country"] == outcome.country) & (long["question"] == outcome.question)]
        assert (outcome.n, outcome.n_items) == (len(rows), rows["item_code"].nunique())
        assert outcome.rate == pytest.approx(rows["follows_culture"].mean())
        estimates = agreement(rows, value="follows_culture", respondent="respondent_id", item="item_code")
        assert outcome.alpha == pytest.approx(next(e.estimate for e in estimates if e.measure == "alpha"), nan_ok=True)


def test_nothing_is_said_where_nothing_can_be() -> None:
    assert (rate(ItemSums(0, 0, 0, 0, 0.0)), alpha(ItemSums(0, 0, 0, 0, 0.0))) == (None, None)
    assert alpha(ItemSums(3, 3, 2, 2, 0.0)) is None


def test_dashboard_shows_them_from_one_query_or_not_at_all(
    full: Made, staff: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    count_answers()
    with django_assert_num_queries(1):
        live_outcomes(full.study, simulated=False)
    address = reverse("analysis:live", args=[full.study.code])
    assert "Brazil, personal" in staff.get(address).content.decode()
    full.study.unblinded_at = None
    full.study.save()
    page = staff.get(address).content.decode()
    assert ("Brazil, personal" in page, "the study shows no outcomes yet" in page) == (False, True)
    table = reverse("analysis:fieldwork_csv", args=[full.study.code, "outcomes"])
    assert staff.get(table).content.decode() == "country,question,is_simulated,n,n_items,rate,alpha\n"
