"""Places in quota cells: never more live and complete sessions than the hard limit, whoever comes at once."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count
from django.test import Client
from django.utils import timezone

from survey.domain.lifecycle import withdraw
from survey.domain.quotas import COUNT_HELD, lock_cell, remove_cell
from survey.enums import LeaseState, Page, Status
from survey.models import Arm, Lease, QualityFlag, QuotaCell, Study, SurveySession
from tests.factories import get_arm, make_session, make_study
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
SCREENING = {"fluency": "fluent", "age_band": "25-34", "gender": "woman"}


def only_cell(arm: Arm, **fields: object) -> QuotaCell:
    """Give an arm one cell for everybody."""
    QuotaCell.objects.filter(arm=arm).delete()
    return QuotaCell.objects.create(arm=arm, **{"target": 1, **fields})


def screen(session: SurveySession, **answers: str) -> SurveySession:
    """Walk a session through its screening page."""
    walker = Walker(session, Client())
    walker.walk_to(Page.SCREENING)
    walker.post(**{**SCREENING, "country": session.arm.country, **answers})
    session.refresh_from_db()
    return session


def test_newcomer_takes_a_place_in_their_cell(study: Study) -> None:
    session = screen(make_session(study, "GB"))
    cell = session.lease.cell
    assert (cell.age_bucket, cell.gender, session.lease.state) == ("younger", "woman", LeaseState.LIVE)


def test_cell_that_says_most_about_a_person_is_theirs(study: Study) -> None:
    arm = get_arm(study, "GB")
    everyone = lock_cell(arm.pk, age_bucket="older", gender="another")
    assert everyone is not None
    assert (everyone.age_bucket, everyone.gender) == ("", "")
    QuotaCell.objects.create(arm=arm, age_bucket="older", target=1)
    older = lock_cell(arm.pk, age_bucket="older", gender="another")
    assert older is not None
    assert (older.age_bucket, older.gender) == ("older", "")


def test_full_cell_leads_out_before_the_paid_part(study: Study) -> None:
    only_cell(get_arm(study, "GB"), target=1)
    assert screen(make_session(study, "GB")).status == Status.ACTIVE
    late = screen(make_session(study, "GB"))
    assert late.status == Status.QUOTA_FULL
    assert late.plan[late.position]["kind"] == Page.SCREENING
    assert "There is no place left" in Client().get(f"/s/{late.token}/").content.decode()


@pytest.mark.parametrize(
    ("fields", "n_complete", "is_taken_in"),
    [
        ({"target": 2}, 1, True),
        ({"target": 2}, 2, False),
        ({"target": 2, "over_target": 2}, 2, False),  # the target is reached, whatever the room for live sessions
        ({"target": 2, "over_target": 2, "soft_limit": 3}, 2, True),
        ({"target": 2, "soft_limit": 1}, 1, False),
        ({"target": 5, "is_open": False}, 0, False),
        ({"target": 0}, 0, False),
    ],
)
def test_limits_of_a_cell(study: Study, fields: dict[str, object], n_complete: int, is_taken_in: bool) -> None:
    cell = only_cell(get_arm(study, "GB"), **fields)
    for _ in range(n_complete):
        Lease.objects.create(session=make_session(study, "GB"), cell=cell, state=LeaseState.COMPLETE)
    assert (screen(make_session(study, "GB")).status == Status.ACTIVE) == is_taken_in


def test_arm_without_cells_takes_everybody(study: Study) -> None:
    QuotaCell.objects.all().delete()
    assert screen(make_session(study, "GB")).status == Status.ACTIVE


def test_withdrawal_gives_the_place_back(study: Study) -> None:
    only_cell(get_arm(study, "GB"))
    first = screen(make_session(study, "GB"))
    withdraw(first, reason="test")
    assert screen(make_session(study, "GB")).status == Status.ACTIVE


def test_idle_session_gives_its_place_back_and_may_still_finish(study: Study) -> None:
    cell = only_cell(get_arm(study, "GB"))
    idle = screen(make_session(study, "GB"))
    SurveySession.objects.filter(pk=idle.pk).update(last_activity_at=timezone.now() - timedelta(hours=2))
    assert screen(make_session(study, "GB")).status == Status.ACTIVE
    Walker(idle, Client()).finish()
    assert SurveySession.objects.get(pk=idle.pk).status == Status.COMPLETE
    assert QualityFlag.objects.filter(session=idle, name="beyond_quota").exists()
    assert Lease.objects.filter(cell=cell, state__in=[LeaseState.LIVE, LeaseState.COMPLETE]).count() == 1


def test_idle_session_gets_its_place_again_where_nobody_took_it(study: Study) -> None:
    only_cell(get_arm(study, "GB"))
    idle = screen(make_session(study, "GB"))
    Lease.objects.update(state=LeaseState.FREED)
    Walker(idle, Client()).finish()
    assert Lease.objects.get(session=idle).state == LeaseState.COMPLETE
    assert not QualityFlag.objects.filter(name="beyond_quota").exists()


@pytest.mark.django_db(transaction=True)
def test_newcomer_who_waited_for_a_cell_that_was_removed_gets_the_next_one() -> None:
    arm = get_arm(make_study(), "GB")
    gone = lock_cell(arm.pk, age_bucket="older", gender="man")
    assert gone is not None

    def wait_and_lock() -> QuotaCell | None:
        try:
            return lock_cell(arm.pk, age_bucket="older", gender="man")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            remove_cell(gone.pk, reason="decided")
            coming = pool.submit(wait_and_lock)
            while not somebody_waits_for_a_lock():
                time.sleep(0.01)
        locked = coming.result()
    assert locked is not None
    assert (locked.age_bucket, locked.gender) == ("", "")


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone() != (0,))


@pytest.mark.django_db(transaction=True)
def test_who_finishes_while_places_are_counted_is_counted_once() -> None:
    cell = only_cell(get_arm(make_study(), "GB"), target=2, over_target=0)
    inside = [screen(make_session(cell.arm.study, "GB")) for _ in range(2)]
    newcomer = make_session(cell.arm.study, "GB")

    def finish(session: SurveySession) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")  # whoever finishes must not wait for whoever comes
            walker = Walker(session, Client())
            walker.finish()
            assert walker.session.status == Status.COMPLETE
        finally:
            connection.close()

    def finish_one_after(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        rows = execute(sql, params, many, context)
        if sql == COUNT_HELD and inside:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(finish, inside.pop()).result()
        return rows

    with connection.execute_wrapper(finish_one_after):
        screen(newcomer)
    assert len(inside) < 2, "nobody finished while places were counted"
    assert Lease.objects.filter(cell=cell, state__in=[LeaseState.LIVE, LeaseState.COMPLETE]).count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_no_cell_is_ever_overfilled_under_concurrency(seed: int) -> None:
    """Many at once enter, finish, withdraw, go idle and come back; after each round every cell is within its limit."""
    study = make_study()
    arm = get_arm(study, "GB")
    cell = only_cell(arm, target=3, over_target=2, soft_limit=5)
    rng = random.Random(seed)
    waiting = [make_session(study, "GB") for _ in range(24)]
    for session in waiting:
        Walker(session, Client()).walk_to(Page.SCREENING)

    def act(session: SurveySession, what: str) -> None:
        try:
            walker = Walker(session, Client())
            session.refresh_from_db()
            if what == "enter":
                screen(session)
            elif what == "idle":
                long_ago = timezone.now() - timedelta(hours=2)
                SurveySession.objects.filter(pk=session.pk).update(last_activity_at=long_ago)
            elif what == "leave" and session.status == Status.ACTIVE:
                withdraw(session, reason="test")
            elif what == "finish" and session.status == Status.ACTIVE:
                walker.finish()
        finally:
            connection.close()

    entered: list[SurveySession] = []
    for _ in range(4):
        acts = [(waiting.pop(), "enter") for _ in range(6)]
        acts += [(session, rng.choice(["idle", "leave", "finish", "finish"])) for session in entered]
        entered = [session for session, _ in acts]
        rng.shuffle(acts)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda pair: act(*pair), acts))
        counts = Counter(dict(Lease.objects.filter(cell=cell).values_list("state").annotate(n=Count("pk"))))
        assert counts[LeaseState.LIVE] + counts[LeaseState.COMPLETE] <= cell.hard_limit
    lost = SurveySession.objects.filter(status=Status.COMPLETE, lease__state=LeaseState.FREED)
    assert all(session.quality_flags.filter(name="beyond_quota").exists() for session in lost)
