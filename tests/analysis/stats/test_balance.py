"""The balance tests: tails against SciPy, statistics against simulation and by hand."""

import random

import pytest
from scipy import stats

from analysis.stats.balance import NOTHING, binomial_test, chi2_tail, cross_test, dispersion_test


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 12, 39, 40, 100, 183])
@pytest.mark.parametrize("x", [0.0, 1e-9, 0.1, 1.0, 3.84, 12.5, 60.0, 183.0, 900.0, 3000.0])
def test_tail_of_chi_square_is_scipys(x: float, df: int) -> None:
    assert chi2_tail(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-10, abs=1e-300)


def test_chi_square_needs_degrees_of_freedom() -> None:
    with pytest.raises(ValueError, match="0 degrees of freedom"):
        chi2_tail(1.0, 0)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 2), (3, 10), (5, 10), (7, 10), (400, 1000), (0, 40)])
def test_binomial_is_scipys(k: int, n: int) -> None:
    assert binomial_test(k, n).p == pytest.approx(stats.binomtest(k, n).pvalue, rel=1e-10)


def test_p_value_is_never_told_as_zero() -> None:
    assert [test.p_told for test in (NOTHING, binomial_test(0, 40), binomial_test(5, 10))] == [
        "–",
        "< 0.0001",
        "1.0000",
    ]


def test_nothing_drawn_says_nothing() -> None:
    assert binomial_test(0, 0) == NOTHING
    assert dispersion_test([0, 0, 0], 5) == NOTHING
    assert dispersion_test([5, 5, 5], 5) == NOTHING  # everybody drew all
    assert dispersion_test([3], 5) == NOTHING
    assert dispersion_test([], 0) == NOTHING
    assert cross_test([(3, 0), (2, 0)]) == NOTHING
    assert cross_test([(3, 1), (0, 0)]) == NOTHING


def test_dispersion_by_hand() -> None:
    # Two of four items each, ten sessions: mean 5, f = 1/2, 3/4 · (9 + 1 + 1 + 9) / (10 · 1/4) = 6.
    found = dispersion_test([8, 6, 4, 2], 10)
    assert found.df == 3
    assert found.statistic == pytest.approx(6.0)
    assert found.p == pytest.approx(stats.chi2.sf(6.0, 3))


def test_dispersion_keeps_its_level_under_random_draws() -> None:
    rng = random.Random(5)
    n_alarms = 0
    for _ in range(1000):
        counts = [0] * 16
        for _ in range(60):
            for item in rng.sample(range(16), 4):
                counts[item] += 1
        p = dispersion_test(counts, 60).p
        assert p is not None
        n_alarms += p < 0.05
    assert 30 <= n_alarms <= 72


def test_least_filled_draws_are_more_even_than_chance_and_stuck_ones_are_found() -> None:
    even = dispersion_test([15, 15, 15, 15, 15, 15, 15, 15], 30)
    stuck = dispersion_test([30, 30, 30, 30, 0, 0, 0, 0], 30)
    assert (even.statistic, even.p) == (0.0, 1.0)
    assert stuck.p is not None
    assert stuck.p < 1e-9


def test_cross_table_is_scipys() -> None:
    pairs = [(10, 4), (7, 9), (12, 3), (5, 5)]
    wanted = stats.chi2_contingency([list(pair) for pair in pairs], correction=False)
    found = cross_test([*pairs, (0, 0)])  # an item that nobody saw is left out
    assert found.df == wanted.dof
    assert found.statistic == pytest.approx(wanted.statistic)
    assert found.p == pytest.approx(wanted.pvalue)
