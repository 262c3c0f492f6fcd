"""What lies between people, items and countries in a fitted mixed model, with intervals by the delta method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtri

from analysis.stats.mixed import MixedFit
from analysis.stats.observations import Floats
from analysis.stats.variance_shares import latent_shares, median_odds_ratio, probability_variances, r_squared

NAN = float("nan")
FIXED = "fixed"
MIN_LEVELS = 10
STEP = 1e-5
NEAR_ZERO = 1e-3  # a share this near to its end has no interval on the logit scale
WIDEST_SD = 100.0  # in logits; with a tenth of it all answers of a person, or about an item, are alike already
TOO_WIDE = f"the answers do not bound it: the interval would reach beyond {WIDEST_SD:.0f} logits"
AT_ZERO = "estimated at zero, or at its end, where there is no interval"
FEW_LEVELS = f"fewer than {MIN_LEVELS} levels: no interval"
POINT_ONLY = "at the mean of the fixed part, without interval"
COLUMNS = ["quantity", "part", "estimate", "ci_low", "ci_high", "n_levels", "reason"]


class Model(NamedTuple):
    """What the quantities are functions of: coefficients and standard deviations, and where the answers lie."""

    fit: MixedFit
    matrix: Floats
    trials: Floats


def variance_rows(model: Model, level: float = 0.95) -> list[dict[str, Any]]:
    """Describe the spread of a model's random effects.

    Parameters
    ----------
    model : Model
        A fit of intercepts only, its design matrix (patterns x columns) and the answers per pattern. Where the fit
        carries one that is adjusted for bias, all but `sd_unadjusted` is read off that.
    level : float
        Confidence level.

    Returns
    -------
    list of dict
        `COLUMNS`: per random effect its `sd` on the logit scale, `sd_unadjusted` as it was before the adjustment, its
        `latent_share`, `probability_share` and `median_odds_ratio`; the single answer's shares; `r2_marginal` and
        `r2_conditional`.

    Notes
    -----
    Standard deviations: exp(log s +- z se / s), and the median odds ratio of both ends. Shares and R²: the delta
    method on the logit of the share, over coefficients and standard deviations together, by central differences; the
    covariates are taken as they are. No interval where an effect has fewer than ten levels, or is estimated at zero.
    The formulas of the quantities: `variance_shares`. R: performance::icc, performance::r2_nakagawa.
    """
    unadjusted = model.fit
    if not unadjusted.converged:
        return [_row("sd", name, NAN, n, reason=unadjusted.reason) for name, n in unadjusted.n_levels.items()]
    fit = unadjusted.adjusted or unadjusted
    model = model._replace(fit=fit)
    z = float(ndtri((1 + level) / 2))
    rows = [row for name in fit.sd for row in _of_effect(model, name, z)]
    rows += [_of_sd(unadjusted, "sd_unadjusted", name, z) for name in unadjusted.sd]
    rows += [_share(model, "latent_share", "answer", lambda f, v: latent_shares(v)["answer"], z)]
    on_probability = probability_shares(model)
    rows += [
        _row("probability_share", part, share, fit.n_levels.get(part), reason=POINT_ONLY)
        for part, share in on_probability.items()
    ]
    rows.append(_share(model, "r2_marginal", FIXED, lambda f, v: r_squared(f, v).marginal, z))
    rows.append(_share(model, "r2_conditional", FIXED, lambda f, v: r_squared(f, v).conditional, z))
    return rows


def probability_shares(model: Model) -> dict[str, float]:
    """Share out the variance of a 0/1 answer where the fixed part is at its mean."""
    variances = {name: sd**2 for name, sd in model.fit.sd.items()}
    parts = probability_variances(float(np.average(_fixed(model, _finite(model.fit)), weights=model.trials)), variances)
    total = sum(parts.values())
    return {name: value / total for name, value in parts.items()}


def _of_effect(model: Model, name: str, z: float) -> list[dict[str, Any]]:
    sd = _of_sd(model.fit, "sd", name, z)
    reason = sd["reason"]
    ends = (sd["ci_low"], sd["ci_high"])
    low, high = (median_odds_ratio(end**2) if np.isfinite(end) else NAN for end in ends)
    share = _share(model, "latent_share", name, lambda f, v: latent_shares(v)[name], z)
    return [
        sd,
        share | {"ci_low": NAN, "ci_high": NAN, "reason": reason} if reason else share,
        _row("median_odds_ratio", name, median_odds_ratio(sd["estimate"] ** 2), sd["n_levels"], low, high, reason),
    ]


def _of_sd(fit: MixedFit, quantity: str, name: str, z: float) -> dict[str, Any]:
    """Give a fit's standard deviation with its interval on the log scale, or why it has none."""
    sd, reason, ends = fit.sd[name], _why_no_interval(fit, name), (NAN, NAN)
    if not reason:
        se = float(np.sqrt(fit.covariance[_place(fit, name), _place(fit, name)]))
        is_bounded = np.log(sd) + z * se / sd < np.log(WIDEST_SD)  # before the power, which may be beyond all numbers
        reason = "" if is_bounded else TOO_WIDE
        ends = (sd * float(np.exp(-z * se / sd)), sd * float(np.exp(z * se / sd))) if is_bounded else ends
    return _row(quantity, name, sd, fit.n_levels.get(name), *ends, reason)


def _share(
    model: Model, quantity: str, part: str, function: Callable[[float, Mapping[str, float]], float], z: float
) -> dict[str, Any]:
    """Estimate a share with its interval on the logit scale."""
    fit = model.fit
    finite = _finite(fit)
    theta = np.concatenate([fit.coef[finite], list(fit.sd.values())])

    def at(values: Floats) -> float:
        coef, sd = values[: finite.sum()], values[finite.sum() :]
        eta = model.matrix[:, finite] @ coef
        spread = float(np.average((eta - np.average(eta, weights=model.trials)) ** 2, weights=model.trials))
        return function(spread, {name: one**2 for name, one in zip(fit.sd, sd, strict=True)})

    estimate = at(theta)
    few = [name for name in fit.sd if _why_no_interval(fit, name) == FEW_LEVELS]
    if few:
        return _row(quantity, part, estimate, fit.n_levels.get(part), reason=f"{few[0]}: {FEW_LEVELS}")
    if not NEAR_ZERO < estimate < 1 - NEAR_ZERO:
        return _row(quantity, part, estimate, fit.n_levels.get(part), reason=AT_ZERO)
    places = np.concatenate([np.flatnonzero(finite), len(fit.coef) + np.arange(len(fit.sd))])
    covariance = np.nan_to_num(fit.covariance[np.ix_(places, places)])  # an effect at zero is held there
    moves = STEP * np.maximum(np.abs(theta), 1.0)
    gradient = np.array([(at(theta + step) - at(theta - step)) / (2 * step.sum()) for step in np.diag(moves)])
    se = float(np.sqrt(gradient @ covariance @ gradient)) / (estimate * (1 - estimate))
    middle = float(logit(estimate))
    return _row(
        quantity, part, estimate, fit.n_levels.get(part), float(expit(middle - z * se)), float(expit(middle + z * se))
    )


def _fixed(model: Model, finite: np.ndarray) -> Floats:
    found: Floats = model.matrix[:, finite] @ model.fit.coef[finite]
    return found


def _finite(fit: MixedFit) -> np.ndarray:
    return np.isfinite(fit.coef)


def _place(fit: MixedFit, name: str) -> int:
    return len(fit.coef) + list(fit.sd).index(name)


def _why_no_interval(fit: MixedFit, name: str) -> str:
    if name in fit.boundary:
        return AT_ZERO
    return FEW_LEVELS if fit.n_levels.get(name, MIN_LEVELS) < MIN_LEVELS else ""


def _row(
    quantity: str, part: str, estimate: float, n: int | None, low: float = NAN, high: float = NAN, reason: str = ""
) -> dict[str, Any]:
    return dict(zip(COLUMNS, (quantity, part, estimate, low, high, n, reason), strict=True))
