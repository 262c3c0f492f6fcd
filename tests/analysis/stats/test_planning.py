"""Power and sample size: the reference table, limits, and the simulator as the arbiter."""

import numpy as np
import pytest

from analysis.stats.planning import (
    Components,
    Design,
    Spread,
    answers_for_rates,
    components,
    detectable,
    disagreement_reliability,
    logit_shift,
    n_needed,
    normal_power,
    simulate,
    simulate_power,
    table_of_detectable,
)

PARTS = components(Spread())
# smallest difference in points with 80% power, alone and among ten pairs, by items per person and people per country
TABLE = {
    8: ("20.3/26.4", "13.2/17.2", "8.4/10.9", "5.9/7.7", "4.2/5.5"),
    24: ("16.0/20.8", "10.4/13.6", "6.6/8.6", "4.7/6.1", "3.3/4.3"),
    48: ("14.7/19.1", "9.6/12.5", "6.1/7.9", "4.3/5.6", "3.0/3.9"),
}
PEOPLE = (17, 40, 100, 200, 400)


def test_components_are_the_published_ones() -> None:
    assert [round(part, 3) for part in PARTS[1:]] == [0.019, 0.030, 0.173]
    assert sum(PARTS[1:]) == pytest.approx(PARTS.mean * (1 - PARTS.mean))


def test_detectable_differences_are_the_published_table() -> None:
    table = table_of_detectable(Spread(), n_items=tuple(TABLE), n_each=PEOPLE)
    found = {(row["n_items_each"], row["n_each"]): row for row in table.to_dict("records")}
    for m, cells in TABLE.items():
        for n, cell in zip(PEOPLE, cells, strict=True):
            alone, among = map(float, cell.split("/"))
            row = found[m, n]
            assert row["points"] == pytest.approx(alone, abs=0.11)
            assert row["points_of_10"] == pytest.approx(among, abs=0.11)


@pytest.mark.parametrize(("m", "five", "one"), [(8, 280, 7004), (24, 173, 4341), (48, 147, 3675)])
def test_people_needed_are_the_published_ones(m: int, five: int, one: int) -> None:
    assert n_needed(PARTS, 0.05, Design(0, m)) == pytest.approx(five, rel=0.01)
    assert n_needed(PARTS, 0.01, Design(0, m)) == pytest.approx(one, rel=0.01)


def test_items_of_their_own_set_a_floor_that_people_do_not_lower() -> None:
    own = Design(10**7, 24, n_items=80, is_shared=False)
    assert 100 * detectable(PARTS, own) == pytest.approx(7.7, abs=0.05)
    assert n_needed(PARTS, 0.05, own) is None
    assert n_needed(PARTS, 0.05, Design(0, 24, n_items=80)) is not None


def test_the_same_people_on_both_sides_need_fewer() -> None:
    within = Design(100, 8, is_within=True)
    assert detectable(PARTS, within) < detectable(PARTS, Design(100, 8))
    assert detectable(Components(0.5, 0.0, 0.03, 0.2), within) == pytest.approx(
        detectable(Components(0.5, 0.0, 0.03, 0.2), Design(100, 8))
    )


def test_power_at_the_smallest_detectable_difference_is_the_power_asked_for() -> None:
    design = Design(60, 12)
    assert normal_power(PARTS, design, detectable(PARTS, design)) == pytest.approx(0.8, abs=1e-6)
    assert normal_power(PARTS, design, 0.0) == pytest.approx(0.05)


@pytest.mark.parametrize(("alpha", "first", "second"), [(0.19, 17, 38), (0.37, 7, 15)])
def test_answers_for_reliable_rates_are_the_published_ones(alpha: float, first: int, second: int) -> None:
    assert round(answers_for_rates(alpha, 0.8)) == first
    assert round(answers_for_rates(alpha, 0.9)) == second


@pytest.mark.parametrize(("n", "low", "high"), [(4, 0.15, 0.34), (10, 0.39, 0.62), (20, 0.59, 0.78), (50, 0.80, 0.90)])
def test_disagreement_is_as_reliable_as_published(n: int, low: float, high: float) -> None:
    # the published range spans item SDs from about 1 to 2.2
    found = [disagreement_reliability(0.7, sd, n) for sd in (1.0, 2.2)]
    assert min(found) == pytest.approx(low, abs=0.06)
    assert max(found) == pytest.approx(high, abs=0.06)


def test_disagreement_reliability_is_that_of_simulated_halves() -> None:
    rng = np.random.default_rng(1)
    p = 1 / (1 + np.exp(-(np.log(0.7 / 0.3) + rng.normal(0, 1.5, 40_000))))
    u = [a * (10 - a) / 90 for a in (rng.binomial(10, p), rng.binomial(10, p))]
    assert np.corrcoef(*u)[0, 1] == pytest.approx(disagreement_reliability(0.7, 1.5, 10), abs=0.02)
    with pytest.raises(ValueError, match="two answers"):
        disagreement_reliability(0.7, 1.0, 1)


def test_planted_effect_is_that_of_the_rates() -> None:
    frame = simulate(Spread(), Design(600, 20), logit_shift(Spread(), 0.1), np.random.default_rng(2))
    rates = frame.groupby("group")["y"].mean()
    assert rates["first"] - rates["second"] == pytest.approx(0.1, abs=0.03)
    assert (len(frame), frame["item"].nunique()) == (2 * 600 * 20, 2 * 600 * 20)


def test_simulated_power_is_near_the_closed_form() -> None:
    told: list[int] = []
    design = Design(40, 12, n_items=48)
    size = detectable(PARTS, design)
    found = simulate_power(Spread(), design, size, n_runs=60, seed=3, on_run=told.append)
    assert found.power == pytest.approx(0.8, abs=0.15)
    assert found.mean_estimate == pytest.approx(size, abs=0.02)
    assert told == list(range(1, 61))
    assert simulate_power(Spread(), design, size, n_runs=5, seed=3) == simulate_power(
        Spread(), design, size, n_runs=5, seed=3
    )


def test_no_effect_is_rarely_found() -> None:
    assert simulate_power(Spread(), Design(20, 8, n_items=24), 0.0, n_runs=60, seed=4).power < 0.15
