"""Probabilities from models: against R, and their derivatives."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from analysis.stats.glm import fit_terms
from analysis.stats.margins import Setting, Slope, delta_se, influence, logit_margin, mixed_margin
from analysis.stats.mixed import MixedFit, RandomTerm, fit_mixed
from analysis.stats.observations import codes
from analysis.stats.terms import Patterns, Term, count_patterns, design
from analysis.stats.twoway import twoway_se

MAIN = [
    "respondent_country", "country_relation", "respondent_age_bucket", "respondent_gender", "receiver_age",
    "receiver_gender",
]  # fmt: skip
TERMS: list[Term] = [(name,) for name in MAIN]
CONTRASTS = {
    "same_minus_close": [Setting(1, {"country_relation": "same"}), Setting(-1, {"country_relation": "close"})],
    "far_minus_close": [Setting(1, {"country_relation": "far"}), Setting(-1, {"country_relation": "close"})],
    "age_younger_minus_older": [
        Setting(1, {"respondent_age_bucket": "younger"}), Setting(-1, {"respondent_age_bucket": "older"}),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def patterns(personal: pd.DataFrame) -> Patterns:
    return count_patterns(personal, value="culture", variables=MAIN)


@pytest.fixture(scope="module")
def mixed(personal: pd.DataFrame, patterns: Patterns) -> MixedFit:
    random = [RandomTerm(name, name, codes(personal, [name])) for name in ("respondent_id", "scenario_item_id")]
    return fit_mixed(patterns, TERMS, personal["culture"].to_numpy(float), random)


@pytest.mark.parametrize("key", CONTRASTS)
def test_logit_margin_equals_r(key: str, patterns: Patterns, r_reference: dict[str, Any]) -> None:
    found = logit_margin(fit_terms(patterns, TERMS), patterns, TERMS, CONTRASTS[key])
    assert found.estimate == pytest.approx(r_reference["ame_glm_personal"][key], abs=1e-11)


@pytest.mark.parametrize("key", CONTRASTS)
def test_mixed_margin_equals_r(key: str, mixed: MixedFit, patterns: Patterns, r_reference: dict[str, Any]) -> None:
    found = mixed_margin(mixed, patterns, TERMS, CONTRASTS[key], {})
    assert found.estimate == pytest.approx(r_reference["ame_glmer_personal_popavg"][key], abs=1e-4)


def test_logit_predictions_on_the_grid_equal_emmeans(patterns: Patterns, r_reference: dict[str, Any]) -> None:
    fit = fit_terms(patterns, TERMS)
    levels = {name: patterns.variables[name].labels for name in MAIN}
    grid = pd.DataFrame(list(product(*levels.values())), columns=MAIN)
    x = design(count_patterns(grid.assign(y=0.0), value="y", variables=MAIN), TERMS).matrix
    for number, country in enumerate(levels["respondent_country"]):
        of_country = x[:, 1] == 1 if number == 1 else x[:, number] == 1 if number else (x[:, 1:5] == 0).all(axis=1)
        expected = r_reference["emmeans_glm_personal_country"][country]
        assert expit((x[of_country] @ fit.coef).mean()) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("total", [0.0, 0.3, 1.34, 3.0])
def test_mixed_margin_integrates_over_the_normal(total: float, mixed: MixedFit, patterns: Patterns) -> None:
    sd = {"respondent_id": 0.6 * total, "scenario_item_id": 0.8 * total}
    plain = replace(mixed, coef=np.zeros_like(mixed.coef), sd=sd)
    plain.coef[0] = 1.2
    found = mixed_margin(plain, patterns, TERMS, [Setting(1, {})], {})
    exact = quad(lambda z: expit(1.2 + total * z) * norm.pdf(z), -12, 12, epsabs=1e-13)[0]
    assert found.estimate == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("slopes", [{}, {"respondent_id": Slope("country_relation", {"same": 1.0})}])
def test_mixed_margin_has_the_right_gradient(slopes: Mapping[str, Slope], mixed: MixedFit, patterns: Patterns) -> None:
    contrast, among = CONTRASTS["same_minus_close"], patterns.variables["respondent_country"].codes == 1
    gradient = mixed_margin(mixed, patterns, TERMS, contrast, slopes, among).gradient

    def at(parameter: int, shift: float) -> float:
        coef, sd = mixed.coef.copy(), dict(mixed.sd)
        if parameter < len(coef):
            coef[parameter] += shift
        else:
            sd[list(sd)[parameter - len(coef)]] += shift
        return mixed_margin(replace(mixed, coef=coef, sd=sd), patterns, TERMS, contrast, slopes, among).estimate

    for parameter in (0, 2, 5, 6, len(mixed.coef), len(mixed.coef) + 1):
        assert gradient[parameter] == pytest.approx((at(parameter, 1e-5) - at(parameter, -1e-5)) / 2e-5, abs=1e-9)


def test_influence_gives_the_clustered_error_of_a_difference_of_rates(personal: pd.DataFrame) -> None:
    """With the relation alone in the model, the margin is the difference of rates, and so is its error."""
    two = personal[personal["country_relation"] != "far"].reset_index(drop=True)
    patterns = count_patterns(two, value="culture", variables=["country_relation"])
    terms: list[Term] = [("country_relation",)]
    fit, value = fit_terms(patterns, terms), two["culture"].to_numpy(float)
    margin = logit_margin(fit, patterns, terms, CONTRASTS["same_minus_close"])
    found = influence(fit, margin, design(patterns, terms).matrix, value, patterns.pattern)
    same = (two["country_relation"] == "same").to_numpy()
    plain = np.where(same, (value - value[same].mean()) / same.sum(), -(value - value[~same].mean()) / (~same).sum())
    np.testing.assert_allclose(found, plain, atol=1e-12)
    person, item = codes(two, ["respondent_id"]), codes(two, ["scenario_item_id"])
    assert margin.estimate == pytest.approx(value[same].mean() - value[~same].mean(), abs=1e-12)
    assert twoway_se(found, person, item).twoway == pytest.approx(twoway_se(plain, person, item).twoway, rel=1e-10)
    assert delta_se(margin, fit.covariance) == pytest.approx(float((plain**2).sum()) ** 0.5, rel=1e-10)


def test_margins_say_what_the_answers_do_not_determine(personal: pd.DataFrame) -> None:
    """Where Brazil never met `far`, its interaction is aliased and its effect unknown; that of others is not."""
    seen = personal[~((personal["respondent_country"] == "India") & (personal["country_relation"] == "far"))]
    terms: list[Term] = [("respondent_country",), ("country_relation",), ("respondent_country", "country_relation")]
    patterns = count_patterns(seen, value="culture", variables=["respondent_country", "country_relation"])
    fit = fit_terms(patterns, terms)
    country = patterns.variables["respondent_country"]
    found = {
        label: logit_margin(fit, patterns, terms, CONTRASTS["far_minus_close"], country.codes == code)
        for code, label in enumerate(country.labels)
    }
    assert fit.aliased == ["respondent_country[India]:country_relation[far]"]
    assert np.isnan(found["India"].estimate)
    assert found["India"].reason == f"the other columns already determine {fit.aliased[0]}"
    brazil = seen[seen["respondent_country"] == "Brazil"].groupby("country_relation")["culture"].mean()
    assert found["Brazil"].estimate == pytest.approx(brazil["far"] - brazil["close"], abs=1e-9)
