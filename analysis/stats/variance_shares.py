"""What a mixed model's variance components mean: shares of variance on both scales, R², median odds ratios."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtri

from analysis.stats.observations import Floats

LOGISTIC_VARIANCE = np.pi**2 / 3
N_NODES = 64
REMAINDER = "together"
CHANCE = "answer"


class RSquared(NamedTuple):
    """Shares of the latent variance: of the fixed effects, and of fixed and random effects together."""

    marginal: float
    conditional: float


def latent_shares(variances: Mapping[str, float]) -> dict[str, float]:
    """Give each random effect's share of the variance under the answers of a logit model.

    Parameters
    ----------
    variances : mapping
        Variance of each random effect on the logit scale (respondent, item, country, ...).

    Returns
    -------
    dict
        s_k² / (sum of all + pi²/3) for each, and what is left to the single answer as `answer`.

    References
    ----------
    Goldstein, Browne & Rasbash (2002), Understanding Statistics 1, 223-231; Nakagawa & Schielzeth (2010), Biological
    Reviews 85, 935-956. R: performance::icc(by_group = TRUE).
    """
    _require(variances)
    total = sum(variances.values()) + LOGISTIC_VARIANCE
    return {**{name: variance / total for name, variance in variances.items()}, CHANCE: LOGISTIC_VARIANCE / total}


def probability_variances(linear_predictor: float, variances: Mapping[str, float]) -> dict[str, float]:
    """Split the variance of a 0/1 answer into those of the random effects, on the scale of probabilities.

    Parameters
    ----------
    linear_predictor : float
        Fixed part on the logit scale, where all random effects are 0.
    variances : mapping
        As in `latent_shares`.

    Returns
    -------
    dict
        Variance of each effect alone, what they add `together` beyond that, and of the single `answer`; they sum to
        P(1 - P), P the mean probability. Divide by the sum for shares.

    Notes
    -----
    V_k = Var(E[p | u_k]), p = expit(eta + sum_k u_k) with independent normal u_k; the others add up to one normal, so
    that each is an integral of one integral (Gauss-Hermite, 64 nodes): no simulation. Answer: E[p (1 - p)].

    References
    ----------
    Goldstein, Browne & Rasbash (2002), Understanding Statistics 1, 223-231 (their simulation, here by quadrature);
    Sobol (1993), first-order indices.
    """
    _require(variances)
    total = sum(variances.values())
    nodes, weights = _normal_nodes()
    p = expit(linear_predictor + np.sqrt(total) * nodes)
    mean = float(weights @ p)
    alone = {
        name: float(weights @ (_mean_given(linear_predictor, variance, total - variance) - mean) ** 2)
        for name, variance in variances.items()
    }
    of_probability = float(weights @ (p - mean) ** 2)
    return {
        **alone,
        REMAINDER: max(of_probability - sum(alone.values()), 0.0),
        CHANCE: float(weights @ (p * (1 - p))),
    }


def r_squared(fixed_variance: float, variances: Mapping[str, float]) -> RSquared:
    """Give marginal and conditional R² of a logit model with random effects.

    Parameters
    ----------
    fixed_variance : float
        Variance of the linear predictor's fixed part over the answers.
    variances : mapping
        As in `latent_shares`.

    Notes
    -----
    f / (f + sum_k s_k² + pi²/3), and (f + sum_k s_k²) over the same.

    References
    ----------
    Nakagawa & Schielzeth (2013), Methods in Ecology and Evolution 4, 133-142; Nakagawa, Johnson & Schielzeth (2017).
    R: performance::r2_nakagawa, MuMIn::r.squaredGLMM (theoretical).
    """
    _require({**variances, "fixed": fixed_variance})
    random = sum(variances.values())
    total = fixed_variance + random + LOGISTIC_VARIANCE
    return RSquared(fixed_variance / total, (fixed_variance + random) / total)


def median_odds_ratio(variance: float) -> float:
    """Give the median odds ratio between two draws of a random effect: exp(sqrt(2 s²) Phi^-1(3/4)).

    The odds of following, between two people (or items) picked at random, differ by this factor or more in half of
    the cases.

    References
    ----------
    Larsen & Merlo (2005), American Journal of Epidemiology 161, 81-88.
    """
    _require({"": variance})
    return float(np.exp(np.sqrt(2 * variance) * ndtri(0.75)))


def _mean_given(linear_predictor: float, own: float, others: float) -> Floats:
    """Average p over the other effects, at the nodes of one's own."""
    nodes, weights = _normal_nodes()
    own_part = linear_predictor + np.sqrt(max(own, 0.0)) * nodes
    return np.asarray(expit(own_part[:, None] + np.sqrt(max(others, 0.0)) * nodes) @ weights)


def _normal_nodes() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    return nodes, weights / weights.sum()


def _require(variances: Mapping[str, float]) -> None:
    if any(not np.isfinite(variance) or variance < 0 for variance in variances.values()):
        raise ValueError("variances must be numbers, not negative")
