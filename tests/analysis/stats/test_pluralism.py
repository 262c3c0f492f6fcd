"""Real disagreement inside items told apart from a shift of the mean."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from analysis.stats.agreement import agreement
from analysis.stats.agreement_difference import agreement_difference
from analysis.stats.latent import disagreement_of, disagreement_slope, latent_icc
from analysis.stats.pluralism import latent_agreement, pluralism

WHO: dict[str, Any] = {"value": "y", "respondent": "r", "item": "i"}
N_ITEMS, N_PEOPLE = 80, 40


def answers_of(rng: np.random.Generator, group: str, *, mean: float, item_sd: float) -> pd.DataFrame:
    """Draw answers of a threshold model: every person of the group to every item of the group.

    Items and people stand at normal quantiles, so that the group's mean is what it was made to be.
    """
    items, people = (stats.norm.ppf((np.arange(n) + 0.5) / n) * sd for n, sd in ((N_ITEMS, item_sd), (N_PEOPLE, 0.5)))
    latent = mean + items + people[:, None] + rng.normal(size=(N_PEOPLE, N_ITEMS))
    places = np.indices(latent.shape)
    return pd.DataFrame(
        {
            "r": [f"{group}{n}" for n in places[0].ravel()],
            "i": [f"{group}{n}" for n in places[1].ravel()],
            "g": group,
            "y": (latent > 0).astype(float).ravel(),
        }
    )


def compared(frame: pd.DataFrame) -> dict[str, Any]:
    return {found.measure: found for found in pluralism(frame, group="g", first="a", second="b", **WHO)}


def of_paper(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    rates = frame.groupby("g")["y"].mean().to_numpy(float)
    return np.asarray(np.maximum(rates, 1 - rates))


def test_same_mean_and_more_disagreement_inside_items_is_pluralism() -> None:
    rng = np.random.default_rng(1)
    # Means that give both groups about the same share: the items' spread draws shares towards one half.
    spread = np.sqrt((1 + 0.25 + 1.44) / (1 + 0.25 + 0.04))
    frame = pd.concat(
        [answers_of(rng, "a", mean=0.6, item_sd=0.2), answers_of(rng, "b", mean=0.6 * spread, item_sd=1.2)]
    )
    found = compared(frame)
    assert abs(np.diff(of_paper(frame))[0]) < 0.02  # the paper's measure sees nothing
    assert found["given_mean"].estimate > 0.1
    assert found["given_mean"].p_value < 0.001
    assert found["latent_icc"].p_value < 0.001
    assert found["alpha"].p_value < 0.001
    assert found["from_mean"].ci_low < 0 < found["from_mean"].ci_high
    assert found["from_mean"].p_value > 0.1


def test_a_shift_of_the_mean_is_not_pluralism() -> None:
    rng = np.random.default_rng(2)
    frame = pd.concat([answers_of(rng, "a", mean=0.1, item_sd=0.6), answers_of(rng, "b", mean=1.2, item_sd=0.6)])
    found = compared(frame)
    assert np.diff(of_paper(frame))[0] > 0.2  # the paper's measure calls the shift agreement
    assert found["disagreement"].p_value < 0.001
    assert found["from_mean"].p_value < 0.001
    assert found["given_mean"].ci_low < 0 < found["given_mean"].ci_high
    assert abs(found["given_mean"].estimate) < 0.2 * found["from_mean"].estimate


def test_both_at_once_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    frame = pd.concat([answers_of(rng, "a", mean=0.1, item_sd=0.2), answers_of(rng, "b", mean=1.5, item_sd=1.2)])
    found = compared(frame)
    assert found["from_mean"].p_value < 0.01
    assert found["given_mean"].p_value < 0.01


@pytest.mark.parametrize("seed", [4, 5])
def test_the_parts_add_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.concat([answers_of(rng, "a", mean=0.3, item_sd=0.4), answers_of(rng, "b", mean=0.8, item_sd=0.9)])
    found = compared(frame)
    assert found["from_mean"].estimate + found["given_mean"].estimate == pytest.approx(
        found["disagreement"].estimate, rel=1e-12
    )
    same = next(d for d in agreement_difference(frame, group="g", first="a", second="b", **WHO) if d.measure == "alpha")
    assert found["alpha"] == same


def test_a_shift_in_a_whole_population_leaves_the_latent_correlation() -> None:
    rho = 0.3
    nodes = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000) * rho**0.5
    for mean in (0.0, 0.7, 1.5):
        rates = stats.norm.cdf((mean + nodes) / (1 - rho) ** 0.5)
        found = latent_icc(float(rates.mean()), float((2 * rates * (1 - rates)).mean()))
        assert found.value == pytest.approx(rho, abs=2e-4)


@pytest.mark.parametrize(("share", "disagreement"), [(0.5, 1.0), (1 / 3, 2 / 3 - 1e-16), (0.5, 1 - 1e-9), (0.05, 0.1)])
def test_the_most_that_can_disagree_leaves_no_latent_correlation(share: float, disagreement: float) -> None:
    assert np.isnan(latent_icc(share, disagreement).value)


def test_every_division_of_few_people_is_read_without_a_fault() -> None:
    for n in range(2, 40):
        for k in range(n + 1):
            found = latent_icc(k / n, 2 * k * (n - k) / (n * (n - 1)))
            assert np.isnan(found.value) or (-1 < found.value < 1 and np.isfinite(found.slope).all())


def test_at_one_half_the_latent_correlation_is_sheppards() -> None:
    for disagreement in (0.1, 0.3, 0.5):
        assert latent_icc(0.5, disagreement).value == pytest.approx(np.cos(np.pi * disagreement), abs=1e-10)


def test_disagreement_equals_the_bivariate_normal() -> None:
    for share, rho in [(0.2, 0.4), (0.7, -0.3), (0.9, 0.8)]:
        both = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([stats.norm.ppf(share)] * 2)
        assert disagreement_of(share, rho) == pytest.approx(2 * (share - both), abs=1e-6)
        assert latent_icc(share, disagreement_of(share, rho)).value == pytest.approx(rho, abs=1e-9)


def test_slopes_are_numerical_derivatives() -> None:
    share, rho, step = 0.7, 0.35, 1e-6
    slope = disagreement_slope(share, rho)
    by_share = (disagreement_of(share + step, rho) - disagreement_of(share - step, rho)) / (2 * step)
    by_rho = (disagreement_of(share, rho + step) - disagreement_of(share, rho - step)) / (2 * step)
    assert slope.by_share == pytest.approx(by_share, rel=1e-6)
    assert slope.by_other == pytest.approx(by_rho, rel=1e-6)
    disagreement = disagreement_of(share, rho)
    found = latent_icc(share, disagreement)
    back = (latent_icc(share + step, disagreement).value - latent_icc(share - step, disagreement).value) / (2 * step)
    assert found.slope.by_share == pytest.approx(back, rel=1e-5)
    assert found.slope.by_other == pytest.approx(1 / by_rho, rel=1e-5)


def test_standard_errors_are_those_of_a_jackknife_of_items() -> None:
    """With as many answers to every item, leaving one item out at a time must tell nearly the same."""
    rng = np.random.default_rng(6)
    frame = pd.concat([answers_of(rng, "a", mean=0.3, item_sd=0.4), answers_of(rng, "b", mean=0.9, item_sd=0.9)])
    # A respondent of their own for each answer: items are the only clusters.
    frame = frame.assign(r=[str(n) for n in range(len(frame))])
    found = compared(frame)
    left_out: dict[str, list[float]] = {name: [] for name in found}
    for item in frame["i"].unique():
        for name, difference in compared(frame[frame["i"] != item]).items():
            left_out[name].append(difference.estimate)
    for name, values in left_out.items():
        n = N_ITEMS  # each group has its own items
        squares = sum(np.var(part) * n * (n - 1) / n for part in (values[:n], values[n:]))
        assert found[name].se == pytest.approx(np.sqrt(squares), rel=0.02), name


def test_latent_agreement_recovers_the_items_share_of_the_variance(answers: pd.DataFrame) -> None:
    rng = np.random.default_rng(7)
    frame = answers_of(rng, "a", mean=0.5, item_sd=1.0)
    found = latent_agreement(frame, **WHO)
    assert found.ci_low < 1 / (1 + 0.25 + 1) < found.ci_high
    assert found.measure == "latent_icc"
    assert (found.n, found.n_respondents, found.n_items) == (N_ITEMS * N_PEOPLE, N_PEOPLE, N_ITEMS)
    alpha = agreement(frame, **WHO)[1]
    assert found.df == alpha.df


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1, 0, 1], "no item has two answers"),
        ([1, 1, 1, 1, 1, 1], "every answer is the same"),
        ([1, 1, 0, 0, 1, 1], "nobody disagrees about an item, or more people than can by chance"),
    ],
)
def test_what_cannot_be_said_has_a_reason(values: list[int], reason: str) -> None:
    items = "xyz" if len(values) == 3 else "xxyyzz"
    frame = pd.DataFrame({"y": values, "r": list("abababab")[: len(values)], "i": list(items)})
    found = latent_agreement(frame, **WHO)
    assert found.reason == reason
    assert np.isnan([found.estimate, found.se]).all()
    both = pd.concat([frame.assign(g="a"), frame.assign(g="b", i=frame["i"] + "2")])
    differences = pluralism(both, group="g", first="a", second="b", **WHO)
    assert {d.measure: d.reason for d in differences}["given_mean"] == reason
    assert all(d.reason for d in differences)
