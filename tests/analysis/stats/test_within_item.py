"""Conditional logistic regression against R's clogit, statsmodels and enumeration."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.discrete.conditional_models import ConditionalLogit

from analysis.stats import within_item
from analysis.stats.observations import codes
from analysis.stats.terms import count_patterns, design
from analysis.stats.within_item import conditional_logit

MAIN = [
    "country_relation", "respondent_country", "respondent_age_bucket", "respondent_gender", "receiver_age",
    "receiver_gender",
]  # fmt: skip


def columns(frame: pd.DataFrame, variables: list[str]) -> tuple[np.ndarray[Any, Any], list[str]]:
    patterns = count_patterns(frame, value="culture", variables=variables)
    found = design(patterns, [(name,) for name in variables])
    return found.matrix[patterns.pattern, 1:], found.names[1:]


@pytest.mark.parametrize(("stratum", "key"), [("scenario_item_id", "item"), ("respondent_id", "respondent")])
def test_conditional_logit_equals_clogit_in_r(
    stratum: str, key: str, personal: pd.DataFrame, r_reference: dict[str, Any]
) -> None:
    x, names = columns(personal, MAIN)
    found = conditional_logit(personal["culture"].to_numpy(float), x, names, codes(personal, [stratum]))
    r = r_reference[f"clogit_strata_{key}"]
    expected = {name: name.replace("country_relation", "").replace("[", "").replace("]", "") for name in names}
    estimated = [name for name in names if expected[name] in r["coef"]]
    assert [name for name, coef in zip(names, found.coef, strict=True) if np.isfinite(coef)] == estimated
    kept = np.isfinite(found.coef)
    np.testing.assert_allclose(found.coef[kept], [r["coef"][expected[name]] for name in estimated], atol=3e-6)
    np.testing.assert_allclose(found.se[kept], [r["se"][expected[name]] for name in estimated], rtol=1e-6)
    assert found.is_exact


def test_conditional_logit_equals_statsmodels(personal: pd.DataFrame) -> None:
    rate = personal.groupby("scenario_item_id")["culture"].transform("mean")
    few = personal[(personal["scenario_item_id"] < "item_040") & rate.between(0.01, 0.99)].reset_index(drop=True)
    x, names = columns(few, ["respondent_age_bucket", "respondent_gender"])
    found = conditional_logit(few["culture"].to_numpy(float), x, names, codes(few, ["scenario_item_id"]))
    other = ConditionalLogit(few["culture"].to_numpy(), x, groups=few["scenario_item_id"].to_numpy()).fit(disp=False)
    np.testing.assert_allclose(found.coef, other.params, atol=3e-4)
    np.testing.assert_allclose(found.se, other.bse, rtol=1e-3)


def test_conditional_logit_is_the_maximum_over_all_sets_of_answers() -> None:
    rng = np.random.default_rng(7)
    stratum = np.repeat(np.arange(6), [4, 5, 5, 6, 7, 8])
    x, value = rng.normal(size=(35, 1)), rng.integers(0, 2, 35).astype(float)

    def likelihood(beta: float) -> float:
        total = 0.0
        for number in range(6):
            own, chosen = x[stratum == number, 0], value[stratum == number] == 1
            sets = combinations(range(len(own)), int(chosen.sum()))
            total += beta * own[chosen].sum() - np.log(sum(np.exp(beta * own[list(one)].sum()) for one in sets))
        return total

    found = conditional_logit(value, x, ["x"], stratum)
    best = float(found.coef[0])
    assert likelihood(best) >= max(likelihood(best + 1e-3), likelihood(best - 1e-3))
    curvature = (likelihood(best + 1e-3) - 2 * likelihood(best) + likelihood(best - 1e-3)) / 1e-6
    assert found.se[0] == pytest.approx((-curvature) ** -0.5, rel=1e-4)


def test_conditional_logit_of_large_strata_has_an_intercept_each(
    personal: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, names = columns(personal, ["respondent_age_bucket"])
    value, person = personal["culture"].to_numpy(float), codes(personal, ["respondent_country"])
    monkeypatch.setattr(within_item, "MAX_EXACT", 3000)
    exact = conditional_logit(value, x, names, person)
    monkeypatch.setattr(within_item, "MAX_EXACT", 300)
    plain = conditional_logit(value, x, names, person)
    assert (exact.is_exact, plain.is_exact) == (True, False)
    assert plain.coef[0] == pytest.approx(exact.coef[0], rel=2e-3)
    assert plain.se[0] == pytest.approx(exact.se[0], rel=2e-3)


@pytest.mark.parametrize(
    ("value", "x", "reason"),
    [
        ([1, 1, 0, 0], [0, 1, 0, 1], "in every item all answers are the same"),
        ([1, 0, 1, 0], [0, 0, 1, 1], "nothing varies within an item"),
        ([1, 0, 1, 0], [1, 0, 1, 0], "within items all answers of a group are the same"),
    ],
)
def test_conditional_logit_says_why_it_cannot_estimate(value: list[float], x: list[float], reason: str) -> None:
    found = conditional_logit(np.array(value, float), np.array(x, float)[:, None], ["x"], np.array([0, 0, 1, 1]))
    assert found.reason == reason
    assert np.isnan(found.coef).all()
