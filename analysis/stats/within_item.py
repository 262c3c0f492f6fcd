"""Conditional logistic regression: comparisons within strata (items) only, whatever the strata's own levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit

from analysis.stats.glm import ALIASED, cross, independent_columns
from analysis.stats.observations import Codes, Floats

NAN = float("nan")
MAX_EXACT = 300  # larger strata get an intercept each: the bias, of the order of 1 / size, is then below 0.5 %
BLOCK = 8  # strata at a time: their sums fit a cache
MAX_STEPS = 30
CONVERGED = 1e-12
MAX_COEFFICIENT = 15.0


@dataclass(frozen=True)
class ConditionalFit:
    """Coefficients within strata; NaN for columns that do not vary within any. `n` counts informative answers."""

    names: list[str]
    coef: Floats
    covariance: Floats
    n: int
    is_exact: bool
    reason: str

    @property
    def se(self) -> Floats:
        """The standard errors."""
        diagonal: Floats = np.sqrt(np.diag(self.covariance))
        return diagonal


def conditional_logit(value: Floats, x: Floats, names: Sequence[str], stratum: Codes) -> ConditionalFit:
    """Fit a logit with a free intercept per stratum, conditioned away.

    Parameters
    ----------
    value : array (answers,)
        The 0/1 answers.
    x : array (answers, columns)
        Design matrix without an intercept.
    names : sequence of str
        Its columns' names.
    stratum : array of int (answers,)
        Such as the item, from 0.

    Returns
    -------
    ConditionalFit
        Strata whose answers are all alike say nothing and are left out.

    Notes
    -----
    Maximises the product over strata of exp(sum of x b over the 1s) / sum over all sets of as many answers of the
    same. The denominator and its derivatives by the recursion B(k, j) = B(k, j - 1) + exp(x_j b) B(k - 1, j - 1).
    With strata of more than 300 answers each stratum has an estimated intercept instead.

    References
    ----------
    Gail, Lubin & Rubinstein (1981), Biometrika 68, 703-707. R: `survival::clogit(..., method = "exact")`.
    """
    n_strata = int(stratum.max(initial=-1)) + 1
    sizes, ones = np.bincount(stratum, minlength=n_strata), np.bincount(stratum, value, n_strata)
    informative = ((ones > 0) & (ones < sizes))[stratum]
    value, x, stratum = value[informative], x[informative], stratum[informative]
    names = list(names)
    if not len(value):
        return _nothing(names, "in every item all answers are the same")
    stratum = np.unique(stratum, return_inverse=True)[1].astype(np.intp)
    kept = _varying(x, stratum)
    if not kept.any():
        return _nothing(names, "nothing varies within an item")
    is_exact = int(np.bincount(stratum).max()) <= MAX_EXACT
    found = _newton(_WithIntercepts(value, x[:, kept], stratum), np.zeros(int(kept.sum())))
    if found is not None and is_exact:
        found = _newton(_Exact(value, x[:, kept], stratum), found[0])
    if found is None:
        return _nothing(names, "within items all answers of a group are the same")
    beta, information = found
    coef, covariance = np.full(len(names), NAN), np.full((len(names),) * 2, NAN)
    coef[kept] = beta
    covariance[np.ix_(kept, kept)] = np.linalg.inv(information)
    return ConditionalFit(names, coef, covariance, len(value), is_exact, "")


class _Derivatives(NamedTuple):
    """The log likelihood at some coefficients, its gradient and the information."""

    value: float
    gradient: Floats
    information: Floats


class _Block(NamedTuple):
    """Strata of about the same size, padded: (places, strata, columns) and (places, strata)."""

    x: Floats
    is_answer: npt.NDArray[np.bool_]
    n_chosen: Codes


class _Exact:
    """The conditional likelihood; where fewer answers are 0 than 1, it is that of the zeros, which is the same."""

    def __init__(self, value: Floats, x: Floats, stratum: Codes) -> None:
        sizes, ones = np.bincount(stratum), np.bincount(stratum, value)
        swapped = 2 * ones > sizes
        signed = x * np.where(swapped[stratum], -1.0, 1.0)[:, None]
        chosen = np.where(swapped[stratum], 1.0 - value, value)
        n_chosen = np.where(swapped, sizes - ones, ones).astype(np.intp)
        self.total: Floats = chosen @ signed
        by_size = np.argsort(sizes, kind="stable")
        rank = np.argsort(by_size)
        order = np.argsort(rank[stratum], kind="stable")
        ends = np.cumsum(sizes[by_size])
        place = np.arange(len(order)) - np.repeat(ends - sizes[by_size], sizes[by_size])
        self.blocks = []
        for low in range(0, len(sizes), BLOCK):
            high = min(low + BLOCK, len(sizes))
            rows = slice(int(ends[low] - sizes[by_size[low]]), int(ends[high - 1]))
            column = rank[stratum[order[rows]]] - low
            padded = np.zeros((int(sizes[by_size[high - 1]]), high - low, x.shape[1]))
            is_answer = np.zeros(padded.shape[:2], bool)
            padded[place[rows], column], is_answer[place[rows], column] = signed[order[rows]], True
            self.blocks.append(_Block(padded, is_answer, n_chosen[by_size[low:high]]))

    def at(self, beta: Floats) -> _Derivatives:
        """Give the log likelihood with its derivatives."""
        parts = [_denominator(block, beta) for block in self.blocks]
        return _Derivatives(
            float(self.total @ beta) - sum(part.value for part in parts),
            self.total - np.sum([part.gradient for part in parts], axis=0),
            np.sum([part.information for part in parts], axis=0),
        )


def _denominator(block: _Block, beta: Floats) -> _Derivatives:
    """Run the recursion over the answers' places within their strata: log B, its gradient and its Hessian, summed."""
    n_places, n_strata, k = block.x.shape
    width = int(block.n_chosen.max()) + 1
    sums, first = np.zeros((n_strata, width)), np.zeros((n_strata, width, k))
    second = np.zeros((n_strata, width, k, k))
    sums[:, 0] = 1.0
    weights = np.where(block.is_answer, np.exp(block.x @ beta), 0.0)
    for j in range(n_places):
        reach = slice(1, min(j + 1, width - 1) + 1)
        before = slice(0, reach.stop - 1)
        row, weight = block.x[j], weights[j][:, None]
        grown = first[:, before] + sums[:, before, None] * row[:, None]
        outer = grown[..., None] * row[:, None, None] + row[:, None, :, None] * first[:, before, None]
        second[:, reach] += weight[..., None, None] * (second[:, before] + outer)
        first[:, reach] += weight[..., None] * grown
        sums[:, reach] += weight * sums[:, before]
    at = np.arange(n_strata), block.n_chosen
    mean = first[at] / sums[at][:, None]
    spread = second[at] / sums[at][:, None, None] - mean[:, :, None] * mean[:, None, :]
    return _Derivatives(float(np.log(sums[at]).sum()), mean.sum(axis=0), spread.sum(axis=0))


class _WithIntercepts:
    """The likelihood with an intercept per stratum at its best, on counted answers."""

    def __init__(self, value: Floats, x: Floats, stratum: Codes) -> None:
        cell = stratum
        for column in x.T:  # many times faster than the distinct rows of a matrix
            cell = cross(cell, np.unique(column, return_inverse=True)[1])
        first = np.unique(cell, return_index=True)[1]
        self.x, self.stratum = x[first], stratum[first]
        self.trials, self.successes = np.bincount(cell).astype(float), np.bincount(cell, value)
        self.intercepts = np.zeros(int(stratum.max()) + 1)

    def at(self, beta: Floats) -> _Derivatives:
        """Find the intercepts, and give the profile likelihood with its derivatives."""
        fixed = self.x @ beta
        for _ in range(MAX_STEPS):
            p = expit(fixed + self.intercepts[self.stratum])
            weights = self.trials * p * (1.0 - p)
            step = np.bincount(self.stratum, self.successes - self.trials * p) / np.bincount(self.stratum, weights)
            self.intercepts += np.clip(step, -2.0, 2.0)
            if np.abs(step).max() < 1e-10:
                break
        eta = fixed + self.intercepts[self.stratum]
        residual = self.successes - self.trials * expit(eta)
        scale = np.bincount(self.stratum, weights)
        carried = np.stack([np.bincount(self.stratum, weights * column) for column in self.x.T])
        information = (self.x.T * weights) @ self.x - (carried / scale) @ carried.T
        value = float(self.successes @ eta - self.trials @ np.logaddexp(0.0, eta))
        return _Derivatives(value, self.x.T @ residual, information)


def _newton(likelihood: _Exact | _WithIntercepts, beta: Floats) -> tuple[Floats, Floats] | None:
    """Maximise; None where coefficients grow without end."""
    here = likelihood.at(beta)
    for _ in range(MAX_STEPS):
        try:
            step = np.asarray(cho_solve(cho_factor(here.information), here.gradient), dtype=np.float64)
        except LinAlgError:
            return None
        if float(step @ here.gradient) < CONVERGED * (1.0 + abs(here.value)):
            return beta, here.information
        length, following = 1.0, likelihood.at(beta + step)
        while following.value < here.value and length > 1e-6:
            length /= 2.0
            following = likelihood.at(beta + length * step)
        beta, here = beta + length * step, following
        if np.abs(beta).max() > MAX_COEFFICIENT:
            return None
    return None


def _varying(x: Floats, stratum: Codes) -> npt.NDArray[np.bool_]:
    """Flag the columns that vary within strata, independently of those before them."""
    sizes = np.bincount(stratum)
    means = np.stack([np.bincount(stratum, column) / sizes for column in x.T], axis=1)
    within = x - means[stratum]
    scale = np.maximum((x * x).sum(axis=0), 1.0)
    flags: npt.NDArray[np.bool_] = (within * within).sum(axis=0) > ALIASED * scale
    return flags & independent_columns(within, np.ones(len(x)))


def _nothing(names: list[str], reason: str) -> ConditionalFit:
    k = len(names)
    return ConditionalFit(names, np.full(k, NAN), np.full((k, k), NAN), 0, False, reason)
