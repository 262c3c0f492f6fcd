"""Standard deviations freed of two biases: the fixed part is estimated too, and Laplace's approximation is crude."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky
from scipy.special import expit

from analysis.stats.mixed.laplace import Laplace, NotFound
from analysis.stats.observations import Floats

STEP = 0.05  # of the differences, as a part of the standard deviation
MOST_ERROR = 0.5  # relative standard error from which on a standard deviation is left as it is
MOST_MOVE = 0.5  # of the logarithm of a standard deviation; one step cannot be trusted to go farther


class Adjusted(NamedTuple):
    """Coefficients, then standard deviations, and their covariance."""

    parameters: Floats
    covariance: Floats


def adjust(laplace: Laplace, parameters: Floats, covariance: Floats) -> Adjusted | None:
    """Correct the maximum of Laplace's approximation for its bias in the standard deviations.

    Parameters
    ----------
    laplace : Laplace
        The likelihood.
    parameters, covariance : array (parameters,), (parameters, parameters)
        Its maximum, standard deviations positive, and the inverse of its Hessian there.

    Returns
    -------
    Adjusted or None
        None where one step does not lead to a maximum. A standard deviation with a relative standard error above a half
        is not corrected.

    Notes
    -----
    One Newton step on the logarithms of the standard deviations from the maximum of the likelihood towards that of the
    adjusted profile likelihood L(s) - c(s), s standard deviations, all else at its maximum given s; c is `correction`,
    its derivatives are differences. Its curvature there gives the new covariance of the standard deviations; the
    coefficients follow along the ridge. Costs two evaluations for each standard deviation, and one.

    References
    ----------
    Cox & Reid (1987), JRSS B 49, 1-39 (adjusted profile likelihood); Noh & Lee (2007), Journal of Multivariate Analysis
    98, 896-915 (with a second-order approximation, for binary data with crossed effects). R: glmmTMB with `REML = TRUE`
    is the first half; the package dhglm has both.
    """
    k = laplace.n_columns
    sd, of_sd = parameters[k:], covariance[k:, k:]
    inverse = np.linalg.inv(of_sd)
    ridge = covariance[:, k:] @ inverse
    try:
        slope, bend = _derivatives(laplace, parameters, ridge, np.sqrt(np.diag(of_sd)) <= MOST_ERROR * sd)
        curvature = inverse * np.outer(sd, sd) + np.diag(bend)
        cholesky(curvature)
    except (NotFound, LinAlgError):
        return None
    move = -np.linalg.solve(curvature, slope)
    if not np.abs(move).max() <= MOST_MOVE:
        return None
    moved = sd * np.exp(move)
    found = np.linalg.inv(curvature) * np.outer(moved, moved)
    return Adjusted(parameters + ridge @ (moved - sd), covariance + ridge @ (found - of_sd) @ ridge.T)


def correction(laplace: Laplace, parameters: Floats) -> float:
    """Give what minus the approximate log likelihood lacks at some parameters.

    Notes
    -----
    log|I_bb| / 2 with I_bb the coefficients' information given the standard deviations, less the next terms of
    Laplace's expansion. With h_nm = z_n' H^-1 z_m and k3_n, k4_n the third and fourth cumulants of an answer they are
    -sum k4_n h_nn² / 8 + sum_nm k3_n k3_m (h_nn h_nm h_mm / 8 + h_nm³ / 12). The cubes are summed over the pairs of
    answers that share a level, of one term at a time: other pairs' h is of the order of one over a level's answers.

    References
    ----------
    Shun & McCullagh (1995), JRSS B 57, 749-760; Raudenbush, Yang & Yosef (2000), Journal of Computational and
    Graphical Statistics 9, 141-157; Tierney & Kadane (1986), JASA 81, 82-86.
    """
    mu = expit(laplace.at(parameters))
    weights = mu * (1.0 - mu)
    third, fourth = weights * (1.0 - 2.0 * mu), weights * (1.0 - 6.0 * weights)
    hessian, layout = laplace.hessian_found, laplace.layout
    leverage = hessian.leverage()
    pulled = layout.scatter(third * leverage.total, hessian.scale)
    beyond = (pulled.dot(hessian.solve(pulled)) - float(fourth @ leverage.total**2)) / 8.0
    cubes = layout.scatter(third, [one**3 for one in hessian.scale])
    for place, shrinkage in enumerate(leverage.shrinkage):
        of_term = cubes.own[place] if place < layout.n_own else cubes.dense[layout.parts[place - layout.n_own]]
        beyond += float(of_term**2 @ (1.0 - shrinkage) ** 3) / 12.0
    return 0.5 * float(np.linalg.slogdet(laplace.information_of_coefficients())[1]) - beyond


def _derivatives(laplace: Laplace, parameters: Floats, ridge: Floats, is_told: np.ndarray) -> tuple[Floats, Floats]:
    """Differentiate the correction twice by the logarithm of each standard deviation, along the ridge."""
    here = correction(laplace, parameters)
    slope, bend = np.zeros(len(is_told)), np.zeros(len(is_told))
    for place in np.flatnonzero(is_told):
        move = STEP * parameters[laplace.n_columns + place] * ridge[:, place]
        above, below = correction(laplace, parameters + move), correction(laplace, parameters - move)
        slope[place] = (above - below) / (2.0 * STEP)
        bend[place] = (above - 2.0 * here + below) / STEP**2 + slope[place]
    return slope, bend
