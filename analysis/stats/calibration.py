"""Whether a model's probabilities mean what they say: scores of every human answer, and slopes; order and persona."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.alignment.items import PairedItems
from analysis.stats.alignment.measures import NO_ITEMS
from analysis.stats.alignment.table import Columns, groups
from analysis.stats.observations import Floats
from analysis.stats.twoway import NEGLIGIBLE, require_level, t_test, twoway_se, why_no_interval

NAN = float("nan")
MODEL, BASE_RATE, UNIFORM, ALWAYS_CULTURE = "model", "base_rate", "uniform", "always_culture"
SCORES = ("brier", "log_score")
DECOMPOSED = ("brier_reliability", "brier_resolution", "brier_uncertainty", "brier_within_bins")
LINE = ("calibration_intercept", "calibration_slope", "calibration_in_the_large")
N_BINS = 10
FURTHEST = 1e-4  # probabilities nearer to 0 or 1 are scored as this
LIMITS = {
    "brier": (0.0, 1.0),
    "log_score": (0.0, -float(np.log(FURTHEST))),
    "calibration_in_the_large": (-1.0, 1.0),
}
ROUNDS, TOLERANCE = 50, 1e-10
NO_SLOPE = "the model's probability, or every human answer, is the same: there is no line to fit"
CALIBRATION_COLUMNS = ["predictor", "measure", "estimate", "se", "ci_low", "ci_high", "df", "n_items", "n_respondents",
                       "n_human_answers", "n_clipped", "reason"]  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """One number of one predictor, with its two-way interval."""

    predictor: str
    measure: str
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    df: float
    reason: str


def calibration_table(
    human: pd.DataFrame, predictions: pd.DataFrame, columns: Columns, *, level: float = 0.95
) -> pd.DataFrame:
    """Score every model's probabilities by people's answers, in every setting (see `calibrate`)."""
    require_level(level)
    rows: list[dict[str, Any]] = []
    for group in groups(human, predictions, columns):
        pairs = group.pairs
        sizes = {
            "n_items": pairs.n_items,
            "n_respondents": pairs.answers.n_respondents,
            "n_human_answers": len(pairs.answers.value),
            "n_clipped": int((np.abs(probabilities(pairs) - 0.5) > 0.5 - FURTHEST).sum()),
        }
        rows += [{**group.labels, **asdict(found), **sizes} for found in calibrate(pairs, level)]
    return pd.DataFrame(rows, columns=[columns.question, *columns.by, *CALIBRATION_COLUMNS])


def probabilities(pairs: PairedItems) -> Floats:
    """Give the model's probability per item; a share of k samples is drawn in to (k m + 1/2) / (k + 1)."""
    m, k = pairs.model_rate, pairs.n_model
    forecast: Floats = m if pairs.is_exact else (k * m + 0.5) / (k + 1)
    return forecast


def calibrate(pairs: PairedItems, level: float = 0.95) -> list[Scored]:
    """Score the model's probabilities, decompose the Brier score and fit the calibration line.

    Notes
    -----
    Over all answers y of people, each with the model's probability f of its item: Brier score mean (f - y)²; log score
    mean of -log of what f gave to the answer, in nats, f held within 0.0001 of 0 and 1 (`n_clipped` items are). Beside:
    the people's own mean rate as the forecast of every item, a half, and always the culture. Lower is better.

    Decomposition over bins of equal f, or ten bins of equal numbers of items where there are more values: reliability
    Σ w (f̄ - ȳ)² (how far what is said is from what happens), resolution Σ w (ȳ - ȳ_all)², uncertainty ȳ_all (1 -
    ȳ_all), and what is left within bins; Brier = reliability - resolution + uncertainty + within. Few answers bias
    reliability and resolution upwards.

    Calibration line: logit P(y = 1) = a + b logit f by maximum likelihood; b = 1 and a = 0 where probabilities mean
    what they say, b < 1 where they are too extreme. In the large: mean (f - y). Noise of few samples pulls b towards
    0. All errors two-way by respondent and item; the decomposition's parts have none of their own.

    References
    ----------
    Murphy (1973), J. Appl. Meteorol. 12, 595-600; Stephenson et al. (2008), Weather and Forecasting 23, 752-757
    (within bins). Cox (1958), Biometrika 45, 562-565 (the line). R: `glm(y ~ qlogis(f), binomial)` with
    `sandwich::vcovCL(~ respondent + item)`, HC0; `verification::brier`.
    """
    if pairs.n_items == 0:
        names = [(who, name) for who in (MODEL, BASE_RATE, UNIFORM, ALWAYS_CULTURE) for name in SCORES]
        names += [(MODEL, name) for name in (*DECOMPOSED, *LINE)]
        return [Scored(who, name, NAN, NAN, NAN, NAN, NAN, NO_ITEMS) for who, name in names]
    y, item = pairs.answers.value, pairs.answers.item
    f = probabilities(pairs)[item]
    forecasts = {
        MODEL: f,
        BASE_RATE: np.full_like(y, y.mean()),
        UNIFORM: np.full_like(y, 0.5),
        ALWAYS_CULTURE: np.ones_like(y),
    }
    found = []
    for who, forecast in forecasts.items():
        found.append(_mean(pairs, who, "brier", (forecast - y) ** 2, level))
        found.append(_mean(pairs, who, "log_score", _surprise(forecast, y), level))
    parts = decompose(probabilities(pairs), pairs)
    found += [Scored(MODEL, name, parts[name], NAN, NAN, NAN, NAN, "") for name in DECOMPOSED]
    found += _line(pairs, f, level)
    found.append(_mean(pairs, MODEL, "calibration_in_the_large", f - y, level))
    return found


def decompose(forecast: Floats, pairs: PairedItems) -> dict[str, float]:
    """Split the Brier score into reliability, resolution, uncertainty and what is left within bins."""
    n, p = pairs.n_human, pairs.human_rate
    distinct = np.unique(forecast)
    if len(distinct) <= N_BINS:
        bins = np.searchsorted(distinct, forecast)
    else:
        order = np.argsort(np.argsort(forecast, kind="stable"), kind="stable")
        bins = order * N_BINS // len(forecast)
    weight = np.bincount(bins, n, N_BINS)
    used = weight > 0
    share = weight[used] / n.sum()
    said = np.bincount(bins, n * forecast, N_BINS)[used] / weight[used]
    happened = np.bincount(bins, n * p, N_BINS)[used] / weight[used]
    overall = float(n @ p / n.sum())
    brier = float(n @ ((forecast - p) ** 2 + p * (1 - p)) / n.sum())
    reliability = float(share @ (said - happened) ** 2)
    resolution = float(share @ (happened - overall) ** 2)
    uncertainty = overall * (1 - overall)
    return {
        "brier_reliability": reliability,
        "brier_resolution": resolution,
        "brier_uncertainty": uncertainty,
        "brier_within_bins": brier - (reliability - resolution + uncertainty),
    }


def _surprise(forecast: Floats, y: Floats) -> Floats:
    held = np.clip(forecast, FURTHEST, 1 - FURTHEST)
    surprise: Floats = -np.log(np.where(y > 0.5, held, 1 - held))
    return surprise


def _mean(pairs: PairedItems, who: str, name: str, values: Floats, level: float) -> Scored:
    estimate = float(values.mean())
    return _tested(pairs, who, name, estimate, (values - estimate) / len(values), level)


def _line(pairs: PairedItems, f: Floats, level: float) -> list[Scored]:
    y = pairs.answers.value
    held = np.clip(f, FURTHEST, 1 - FURTHEST)
    x = np.column_stack([np.ones_like(held), np.log(held / (1 - held))])
    if np.ptp(x[:, 1]) <= NEGLIGIBLE or np.ptp(y) <= NEGLIGIBLE:
        return [Scored(MODEL, name, NAN, NAN, NAN, NAN, NAN, NO_SLOPE) for name in LINE[:2]]
    beta, fitted = fit_logit(x, y)
    if not np.isfinite(beta).all():
        return [Scored(MODEL, name, NAN, NAN, NAN, NAN, NAN, "the model separates the answers") for name in LINE[:2]]
    information = x.T @ (x * (fitted * (1 - fitted))[:, None])
    influence = (x * (y - fitted)[:, None]) @ np.linalg.inv(information)
    return [_tested(pairs, MODEL, LINE[at], float(beta[at]), influence[:, at], level) for at in (0, 1)]


def fit_logit(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Fit a logistic regression by Newton's method; NaN where it does not settle."""
    beta = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        fitted = 1 / (1 + np.exp(-np.clip(x @ beta, -35, 35)))
        hessian = x.T @ (x * (fitted * (1 - fitted))[:, None])
        if np.linalg.cond(hessian) > 1 / NEGLIGIBLE:
            break
        step = np.linalg.solve(hessian, x.T @ (y - fitted))
        beta = beta + step
        if np.abs(step).max() < TOLERANCE:
            return beta, fitted
    return np.full(x.shape[1], NAN), y


def _tested(pairs: PairedItems, who: str, name: str, estimate: float, influence: Floats, level: float) -> Scored:
    answers = pairs.answers
    se = twoway_se(influence, answers.respondent, answers.item).twoway
    reason = why_no_interval(se, answers.n_respondents, pairs.n_items)
    if reason:
        return Scored(who, name, estimate, NAN, NAN, NAN, NAN, reason)
    df = min(answers.n_respondents, pairs.n_items) - 1
    test = t_test(estimate, se, df, level)
    least, most = LIMITS.get(name, (-np.inf, np.inf))
    return Scored(who, name, estimate, se, max(test.ci_low, least), min(test.ci_high, most), df, "")
