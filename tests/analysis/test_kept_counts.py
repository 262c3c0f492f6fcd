"""Counts of large studies are shared for a while; small ones are counted whenever somebody asks."""

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from analysis import kept_counts
from analysis.fieldwork import Fieldwork
from analysis.kept_counts import kept
from analysis.stand import StudyStand
from analysis.watched import EVERYBODY, Watched
from tests.analysis.conftest import Made, make_session


@pytest.fixture(autouse=True)
def no_study_is_known_to_be_large() -> Iterator[None]:
    caches["process"].clear()
    yield
    caches["process"].clear()


@pytest.fixture
def two_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_counts, "MANY", 2)
    monkeypatch.setattr(kept_counts, "PER_SECOND", 1 / 30)


def numbers(stand: StudyStand) -> tuple[int, int, list[int]]:
    """Give the three counts that go through all sessions: those begun, those completed by hour, those timed."""
    timed = [line.times.n for line in stand.spending.lines if line.times]
    return stand.whole.n_landed, sum(stand.completes_by_hour.values()), timed


def test_small_study_is_counted_whenever_somebody_asks(made: Made) -> None:
    for n in (1, 2, 3):
        make_session(made)
        assert numbers(StudyStand(made.study)) == (n, n, [n])
    assert Fieldwork(made.study).counted.seconds == 0


def test_who_watches_a_large_study_shares_its_counts_for_a_while(made: Made, two_are_many: None) -> None:
    make_session(made)
    make_session(made)
    assert numbers(StudyStand(made.study)) == (2, 2, [2])
    make_session(made)
    assert numbers(StudyStand(made.study)) == (2, 2, [2])
    assert Fieldwork(made.study).counted.seconds == 60
    assert Fieldwork(made.study, Watched(country="BR")).n_landed == 3  # another choice is another count
    caches["default"].clear()  # as after a minute
    assert numbers(StudyStand(made.study)) == (3, 3, [3])


def test_page_and_api_say_how_old_the_counts_are(made: Made, two_are_many: None, staff: Client) -> None:
    page = reverse("analysis:dashboard", args=[made.study.code])
    make_session(made)
    assert "Sessions as counted at" not in staff.get(page).content.decode()
    make_session(made)
    counted = Fieldwork(made.study).counted.at
    told = staff.get(page).content.decode()
    assert f"Sessions as counted at {counted:%H:%M:%S} UTC: so many are counted anew every 60 seconds at most." in told
    answer = staff.get(f"/api/fieldwork/{made.study.code}/").json()
    assert answer["counted_at"] == counted.isoformat().replace("+00:00", "Z")
    assert answer["n_landed"] == 2


def test_a_count_is_kept_the_longer_the_more_it_went_through(made: Made) -> None:
    seconds = {
        n: kept(made.study, EVERYBODY, f"of-{n}", read=lambda n=n: n, size=int).seconds  # type: ignore[misc]
        for n in (19_999, 20_000, 100_000, 1_000_000)
    }
    assert seconds == {19_999: 0, 20_000: 4, 100_000: 20, 1_000_000: 200}
