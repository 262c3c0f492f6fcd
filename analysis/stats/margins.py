"""What a logistic model says in percentage points: average probabilities under levels that everybody is given."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from analysis.stats.glm import LogitFit, independent_columns
from analysis.stats.mixed import MixedFit
from analysis.stats.observations import Codes, Floats
from analysis.stats.terms import Patterns, Term, design, with_level

Flags = npt.NDArray[np.bool_]

# The trapezoidal rule converges exponentially for the logistic times the normal density: right to 1e-12 up to a total
# standard deviation of 3 logits, where Gauss-Hermite needs some hundred nodes for 1e-7.
NODES = np.linspace(-8.4, 8.4, 85)
NODE_WEIGHTS = np.exp(-0.5 * NODES**2)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


class Setting(NamedTuple):
    """A weight, and the levels that everybody is given; a contrast is a list of them, weights adding up to 0."""

    weight: float
    levels: Mapping[str, str]


class Slope(NamedTuple):
    """How a random term's multiplier follows from a factor; without a variable it is 1."""

    variable: str
    values: Mapping[str, float]

    def of(self, patterns: Patterns) -> Floats:
        """Give the multiplier per pattern."""
        found = patterns.variables[self.variable]
        return np.array([self.values.get(label, 0.0) for label in found.labels])[found.codes]


class Margin(NamedTuple):
    """A contrast in probability and its derivative by the model's parameters; NaN where it is not determined."""

    estimate: float
    gradient: Floats
    reason: str


def mixed_margin(
    fit: MixedFit,
    patterns: Patterns,
    terms: Sequence[Term],
    contrast: Sequence[Setting],
    slopes: Mapping[str, Slope],
    among: Flags | None = None,
) -> Margin:
    """Average a contrast over people and items, random effects integrated out (population-averaged).

    Parameters
    ----------
    fit : MixedFit
        The fitted model.
    patterns, terms
        What it was fitted to.
    contrast : sequence of Setting
        Such as everybody in relation `same`, less everybody in `close`.
    slopes : mapping
        Of the random terms that are slopes, by name.
    among : array of bool (patterns,), optional
        Over whose covariates to average; all answers count alike.

    Returns
    -------
    Margin
        The gradient is by the coefficients, then the standard deviations.

    Notes
    -----
    P(eta) = integral of logistic(eta + s z) over the standard normal z, with s^2 the sum of sd_t^2 slope_t^2 over
    the random terms, by the trapezoidal rule on 85 points. Standard error by the delta method with the gradient:
    sqrt(g' V g), V with the standard deviations' part.

    References
    ----------
    Zeger, Liang & Albert (1988), Biometrics 44, 1049-1060; Agresti (2015), Foundations of Linear and Generalized
    Linear Models, 9.4; Trefethen & Weideman (2014), SIAM Review 56, 385-458. R: `predict(fit, re.form = NA)` under
    both settings, averaged over N(0, s^2).
    """
    if not fit.converged:
        return _undetermined(len(fit.covariance), fit.reason)
    coef, sd = np.nan_to_num(fit.coef), np.array(list(fit.sd.values()))
    estimate, gradient = 0.0, np.zeros(len(fit.covariance))
    for setting, given, x in _counterfactuals(patterns, terms, contrast):
        if not _is_determined(fit.aliased, patterns, terms, x, among):
            return _undetermined(len(gradient), fit.reason)
        multiplier = np.stack([slopes[name].of(given) if name in slopes else np.ones(len(x)) for name in fit.sd])
        total = np.sqrt((sd[:, None] ** 2 * multiplier**2).sum(axis=0))
        mean, by_eta, by_total = _averaged(x @ coef, total)
        weights = _weights(patterns, among) * setting.weight
        estimate += float(weights @ mean)
        gradient[: len(coef)] += (weights * by_eta) @ x
        shares = np.divide(multiplier**2, total, out=np.zeros_like(multiplier), where=total > 0)
        gradient[len(coef) :] += sd * (shares @ (weights * by_total))
    return Margin(estimate, gradient, "")


def logit_margin(
    fit: LogitFit, patterns: Patterns, terms: Sequence[Term], contrast: Sequence[Setting], among: Flags | None = None
) -> Margin:
    """Average a contrast of a model without random effects over all answers (the average marginal effect)."""
    if fit.separated or not fit.n:
        return _undetermined(len(fit.names), fit.reason)
    coef = np.nan_to_num(fit.coef)
    estimate, gradient = 0.0, np.zeros(len(coef))
    for setting, _, x in _counterfactuals(patterns, terms, contrast):
        if not _is_determined(fit.aliased, patterns, terms, x, among):
            return _undetermined(len(gradient), fit.reason)
        p = expit(x @ coef)
        weights = _weights(patterns, among) * setting.weight
        estimate += float(weights @ p)
        gradient += (weights * p * (1.0 - p)) @ x
    return Margin(estimate, gradient, "")


def delta_se(margin: Margin, covariance: Floats) -> float:
    """Give the standard error by the delta method; parameters without a variance count as known."""
    variance = float(margin.gradient @ np.nan_to_num(covariance) @ margin.gradient)
    return float(np.sqrt(max(variance, 0.0)))


def influence(fit: LogitFit, margin: Margin, x: Floats, value: Floats, pattern: Codes) -> Floats:
    """Give each answer's influence on a margin, by way of the coefficients: (y - p) x' I^-1 g."""
    per_pattern = x @ (np.nan_to_num(fit.covariance) @ margin.gradient)
    result: Floats = (value - fit.probability[pattern]) * per_pattern[pattern]
    return result


def _counterfactuals(
    patterns: Patterns, terms: Sequence[Term], contrast: Sequence[Setting]
) -> list[tuple[Setting, Patterns, Floats]]:
    found = []
    for setting in contrast:
        given = patterns
        for variable, label in setting.levels.items():
            given = with_level(given, variable, label)
        found.append((setting, given, design(given, terms).matrix))
    return found


def _is_determined(
    aliased: Sequence[str], patterns: Patterns, terms: Sequence[Term], x: Floats, among: Flags | None
) -> bool:
    """Say whether the settings stay in the space of the answers; only then do aliased columns not matter."""
    if not aliased:
        return True
    observed = design(patterns, terms).matrix
    asked = x if among is None else x[among]
    both = np.concatenate([observed, asked])
    return bool(independent_columns(both, np.ones(len(both))).sum() == observed.shape[1] - len(aliased))


def _averaged(eta: Floats, total: Floats) -> tuple[Floats, Floats, Floats]:
    """Average the logistic over a normal of standard deviation `total`: value, derivative by eta and by `total`."""
    p = expit(eta[:, None] + total[:, None] * NODES)
    slope = p * (1.0 - p)
    return p @ NODE_WEIGHTS, slope @ NODE_WEIGHTS, slope @ (NODE_WEIGHTS * NODES)


def _weights(patterns: Patterns, among: Flags | None) -> Floats:
    weights = patterns.trials if among is None else patterns.trials * among
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _undetermined(n: int, reason: str) -> Margin:
    return Margin(float("nan"), np.full(n, np.nan), reason or "the answers do not determine it")
