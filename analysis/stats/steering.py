"""What moves a model's answers that should not, or should: the order of the options, and the persona."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.stats.alignment.items import model_rates
from analysis.stats.observations import codes, require
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
    test = t_test(estimate, se, n - 1, level)
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

    References
    ----------
    Santurkar et al. (2023), OpinionQA (steerability). Fuller (1987), Measurement Error Models, section 1.2. R:
    `lm(y ~ m + factor(item))` with `sandwich::vcovCL(~ respondent + item)` for the plain slope.
    """
    require_level(level)
    rates = _persona_rates(personas, item, model_value, list(group), order, is_exact)
    answered = human[human[human_value].notna()]
    joined = answered.merge(rates, on=[item, *group], how="inner")
    if joined.empty:
        return _steer_rows(dict.fromkeys(("slope_plain", "slope"), NO_OVERLAP))
    item_code, person = codes(joined, [item]), codes(joined, [respondent])
    y, m = joined[human_value].to_numpy(float), joined["rate"].to_numpy(float)
    n = np.bincount(item_code).astype(float)
    x = m - (np.bincount(item_code, m) / n)[item_code]
    e = y - (np.bincount(item_code, y) / n)[item_code]
    noise = _noise_of_deviation(joined, item_code, list(group), n)
    rows = []
    for name, taken in (("slope_plain", np.zeros_like(noise)), ("slope", noise)):
        is_known = name == "slope_plain" or is_exact or bool((joined["n"] >= 2).all())
        denominator = float(x @ x - taken.sum())
        sizes = {"n_items": len(n), "n_respondents": len(np.unique(person)), "n_human_answers": len(y)}
        row = dict.fromkeys(STEER_COLUMNS, NAN) | sizes | {"measure": name, "reason": ""}
        if not is_known or denominator <= max(NEGLIGIBLE, 0.02 * float(x @ x)):
            rows.append(row | {"reason": NO_STEER if is_known else NO_NOISE_KNOWN})
            continue
        beta = float(x @ e) / denominator
        influence = (x * (e - beta * x) + beta * taken) / denominator
        se = twoway_se(influence, person, item_code).twoway
        reason = why_no_interval(se, sizes["n_respondents"], len(n))
        if reason:
            rows.append(row | {"estimate": beta, "reason": reason})
            continue
        df = min(sizes["n_respondents"], len(n)) - 1
        test = t_test(beta, se, df, level)
        rows.append(
            row | {"estimate": beta, "se": se, "ci_low": test.ci_low, "ci_high": test.ci_high, "df": df,
                   "p_value": test.p_value}
        )  # fmt: skip
    return pd.DataFrame(rows, columns=STEER_COLUMNS)


def _persona_rates(
    personas: pd.DataFrame, item: str, value: str, group: list[str], order: str | None, is_exact: bool
) -> pd.DataFrame:
    parts = []
    for key, rows in personas.groupby(group, observed=True):
        rates = model_rates(rows, value, item, order=order, is_exact=is_exact).reset_index()
        labels: Any = dict(zip(group, key, strict=True))
        parts.append(rates.assign(**labels))
    if not parts:
        return pd.DataFrame(columns=[item, *group, "rate", "n", "variance"])
    return pd.concat(parts, ignore_index=True)


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
