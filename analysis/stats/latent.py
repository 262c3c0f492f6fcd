"""Agreement freed of the mean: how far items, not people, decide an answer, on the scale under the answers."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf, ndtri, owens_t

NAN = float("nan")
NEAREST = 1e-6  # so near the most that can disagree, relative, the correlation is -1 to rounding and has no slope


class Slope(NamedTuple):
    """Derivatives by the share of 1s and by a second quantity."""

    by_share: float
    by_other: float


class LatentICC(NamedTuple):
    """The latent correlation of two people's answers to one item, and its derivatives by share and disagreement."""

    value: float
    slope: Slope


def latent_icc(share: float, disagreement: float) -> LatentICC:
    """Find the latent correlation of two answers to one item from the share of 1s and the chance of unlike answers.

    Parameters
    ----------
    share : float
        Share of 1s, between 0 and 1.
    disagreement : float
        Chance that two people answer the same item differently.

    Returns
    -------
    LatentICC
        Missing where every answer is the same, where no two people disagree, or where more disagree than can.

    Notes
    -----
    Threshold model: an answer is 1 where item effect + person and chance exceed a threshold, both normal, and rho is
    the items' share of the variance. With tau = Phi^-1(share), two answers differ with chance D = 4 T(tau, a),
    a = sqrt((1 - rho) / (1 + rho)), T Owen's function; at share 1/2, rho = cos(pi D). A shift of all thresholds
    moves share and D and leaves rho where it is: that is what alpha does only nearly. In terms of a logit model it
    is s_item² / (s_item² + s_respondent² + pi²/3).

    References
    ----------
    Pearson (1900), tetrachoric correlation; Owen (1956), Annals of Mathematical Statistics 27, 1075-1090; Nakagawa &
    Schielzeth (2010), Biological Reviews 85, 935-956. R: psych::tetrachoric of pairs of answers, OwenQ::OwenT.
    """
    if not 0 < share < 1 or not 0 < disagreement < 2 * min(share, 1 - share) * (1 - NEAREST):
        return LatentICC(NAN, Slope(NAN, NAN))
    threshold = float(ndtri(share))
    angle = brentq(lambda x: 4 * owens_t(threshold, np.tan(x)) - disagreement, 1e-12, np.pi / 2 - 1e-12, xtol=1e-14)
    value = float(np.cos(2 * angle))
    slope = disagreement_slope(share, value)
    return LatentICC(value, Slope(-slope.by_share / slope.by_other, 1 / slope.by_other))


def disagreement_of(share: float, correlation: float) -> float:
    """Give the chance that two people answer the same item differently, at a share and a latent correlation."""
    return float(4 * owens_t(float(ndtri(share)), _steepness(correlation)))


def disagreement_slope(share: float, correlation: float) -> Slope:
    """Give the derivatives of `disagreement_of` by share and correlation.

    dD/dp = -2 erf(a tau / sqrt 2); dD/drho = -exp(-tau² (1 + a²) / 2) / (pi sqrt(1 - rho²)).
    """
    threshold, steepness = float(ndtri(share)), _steepness(correlation)
    by_share = -2 * float(erf(steepness * threshold / np.sqrt(2)))
    by_correlation = -np.exp(-(threshold**2) * (1 + steepness**2) / 2) / (np.pi * np.sqrt(1 - correlation**2))
    return Slope(by_share, float(by_correlation))


def _steepness(correlation: float) -> float:
    return float(np.sqrt((1 - correlation) / (1 + correlation)))
