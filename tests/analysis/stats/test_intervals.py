"""A small version of `bench/intervals.py`: intervals hold the truth about as often as they say."""

import pytest

from bench.intervals import Design, coverage

N_STUDIES = 60
SMALL = Design("160 people, 12 of 60 items", 40, 30, 12)


@pytest.fixture(scope="module")
def counted() -> dict[str, float]:
    rows = coverage(SMALL, N_STUDIES, seed=7)
    assert all(row.n == N_STUDIES for row in rows)
    for row in rows:
        assert abs(row.mean - row.truth) < 0.35 * row.width, row
    return {row.name: row.covered for row in rows}


def test_every_estimator_covers_its_truth(counted: dict[str, float]) -> None:
    # 60 studies: a true 95 % lies above 86.6 % but for one draw in two hundred
    low = {name: share for name, share in counted.items() if share < 0.866}
    assert not low


def test_together_they_cover_neither_too_seldom_nor_always(counted: dict[str, float]) -> None:
    assert 0.925 <= sum(counted.values()) / len(counted) <= 0.985
