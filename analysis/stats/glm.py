"""Logistic regression on covariate patterns: the fit, what cannot be estimated, likelihood ratios, clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import chdtrc, expit, xlog1py, xlogy

from analysis.stats.observations import Codes, Floats
from analysis.stats.separation import name_groups, separating_direction
from analysis.stats.terms import Patterns, Term, design

Flags = npt.NDArray[np.bool_]

NAN = float("nan")
MAX_STEPS = 40
MAX_HALVINGS = 30
CONVERGED = 1e-12
ALIASED = 1e-9
NONZERO = 1e-6
EXTREME = 8.0  # a linear predictor beyond it is worth a look for separation
N_NAMED = 4  # a reason names no more than these


@dataclass(frozen=True)
class LogitFit:
    """A fitted logit. Coefficients and covariances that cannot be estimated are NaN; `reason` says why.

    `predicted` flags the patterns that separation predicts perfectly; their `probability` is 0 or 1.
    """

    names: list[str]
    coef: Floats
    covariance: Floats
    probability: Floats
    predicted: Flags
    deviance: float
    aic: float
    rank: int
    n: int
    aliased: list[str]
    separated: list[str]
    reason: str

    @property
    def se(self) -> Floats:
        """The standard errors of independent answers."""
        diagonal: Floats = np.sqrt(np.diag(self.covariance))
        return diagonal

    @property
    def log_likelihood(self) -> float:
        """The log likelihood of the single answers."""
        return -0.5 * self.deviance

    def of(self, name: str) -> float:
        """Give the coefficient of a column."""
        return float(self.coef[self.names.index(name)])


class LikelihoodRatio(NamedTuple):
    """Twice the difference of two log likelihoods, tested on the difference of ranks."""

    statistic: float
    df: int
    p_value: float
    reason: str


class _Maximum(NamedTuple):
    """Where the likelihood of the active patterns is largest, in the columns of a basis; `data` are these of both."""

    data: "_All"
    active: Flags
    basis: Flags
    beta: Floats
    is_converged: bool


def fit_terms(
    patterns: Patterns, terms: Sequence[Term], larger: LogitFit | None = None, *, with_errors: bool = True
) -> LogitFit:
    """Fit a logit to the terms' columns (see `fit_logit`); a reason names groups whose answers are all alike."""
    columns = design(patterns, terms)
    answers = patterns.successes, patterns.trials
    return fit_logit(columns.matrix, *answers, columns.names, patterns, larger, with_errors=with_errors)


def fit_logit(
    x: Floats,
    successes: Floats,
    trials: Floats,
    names: Sequence[str],
    patterns: Patterns | None = None,
    larger: LogitFit | None = None,
    *,
    with_errors: bool = True,
) -> LogitFit:
    """Fit a binomial logit by maximum likelihood.

    Parameters
    ----------
    x : array (patterns, columns)
        Design matrix, one row per covariate pattern.
    successes, trials : array (patterns,)
        Answers that are 1, and all answers, per pattern; none without answers.
    names : sequence of str
        The columns' names.
    patterns : Patterns, optional
        The covariates, to name the groups that a reason speaks of.
    larger : LogitFit, optional
        The fit of a model of the same answers that has all of these columns and more, to begin near.
    with_errors : bool
        Whether the covariance is computed; NaN otherwise.

    Returns
    -------
    LogitFit
        In the order of `names`. A column that depends linearly on those before it is `aliased`. A column whose
        coefficient grows without end, because all answers of a group are alike, is `separated`. Neither has a
        coefficient; the others and the deviance are at their limits.

    Notes
    -----
    Newton steps (IRLS) on sum(a log p + (n - a) log(1 - p)), halved where the likelihood would fall, until the
    decrement g' I^-1 g is below 1e-12 of the deviance. Patterns that separation predicts perfectly leave the
    likelihood, and coefficients that the remaining patterns do not determine are given up. Deviance: -2 log
    likelihood of the single answers. AIC: deviance + 2 rank.

    References
    ----------
    McCullagh & Nelder (1989), Generalized Linear Models, 4.4; Albert & Anderson (1984), Biometrika 71, 1-10;
    Geyer (2009), Electronic Journal of Statistics 3, 259-289. R: `glm(cbind(a, n - a) ~ ., binomial)`; its
    deviance is this one when there is a row per answer.
    """
    if not len(trials):
        return _nothing(names, "no answers")
    if larger is not None and not larger.aliased:
        independent = np.ones(x.shape[1], bool)  # as they are among more
    else:
        independent = independent_columns(x, trials)
    everything = _All(x, successes, trials)
    start = None if larger is None else _restricted(larger, names)
    best = _maximise(everything, independent, start)
    return _finish(everything, best, independent, names, patterns, with_errors=with_errors)


def independent_columns(x: Floats, weights: Floats) -> Flags:
    """Flag the columns that do not depend linearly on those before them, by sweeping X'WX column by column."""
    products = _products(x, weights)
    scale = np.diag(products).copy()
    kept = np.zeros(x.shape[1], bool)
    for j in range(x.shape[1]):
        if products[j, j] > ALIASED * max(scale[j], np.finfo(float).tiny):
            kept[j] = True
            row = products[j] / products[j, j]
            products -= np.outer(products[:, j], row)
    return kept


def likelihood_ratio(full: LogitFit, reduced: LogitFit) -> LikelihoodRatio:
    """Test a reduced model against the full one: chi-square on the difference of their ranks."""
    statistic, df = max(reduced.deviance - full.deviance, 0.0), full.rank - reduced.rank
    if df <= 0:
        return LikelihoodRatio(NAN, 0, NAN, "the other terms already determine it")
    return LikelihoodRatio(statistic, df, float(chdtrc(df, statistic)), "")


def cross(first: Codes, second: Codes) -> Codes:
    """Number the cells in which two clusterings cross."""
    key = first.astype(np.int64) * (int(second.max(initial=0)) + 1) + second
    return np.asarray(np.unique(key, return_inverse=True)[1], dtype=np.intp)


class _All(NamedTuple):
    x: Floats
    successes: Floats
    trials: Floats

    def where(self, rows: Flags, columns: Flags) -> "_All":
        """Give a part; a copy is made only of what is one."""
        x = self.x if columns.all() else self.x[:, columns]
        if rows.all():
            return _All(x, self.successes, self.trials)
        return _All(x[rows], self.successes[rows], self.trials[rows])


def _maximise(everything: _All, independent: Flags, start: Floats | None) -> _Maximum:
    """Fit, and leave out what separation predicts perfectly until the rest has a finite maximum."""
    active = np.ones(len(everything.trials), bool)
    basis = independent.copy()
    data = everything.where(active, basis)
    beta, is_converged = _newton(data, None if start is None else start[basis])
    while not is_converged or np.abs(data.x @ beta).max(initial=0.0) > EXTREME:
        direction = separating_direction(*data)
        if direction is None:
            break
        active[active] = np.abs(data.x @ direction) <= NONZERO
        basis = independent.copy()
        basis[independent] = independent_columns(everything.x[active][:, independent], everything.trials[active])
        data = everything.where(active, basis)
        beta, is_converged = _newton(data, None)
    return _Maximum(data, active, basis, beta, is_converged)


def _restricted(larger: LogitFit, names: Sequence[str]) -> Floats:
    """Give where the larger model's likelihood, taken for a parabola, is largest with its other columns at zero."""
    known = np.isfinite(larger.coef)
    dropped = known & ~np.isin(larger.names, names)
    coef = np.where(known, larger.coef, 0.0)
    if dropped.any():
        kept = known & ~dropped
        shift = np.linalg.lstsq(larger.covariance[np.ix_(dropped, dropped)], coef[dropped], rcond=None)[0]
        coef[kept] -= larger.covariance[np.ix_(kept, dropped)] @ shift
    value = dict(zip(larger.names, coef, strict=True))
    return np.array([value.get(name, 0.0) for name in names])


def _finish(
    everything: _All,
    best: _Maximum,
    independent: Flags,
    names: Sequence[str],
    patterns: Patterns | None,
    *,
    with_errors: bool,
) -> LogitFit:
    """Read the fit off the maximum: what is lost to separation, probabilities, covariance and deviance."""
    successes, trials = everything.successes, everything.trials
    coef = np.full(len(names), NAN)
    coef[best.basis] = best.beta
    lost = _undetermined(everything.x, best, independent)
    probability = successes / trials
    probability[best.active] = expit(best.data.x @ best.beta)
    covariance = _covariance(best, probability[best.active], wanted=with_errors)
    coef[lost], covariance[lost], covariance[:, lost] = NAN, NAN, NAN
    deviance = -2.0 * float(np.sum(xlogy(successes, probability) + xlog1py(trials - successes, -probability)))
    aliased = [name for name, kept in zip(names, independent, strict=True) if not kept]
    separated = [name for name, is_lost in zip(names, lost, strict=True) if is_lost]
    groups = name_groups(patterns, ~best.active) if patterns is not None else []
    rank = int(independent.sum())
    return LogitFit(
        list(names), coef, covariance, probability, ~best.active, deviance, deviance + 2.0 * rank, rank,
        int(trials.sum()), aliased, separated, _why(best.is_converged, aliased, groups or separated),
    )  # fmt: skip


def _newton(data: _All, start: Floats | None) -> tuple[Floats, bool]:
    x, a, n = data
    if not x.size:
        return np.zeros(x.shape[1]), True
    if start is None:
        p = (a + 0.5) / (n + 1.0)
        weights = n * p * (1.0 - p)
        beta = _solve(_products(x, weights), x.T @ (weights * np.log(p / (1.0 - p))))
    else:
        beta = start
    eta = x @ beta
    loss = _loss(eta, a, n)
    for _ in range(MAX_STEPS):
        p = expit(eta)
        gradient = x.T @ (a - n * p)
        step = _solve(_products(x, n * p * (1.0 - p)), gradient)
        decrement, moved = float(gradient @ step), x @ step
        scale = 1.0
        for _ in range(MAX_HALVINGS):
            tried = _loss(eta + scale * moved, a, n)
            if tried <= loss + 1e-12 * abs(loss):
                break
            scale /= 2.0
        beta, eta, loss = beta + scale * step, eta + scale * moved, tried
        if abs(decrement) <= CONVERGED * (loss + 1.0):
            return beta, True
    return beta, False


def _products(x: Floats, weights: Floats) -> Floats:
    """Give X'WX; of a matrix and its own transpose BLAS computes one triangle only."""
    rooted = x * np.sqrt(weights)[:, None]
    products: Floats = rooted.T @ rooted
    return products


def _loss(eta: Floats, a: Floats, n: Floats) -> float:
    return float(np.sum(n * np.logaddexp(0.0, eta) - a * eta))


def _solve(information: Floats, gradient: Floats) -> Floats:
    try:
        return np.asarray(cho_solve(cho_factor(information, lower=True), gradient), dtype=np.float64)
    except LinAlgError:  # all weights near zero: on the way to separation
        return np.asarray(np.linalg.lstsq(information, gradient, rcond=None)[0], dtype=np.float64)


def _undetermined(x: Floats, best: _Maximum, independent: Flags) -> Flags:
    """Flag the coefficients that the remaining patterns leave open: those with a part in the design's null space."""
    lost = independent & ~best.basis
    if lost.any():
        combination = np.linalg.lstsq(best.data.x, x[np.ix_(best.active, lost)], rcond=None)[0]
        lost[np.flatnonzero(best.basis)[(np.abs(combination) > NONZERO).any(axis=1)]] = True
    return lost


def _covariance(best: _Maximum, p: Floats, *, wanted: bool) -> Floats:
    covariance = np.full((len(best.basis), len(best.basis)), NAN)
    if wanted and best.basis.any():
        information = _products(best.data.x, best.data.trials * p * (1.0 - p))
        try:
            inverse = np.linalg.inv(information)
        except np.linalg.LinAlgError:  # the fit did not converge
            inverse = np.linalg.pinv(information, hermitian=True)
        covariance[np.ix_(best.basis, best.basis)] = inverse
    return covariance


def _why(is_converged: bool, aliased: Sequence[str], groups: Sequence[str]) -> str:
    if groups:
        return f"all answers are the same: {_listed(groups)}"
    if not is_converged:
        return "the fit did not converge"
    return f"the other columns already determine {_listed(aliased)}" if aliased else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
    return "; ".join(names[:N_NAMED]) + more


def _nothing(names: Sequence[str], reason: str) -> LogitFit:
    k = len(names)
    empty = np.zeros(0)
    return LogitFit(
        list(names), np.full(k, NAN), np.full((k, k), NAN), empty, empty.astype(bool), NAN, NAN, 0, 0, [], [], reason
    )
