"""Fit a logistic mixed model with crossed random effects; say why where that is impossible."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc
from threadpoolctl import threadpool_limits

from analysis.stats.glm import LogitFit, fit_terms
from analysis.stats.mixed.adjusted import Adjusted, adjust
from analysis.stats.mixed.laplace import Laplace, NotFound
from analysis.stats.mixed.layout import RandomTerm
from analysis.stats.mixed.maximise import Maximum, approach, as_it_is, settle
from analysis.stats.observations import Codes, Floats
from analysis.stats.terms import Patterns, Term, design

NAN = float("nan")
START_SD = 0.7
MORE_SD = 0.2  # of a term that the fit to begin from does not have: what is added is mostly small
NO_SD = 1e-2  # a smaller standard deviation of logits is taken as none
MAX_SD = 15.0
MAX_DENSE = 6000  # levels of all factors but the largest
LARGE = 50_000  # answers, from which on standard errors come from half as many evaluations


@dataclass(frozen=True)
class MixedFit:
    """A fitted mixed model. What cannot be estimated is NaN or left out; `reason` says why.

    `covariance` is that of the coefficients in `names`, then of the standard deviations in `sd` (NaN for one that
    is 0: `boundary` names those). `converged` is False where the numbers should not be used. `adjusted` is the same fit
    with standard deviations freed of their bias, where that was asked for and could be done.
    """

    names: list[str]
    coef: Floats
    covariance: Floats
    sd: dict[str, float]
    log_likelihood: float
    n: int
    n_levels: dict[str, int]
    n_evaluations: int
    boundary: list[str]
    reason: str
    aliased: list[str] = field(default_factory=list)
    adjusted: "MixedFit | None" = None

    @property
    def converged(self) -> bool:
        return bool(np.isfinite(self.log_likelihood))

    @property
    def se(self) -> Floats:
        """The standard errors of the coefficients."""
        diagonal: Floats = np.sqrt(np.diag(self.covariance)[: len(self.names)])
        return diagonal

    @property
    def n_parameters(self) -> int:
        """Count the coefficients and standard deviations that were estimated."""
        return int(np.isfinite(self.coef).sum()) + len(self.sd)

    @property
    def aic(self) -> float:
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    def of(self, name: str) -> float:
        """Give the coefficient of a column."""
        return float(self.coef[self.names.index(name)])


class _Found(NamedTuple):
    """A maximum, the likelihood it is of, and the terms that it has."""

    laplace: Laplace
    kept: list[RandomTerm]
    maximum: Maximum
    n_evaluations: int


def fit_mixed(
    patterns: Patterns,
    terms: Sequence[Term],
    value: Floats,
    random: Sequence[RandomTerm],
    start: MixedFit | None = None,
    *,
    with_errors: bool = True,
    with_adjusted: bool = False,
) -> MixedFit:
    """Fit a logit with fixed terms and independent normal random effects by Laplace's approximation.

    Parameters
    ----------
    patterns : Patterns
        The covariates of the fixed terms, counted from the same answers.
    terms : sequence of tuple of str
        The fixed terms.
    value : array (answers,)
        The 0/1 answers, in the order of `patterns.pattern`.
    random : sequence of RandomTerm
        Effects per level of a factor: intercepts and slopes, of two or more factors that may cross. Slopes are
        uncorrelated with intercepts.
    start : MixedFit, optional
        A fit to begin from, of a larger or smaller model of the same answers.
    with_errors : bool
        False where only the likelihood is wanted, in a fifth of the time; the covariance is then NaN.
    with_adjusted : bool
        Whether the standard deviations are wanted without bias, too, and with intervals that hold: see `adjusted`.

    Returns
    -------
    MixedFit

    Notes
    -----
    Maximises the Laplace approximation over coefficients and standard deviations together; see `Laplace` for the
    formulas. The factor with the most levels is eliminated in blocks, all others stay in a dense Schur complement:
    time grows with the answers, and with the square of the other factors' levels times the levels eliminated.
    Covariance: the inverse of the full Hessian, by differences of the analytic gradient. A standard deviation
    below 0.01 logits is set to 0 and its term left out of the final fit.

    References
    ----------
    Baayen, Davidson & Bates (2008), Journal of Memory and Language 59, 390-412; Skaug & Fournier (2006),
    Computational Statistics & Data Analysis 51, 699-709. R: `glmmTMB::glmmTMB(y ~ x + (1 | a) + (1 | b), family =
    binomial)`, and `lme4::glmer` with `nAGQ = 1`; slopes as `(1 | a) + (0 + z | a)`.
    """
    plain = fit_terms(patterns, terms)
    if reason := _why_not(plain, random):
        return _nothing(plain, random, reason)
    columns = np.flatnonzero(np.isfinite(plain.coef))
    x = design(patterns, terms).matrix[:, columns]
    # Two threads that wait for each other at small matrices take many times as long as one.
    with threadpool_limits(1):
        try:
            found = _fit(value, x, patterns, list(random), _start(plain, columns, random, start), with_errors)
        except NotFound as error:
            return _nothing(plain, random, str(error))
        return _told(plain, columns, random, found, with_adjusted=with_adjusted and with_errors)


def likelihood_ratio_p(full: MixedFit, reduced: MixedFit, df: int) -> tuple[float, float]:
    """Give the likelihood-ratio statistic and its chi-square p-value for `df` fixed coefficients less."""
    statistic = max(2.0 * (full.log_likelihood - reduced.log_likelihood), 0.0)
    return statistic, float(chdtrc(df, statistic)) if df > 0 and np.isfinite(statistic) else NAN


def _fit(
    value: Floats, x: Floats, patterns: Patterns, random: list[RandomTerm], first: Floats, with_errors: bool
) -> _Found:
    """Fit, and fit again without the terms whose standard deviation comes out as 0."""
    k, n_evaluations = x.shape[1], 0
    while True:
        laplace = Laplace(value, x, patterns.pattern, random)
        point = laplace.evaluate(first)
        point = approach(laplace.evaluate, point, laplace.information(first))
        n_evaluations += laplace.n_evaluations
        is_something = np.abs(point.parameters[k:]) > NO_SD
        if np.abs(point.parameters[k:]).max() > MAX_SD:
            widest = random[int(np.abs(point.parameters[k:]).argmax())].name
            raise NotFound(f"the differences between levels of {widest} grow without end")
        if is_something.all() or len(random) == 1:
            before = laplace.n_evaluations
            information = laplace.information(point.parameters)
            if with_errors:
                maximum = settle(laplace.evaluate, point, information, is_large=len(value) >= LARGE)
            else:
                maximum = as_it_is(point, information)
            return _Found(laplace, random, maximum, n_evaluations + laplace.n_evaluations - before)
        random = [term for term, kept in zip(random, is_something, strict=True) if kept] or random[:1]
        kept_sd = np.abs(point.parameters[k:])[is_something]
        first = np.concatenate([point.parameters[:k], kept_sd if len(kept_sd) else [START_SD]])


def _start(plain: LogitFit, columns: Codes, random: Sequence[RandomTerm], start: MixedFit | None) -> Floats:
    coef, sd = plain.coef[columns].copy(), np.full(len(random), START_SD)
    if start is not None and start.converged:
        # What the other fit does not have begins at none: the plain fit's value belongs to the plain fit's intercept.
        known = dict(zip(start.names, start.coef, strict=True))
        coef = np.nan_to_num(np.array([known.get(plain.names[column], 0.0) for column in columns]))
        sd = np.array([max(start.sd.get(term.name, MORE_SD), 0.1) for term in random])
    return np.concatenate([coef, sd])


def _why_not(plain: LogitFit, random: Sequence[RandomTerm]) -> str:
    if not plain.n:
        return "no answers"
    if plain.separated or not np.isfinite(plain.coef).any():
        return plain.reason
    few = [term.factor for term in random if term.n_levels < 2]
    if few:
        return f"fewer than two levels of {few[0]}"
    sizes = sorted({term.factor: term.n_levels for term in random}.values())
    if sum(sizes[:-1]) > MAX_DENSE:
        return f"more than {MAX_DENSE} levels beside the largest factor"
    return ""


def _told(
    plain: LogitFit, columns: Codes, random: Sequence[RandomTerm], found: _Found, *, with_adjusted: bool
) -> MixedFit:
    """Read the fit off the maximum, and the adjusted one where it is wanted and every effect is something."""
    if not found.maximum.is_converged:
        return _nothing(plain, random, "the fit did not converge")
    k = len(columns)
    maximum = _at_maximum(found, k)
    fit = _finish(plain, columns, random, found, maximum)
    if not with_adjusted or maximum.parameters[k:].min() <= NO_SD:
        return fit
    better = adjust(found.laplace, *maximum)
    return fit if better is None else replace(fit, adjusted=_finish(plain, columns, random, found, better))


def _at_maximum(found: _Found, k: int) -> Adjusted:
    """Give the maximum with its covariance, standard deviations positive: the likelihood does not know their sign."""
    parameters = found.maximum.point.parameters
    signs = np.ones(len(parameters))
    signs[k:] = np.where(parameters[k:] < 0, -1.0, 1.0)
    return Adjusted(signs * parameters, np.linalg.inv(found.maximum.curvature) * np.outer(signs, signs))


def _finish(
    plain: LogitFit, columns: Codes, random: Sequence[RandomTerm], found: _Found, numbers: Adjusted
) -> MixedFit:
    """Put the numbers of the columns and terms that were fitted among all."""
    k, n_all = len(columns), len(plain.names)
    parameters, names = numbers.parameters, [term.name for term in random]
    place = [*columns, *(n_all + names.index(term.name) for term in found.kept)]
    sd = dict.fromkeys(names, 0.0)
    sd |= {term.name: float(one) for term, one in zip(found.kept, parameters[k:], strict=True)}
    coef = np.full(n_all, NAN)
    coef[columns] = parameters[:k]
    covariance = np.full((n_all + len(random),) * 2, NAN)
    covariance[np.ix_(place, place)] = numbers.covariance
    boundary = [name for name, one in sd.items() if one <= NO_SD]
    for name in boundary:
        sd[name] = 0.0
    return MixedFit(
        plain.names, coef, covariance, sd, -found.maximum.point.value, plain.n, _levels(random), found.n_evaluations,
        boundary, plain.reason, plain.aliased,
    )  # fmt: skip


def _levels(random: Sequence[RandomTerm]) -> dict[str, int]:
    return {term.factor: term.n_levels for term in random}


def _nothing(plain: LogitFit, random: Sequence[RandomTerm], reason: str) -> MixedFit:
    k = len(plain.names)
    size = k + len(random)
    nothing = {term.name: NAN for term in random}
    return MixedFit(
        plain.names, np.full(k, NAN), np.full((size, size), NAN), nothing, NAN, plain.n, _levels(random), 0, [], reason
    )
