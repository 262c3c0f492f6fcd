"""Find the maximum of a smooth likelihood from its gradient, and its curvature there."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from analysis.stats.mixed.laplace import NotFound, Point
from analysis.stats.observations import Floats

MAX_STEPS = 60
MAX_POLISH = 4
NEAR = 1e-7  # decrement at which the curvature is worth computing: a few ten-thousandths of a standard error off
CLOSE = 1e-5  # decrement below which the log likelihood is right to 1e-5
FOUND = 1e-14
ARMIJO = 1e-4
SHORTEST = 1e-6
DIFFERENCE = 1e-2  # step of the central differences, in standard errors
ONE_SIDED = 1e-3  # of the one-sided ones, whose error is of the order of the step
LONGEST = 0.05  # and at most so long, where nothing is known of a parameter

Evaluate = Callable[[Floats], Point]


class Maximum(NamedTuple):
    """The best point, the Hessian of minus the log likelihood there, and whether it is a maximum."""

    point: Point
    curvature: Floats
    is_converged: bool


def approach(evaluate: Evaluate, point: Point, information: Floats) -> Point:
    """Come near the maximum by BFGS steps.

    Parameters
    ----------
    evaluate : callable
        Value and gradient of minus the log likelihood.
    point : Point
        Where to begin.
    information : array (parameters, parameters)
        An approximation of the Hessian; the better, the fewer steps.

    Returns
    -------
    Point
        Where the decrement g' H^-1 g is below 1e-7, or the last point when that did not come about.

    References
    ----------
    Nocedal & Wright (2006), Numerical Optimization, 6.1, with backtracking.
    """
    inverse = np.linalg.pinv(information, hermitian=True)
    for _ in range(MAX_STEPS):
        step = -inverse @ point.gradient
        slope = float(point.gradient @ step)
        if -slope < NEAR:
            return point
        following = _search(evaluate, point, step, slope)
        if following is None:
            return point
        moved, change = following.parameters - point.parameters, following.gradient - point.gradient
        curvature = float(moved @ change)
        if curvature > 1e-12:
            carried = inverse @ change
            inverse += np.outer(moved, moved) * (1.0 + float(change @ carried) / curvature) / curvature
            inverse -= (np.outer(moved, carried) + np.outer(carried, moved)) / curvature
        point = following
    return point


def settle(evaluate: Evaluate, point: Point, information: Floats, *, is_large: bool = False) -> Maximum:
    """Compute the Hessian by differences of gradients and take the last Newton steps with it.

    Notes
    -----
    The steps are parts of 1 / sqrt(information), which is a tenth below the standard error of a standard deviation and
    nearer to those of coefficients. Central differences of a hundredth err by the square of the step, and give standard
    errors to 1e-6 of themselves. Of many answers (`is_large`) one-sided differences of a thousandth, half as many: they
    err by the step times the skewness of the likelihood, which for a standard deviation depends on its levels, however
    many the answers: to 1e-4.
    """
    error = 1.0 / np.sqrt(np.maximum(np.diag(information), 1e-8))
    steps = np.minimum((ONE_SIDED if is_large else DIFFERENCE) * error, LONGEST)
    curvature = differences(evaluate, point, steps, is_central=not is_large)
    try:
        factor = cho_factor(curvature)
    except LinAlgError:
        return Maximum(point, curvature, False)
    for _ in range(MAX_POLISH):
        step = -cho_solve(factor, point.gradient)
        decrement = -float(point.gradient @ step)
        if decrement < FOUND * (1.0 + abs(point.value)):
            return Maximum(point, curvature, True)
        point = evaluate(point.parameters + step)
    return Maximum(point, curvature, decrement < NEAR)


def as_it_is(point: Point, information: Floats) -> Maximum:
    """Take a point for the maximum without the curvature, where its decrement by the information is small enough."""
    decrement = float(point.gradient @ np.linalg.pinv(information, hermitian=True) @ point.gradient)
    return Maximum(point, np.full_like(information, np.nan), decrement < CLOSE)


def differences(evaluate: Evaluate, point: Point, steps: Floats, *, is_central: bool = True) -> Floats:
    """Give the Hessian at a point by differences of the gradient, central or from the point on."""
    rows = []
    for j, length in enumerate(steps):
        shift = np.zeros_like(point.parameters)
        shift[j] = length
        above = evaluate(point.parameters + shift)
        if is_central:
            below = evaluate(point.parameters - shift)
            rows.append((above.gradient - below.gradient) / (2.0 * length))
        else:
            rows.append((above.gradient - point.gradient) / length)
    hessian = np.array(rows)
    return np.asarray(0.5 * (hessian + hessian.T), dtype=np.float64)


def _search(evaluate: Evaluate, point: Point, step: Floats, slope: float) -> Point | None:
    """Halve the step until the value falls enough; None where it never does."""
    length = 1.0
    while length > SHORTEST:
        try:
            tried = evaluate(point.parameters + length * step)
        except NotFound:
            tried = None
        if tried is not None and tried.value <= point.value + ARMIJO * length * slope + 1e-10 * abs(point.value):
            return tried
        length /= 2.0
    return None
