"""What moves a model's answers that should not, or should: the order of the options, and the persona."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.alignment.items import model_rates
from analysis.stats.observations import Codes, Floats, codes, count_used, require
from analysis.stats.twoway import NEGLIGIBLE, require_level, t_test, twoway_se, why_no_interval

NAN = float("nan")
ORDER_COLUMNS = ["estimate", "se", "ci_low", "ci_high", "df", "p_value", "n_items", "reason"]
STEER_COLUMNS = ["measure", *ORDER_COLUMNS[:6], "n_items", "n_respondents", "n_human_answers", "reason"]
ONE_ORDER = "no item was answered in both orders"
NO_OVERLAP = "no answer of people meets a persona of their own group"
NO_NOISE_KNOWN = "each persona answered once: its noise cannot be told from its effect"
NO_STEER = "personas differ no more than by chance"


def order_bias(
    predictions: pd.DataFrame,
    *,
    item: str,
    order: str,
    first: str,
    second: str,
    value: str,
    by: Sequence[str],
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate by how much a model's rate is higher when the culture stands first, over the items asked both ways.

    Parameters
    ----------
    predictions : DataFrame
        One answer per row; `value` is a 0/1 answer or a probability.
    order, first, second : str
        Column of the order, and its levels: the culture first, the preference first.
    by : sequence of str
        Columns that name the model, question and setting.

    Returns
    -------
    DataFrame
        `by`, then `ORDER_COLUMNS`.

    Notes
    -----
    Mean over items of rate(first) - rate(second), t with items - 1 degrees of freedom. R: t.test(paired = TRUE).
    """
    require_level(level)
    require(predictions, [item, order, value, *by])
    rows = []
    for key, group in predictions.groupby(list(by), dropna=False, observed=True):
        answered = group[group[value].notna()]
        sides = [
            answered.loc[answered[order] == name].astype({value: float}).groupby(item, observed=True)[value].mean()
            for name in (first, second)
        ]
        difference = (sides[0] - sides[1]).dropna().to_numpy(float)
        rows.append({**dict(zip(by, key, strict=True)), **_paired(difference, level)})
    return pd.DataFrame(rows, columns=[*by, *ORDER_COLUMNS])


def _paired(difference: np.ndarray, level: float) -> dict[str, Any]:
    n = len(difference)
    nothing = dict.fromkeys(ORDER_COLUMNS, NAN) | {"n_items": n, "reason": ONE_ORDER}
    if n == 0:
        return nothing
    estimate = float(difference.mean())
    if n < 2 or difference.std() <= NEGLIGIBLE:
        return nothing | {"estimate": estimate, "reason": "fewer than two items" if n < 2 else "the same on every item"}
    se = float(difference.std(ddof=1) / np.sqrt(n))
    test = t_test(estimate, se, n - 1, level, most=1.0)
    return {"estimate": estimate, "se": se, "ci_low": test.ci_low, "ci_high": test.ci_high, "df": n - 1,
            "p_value": test.p_value, "n_items": n, "reason": ""}  # fmt: skip


def steerability(
    human: pd.DataFrame,
    personas: pd.DataFrame,
    *,
    item: str,
    respondent: str,
    human_value: str,
    model_value: str,
    group: Sequence[str],
    order: str | None = None,
    is_exact: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Ask whether people differ by group as a model's personas of these groups do, within items.

    Parameters
    ----------
    human, personas : DataFrame
        People's answers to one question, and one model's answers as personas; `group` names columns of both.

    Returns
    -------
    DataFrame
        `STEER_COLUMNS`: the slope as it is (`slope_plain`) and corrected for the noise of personas (`slope`).

    Notes
    -----
    y = α_item + β m_{item, own group} + ε over people's answers: how far people of a group deviate from the item's
    mean per unit that its persona does. β = 1: personas move as people do; β < 1: they exaggerate; β = 0: they move
    elsewhere. With x the persona's rate less its mean over the item's answers, β = Σ x y / (Σ x² - Σ noise), noise the
    sampling variance of a persona's rate less what the item's mean takes up of it (errors in variables; 0 for
    probabilities). Two-way errors from x ε + noise β over the denominator.
    What is left of the denominator varies, and one over it more so upwards than downwards: the ratio as it is leans
    away from zero by its squared coefficient of variation. Beale's ratio takes that away, with the variances of the
    sums over items: β (1 + c_xy / (Σ x y · D)) / (1 + v_D / D²), D the denominator.

    References
    ----------
    Santurkar et al. (2023), OpinionQA (steerability). Fuller (1987), Measurement Error Models, sections 1.2 and 2.5
    (the lean of small samples). Beale (1962), Some uses of computers in operational research, Industrielle
    Organisation 31, 27-28; Cochran (1977), Sampling Techniques, 6.15 (ratios without the lean). R:
    `lm(y ~ m + factor(item))` with `sandwich::vcovCL(~ respondent + item)` for the plain slope.
    """
    require_level(level)
    rates = model_rates(personas, model_value, [*group, item], order=order, is_exact=is_exact).reset_index()
    answered = human[human[human_value].notna()]
    joined = answered.merge(rates, on=[item, *group], how="inner")
    if joined.empty:
        return _steer_rows(dict.fromkeys(("slope_plain", "slope"), NO_OVERLAP))
    met = _meet(joined, item, respondent, human_value, list(group))
    is_known = is_exact or bool((joined["n"] >= 2).all())
    plain = _slope("slope_plain", met._replace(noise=np.zeros_like(met.noise)), level)
    if is_known:
        return pd.DataFrame([plain, _slope("slope", met, level)], columns=STEER_COLUMNS)
    unknown = dict.fromkeys(STEER_COLUMNS, NAN) | _sizes(met) | {"measure": "slope", "reason": NO_NOISE_KNOWN}
    return pd.DataFrame([plain, unknown], columns=STEER_COLUMNS)


class _Met(NamedTuple):
    """People's answers beside their own group's persona: deviations from the item's mean, and the persona's noise."""

    person: Codes
    item: Codes
    human: Floats
    persona: Floats
    noise: Floats


def _meet(joined: pd.DataFrame, item: str, respondent: str, value: str, group: list[str]) -> _Met:
    item_code, person = codes(joined, [item]), codes(joined, [respondent])
    n = np.bincount(item_code).astype(float)
    human, persona = (
        rows - (np.bincount(item_code, rows) / n)[item_code]
        for rows in (joined[value].to_numpy(float), joined["rate"].to_numpy(float))
    )
    return _Met(person, item_code, human, persona, _noise_of_deviation(joined, item_code, group, n))


def _sizes(met: _Met) -> dict[str, int]:
    return {
        "n_items": count_used(met.item), "n_respondents": count_used(met.person), "n_human_answers": len(met.human),
    }  # fmt: skip


def _slope(measure: str, met: _Met, level: float) -> dict[str, Any]:
    """Estimate the slope of people's deviations on their personas'."""
    sizes, x = _sizes(met), met.persona
    row = dict.fromkeys(STEER_COLUMNS, NAN) | sizes | {"measure": measure, "reason": ""}
    denominator = float(x @ x - met.noise.sum())
    if denominator <= max(NEGLIGIBLE, 0.02 * float(x @ x)):
        return row | {"reason": NO_STEER}
    slope = float(x @ met.human) / denominator
    influence = (x * (met.human - slope * x) + slope * met.noise) / denominator
    se = twoway_se(influence, met.person, met.item).twoway
    if met.noise.any():
        top, bottom = (np.bincount(met.item, rows) for rows in (x * met.human, x * x - met.noise))
        slope = _without_lean(top.astype(float), bottom.astype(float))
    reason = why_no_interval(se, sizes["n_respondents"], sizes["n_items"])
    if reason:
        return row | {"estimate": slope, "reason": reason}
    df = min(sizes["n_respondents"], sizes["n_items"]) - 1
    test = t_test(slope, se, df, level)
    interval = {"se": se, "ci_low": test.ci_low, "ci_high": test.ci_high, "df": df, "p_value": test.p_value}
    return row | {"estimate": slope} | interval


def _without_lean(top: Floats, bottom: Floats) -> float:
    """Give the ratio of two sums over items by Beale's formula; the plain ratio where there is one item."""
    n, sums = len(top), (float(top.sum()), float(bottom.sum()))
    if n < 2 or sums[0] == 0:
        return sums[0] / sums[1]
    covariance = n * np.cov(top, bottom)
    lean = 1 + covariance[0, 1] / (sums[0] * sums[1]), 1 + covariance[1, 1] / sums[1] ** 2
    return float(sums[0] / sums[1] * lean[0] / lean[1])


def _noise_of_deviation(joined: pd.DataFrame, item: np.ndarray, group: list[str], n: np.ndarray) -> np.ndarray:
    """Give the variance that sampling adds to a persona's deviation from the item's mean over people's answers.

    With shares s_g of an item's answers and variances v_g: v_g (1 - 2 s_g) + Σ s_h² v_h.
    """
    cell = codes(joined.assign(_item=item), ["_item", *group])
    share = np.bincount(cell)[cell] / n[item]
    v = joined["variance"].to_numpy(float)
    # Σ_h s_h² v_h over groups is Σ over answers of s v / n
    mixed = np.bincount(item, share * v / n[item])
    return np.asarray(v * (1 - 2 * share) + mixed[item])


def _steer_rows(reasons: dict[str, str]) -> pd.DataFrame:
    rows = [dict.fromkeys(STEER_COLUMNS, NAN) | {"measure": name, "reason": why} for name, why in reasons.items()]
    return pd.DataFrame(rows, columns=STEER_COLUMNS)
