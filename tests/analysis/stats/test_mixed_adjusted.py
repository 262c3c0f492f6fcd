"""Standard deviations without bias: the correction against exact integrals, and its maximum."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp

from analysis.stats.mixed import MixedFit, RandomTerm, fit_mixed
from analysis.stats.mixed.adjusted import correction
from analysis.stats.mixed.laplace import Laplace
from analysis.stats.terms import count_patterns

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
LOG_WEIGHTS = np.log(WEIGHTS / WEIGHTS.sum())


class OneFactor:
    """Thirty people with eight answers each and nothing else: every integral can be done."""

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        self.person = np.repeat(np.arange(30), 8)
        self.y = (rng.random(240) < expit(0.4 + 1.1 * rng.normal(size=30)[self.person])).astype(float)
        self.ones = np.bincount(self.person, self.y)
        self.laplace = Laplace(self.y, np.ones((1, 1)), np.zeros(240, np.intp), [RandomTerm("p", "p", self.person)])

    def exact(self, intercept: float, sd: float) -> float:
        """Give minus the log likelihood by quadrature."""
        eta = intercept + sd * NODES
        each = self.ones[:, None] * eta - 8 * np.logaddexp(0, eta) + LOG_WEIGHTS
        return -float(logsumexp(each, axis=1).sum())

    def restricted(self, sd: float) -> float:
        """Give minus the log of the likelihood integrated over the intercept, up to a constant."""
        intercepts = np.linspace(-2, 3, 401)
        return -float(logsumexp([-self.exact(one, sd) for one in intercepts]))

    def profile(self, sd: float) -> np.ndarray[Any, Any]:
        """Give the intercept at which the approximate likelihood is largest, and the standard deviation."""
        found = minimize_scalar(lambda one: self.laplace.evaluate(np.array([one, sd])).value, bounds=(-2, 3))
        return np.array([found.x, sd])


@pytest.fixture(scope="module")
def one_factor() -> OneFactor:
    return OneFactor()


@pytest.mark.parametrize("at", [(0.4, 0.8), (0.0, 1.3), (-0.3, 0.4)])
def test_the_next_terms_bring_laplace_near_the_integral(one_factor: OneFactor, at: tuple[float, float]) -> None:
    laplace, parameters = one_factor.laplace, np.array(at)
    first = laplace.evaluate(parameters).value
    beyond = 0.5 * np.log(laplace.information_of_coefficients()[0, 0]) - correction(laplace, parameters)
    exact = one_factor.exact(*at)
    assert abs(first - exact) > 0.01
    assert abs(first - beyond - exact) < 0.2 * abs(first - exact)


def test_the_adjusted_profile_is_the_likelihood_without_the_intercept(one_factor: OneFactor) -> None:
    def plain(sd: float) -> float:
        return one_factor.laplace.evaluate(one_factor.profile(sd)).value

    def adjusted(sd: float) -> float:
        at = one_factor.profile(sd)
        return one_factor.laplace.evaluate(at).value + correction(one_factor.laplace, at)

    for low, high in ((0.5, 0.9), (0.9, 1.4)):
        exact = one_factor.restricted(high) - one_factor.restricted(low)
        off = abs(plain(high) - plain(low) - exact)
        assert off > 0.2
        assert abs(adjusted(high) - adjusted(low) - exact) < 0.1 * off


def test_one_step_reaches_the_maximum_of_the_likelihood_without_the_intercept(one_factor: OneFactor) -> None:
    patterns = count_patterns(pd.DataFrame({"y": one_factor.y}), value="y", variables=[])
    found = fit_mixed(patterns, [], one_factor.y, [RandomTerm("p", "p", one_factor.person)], with_adjusted=True)
    assert found.adjusted is not None
    best = float(minimize_scalar(one_factor.restricted, bounds=(0.3, 2.5)).x)
    assert best - found.sd["p"] > 0.03
    assert found.adjusted.sd["p"] == pytest.approx(best, abs=0.15 * (best - found.sd["p"]))
    bend = sum(sign * one_factor.restricted(best + step) for sign, step in ((1, 0.05), (-2, 0.0), (1, -0.05))) / 0.05**2
    assert found.adjusted.covariance[1, 1] ** 0.5 == pytest.approx(bend**-0.5, rel=0.1)


def test_pairs_that_share_no_level_add_next_to_nothing() -> None:
    """The correction of crossed effects against the sum over all pairs of answers."""
    rng = np.random.default_rng(5)
    people, items = np.indices((25, 12)).reshape(2, -1)
    eta = 0.5 + 0.9 * rng.normal(size=25)[people] + 1.1 * rng.normal(size=12)[items]
    y = (rng.random(300) < expit(eta)).astype(float)
    random = [RandomTerm("person", "person", people), RandomTerm("item", "item", items)]
    laplace, at = Laplace(y, np.ones((1, 1)), np.zeros(300, np.intp), random), np.array([0.5, 0.9, 1.1])
    beyond = -correction(laplace, at)
    beyond += 0.5 * np.log(laplace.information_of_coefficients()[0, 0])
    p = expit(laplace.at(at))  # the answers are in the order of people already
    z = np.hstack([0.9 * np.eye(25)[people], 1.1 * np.eye(12)[items]])
    w = p * (1 - p)
    h = z @ np.linalg.solve(np.eye(37) + (z.T * w) @ z, z.T)
    third, fourth, own = w * (1 - 2 * p), w * (1 - 6 * w), np.diag(h)
    pairs = np.outer(third, third) * (np.outer(own, own) * h / 8 + h**3 / 12)
    assert beyond == pytest.approx(pairs.sum() - fourth @ own**2 / 8, rel=0.01)


def drawn(sd_item: float, n_items: int = 40) -> MixedFit:
    rng = np.random.default_rng(2)
    people, items = np.indices((60, n_items)).reshape(2, -1)
    eta = 0.3 + 0.8 * rng.normal(size=60)[people] + sd_item * rng.normal(size=n_items)[items]
    y = (rng.random(len(eta)) < expit(eta)).astype(float)
    patterns = count_patterns(pd.DataFrame({"y": y}), value="y", variables=[])
    random = [RandomTerm("person", "person", people), RandomTerm("item", "item", items)]
    return fit_mixed(patterns, [], y, random, with_adjusted=True)


def test_an_effect_that_is_not_there_leaves_the_others_adjusted() -> None:
    found = drawn(0.0)
    assert found.boundary == ["item"]
    assert found.adjusted is not None
    assert found.adjusted.boundary == ["item"]
    assert found.adjusted.sd["item"] == 0.0
    assert found.adjusted.sd["person"] > found.sd["person"]
    assert np.isfinite(found.adjusted.se).all()


def test_many_answers_each_leave_little_to_adjust() -> None:
    few, many = drawn(1.0, n_items=12), drawn(1.0, n_items=200)
    moved = [
        (one.adjusted.sd["person"] - one.sd["person"]) / one.sd["person"] for one in (few, many) if one.adjusted
    ]  # both are
    assert 0 < 3 * moved[1] < moved[0]
    assert all(one.adjusted and one.adjusted.covariance[1, 1] > one.covariance[1, 1] for one in (few, many))
