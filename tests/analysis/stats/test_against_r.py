"""The estimators against R's packages on random studies, where R is installed; `-s` prints the largest differences."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.stats.agreement import agreement
from analysis.stats.glm import fit_terms, likelihood_ratio
from analysis.stats.margins import Setting, Slope, delta_se, influence, logit_margin, mixed_margin
from analysis.stats.mixed import MixedFit, RandomTerm, fit_mixed
from analysis.stats.multiplicity import adjust
from analysis.stats.observations import codes
from analysis.stats.own_culture.rows import equivalence_p
from analysis.stats.rates import Target, difference, rate
from analysis.stats.rates_standard import shared_differences
from analysis.stats.reliability import reliability_of_mean
from analysis.stats.shift import mcnemar, shift_table
from analysis.stats.terms import Patterns, Term, count_patterns, design
from analysis.stats.twoway import twoway_se
from analysis.stats.wilson import wilson_interval
from analysis.stats.within_item import conditional_logit

SCRIPT = Path(__file__).parents[1] / "r" / "estimators.R"
PACKAGES = ("lme4", "glmmTMB", "survival", "sandwich", "psych", "jsonlite", "emmeans", "numDeriv")
N_STUDIES = 6
TERMS: list[Term] = [("country",), ("relation",), ("age",)]
CONTRAST = [Setting(1, {"relation": "same"}), Setting(-1, {"relation": "close"})]
WHO: dict[str, Any] = {"respondent": "person", "item": "item"}
Z_95 = 1.959963984540054
P_VALUES = [0.003, 0.2, float("nan"), 0.04, 0.04, 0.0007, 0.9, 0.011, 0.06]
# What the largest difference over all studies may be; those of glmer are as far as glmer itself is from glmmTMB.
ALLOWED = {
    "logit: coefficients": 1e-8,
    "logit: standard errors": 1e-6,
    "logit: deviance": 1e-7,
    "logit: likelihood-ratio p": 1e-8,
    "logit: average effect": 1e-9,
    "logit: its error by person": 1e-8,
    "logit: its error by item": 1e-8,
    "logit: its error by both": 1e-8,
    "mixed: coefficients": 2e-4,
    "mixed: standard errors, relative": 1e-4,
    "mixed: standard deviations": 1e-4,
    "mixed: log likelihood": 1e-6,
    "mixed: population-averaged effect": 2e-5,
    "mixed: its standard error, relative": 1e-4,
    "mixed against glmer: coefficients": 0.01,
    "mixed against glmer: standard deviations": 0.005,
    "mixed against glmer: log likelihood": 0.01,
    "mixed against glmer: population-averaged effect": 1e-3,
    "mixed against glmer: its interval": 2e-3,
    "the fit of glmer by emmeans: population-averaged effect": 1e-9,
    "the fit of glmer by emmeans: its error, deviations known": 1e-8,
    "random slopes: coefficients": 2e-4,
    "random slopes: standard errors, relative": 1e-4,
    "random slopes: standard deviations": 2e-3,
    "random slopes: log likelihood": 1e-6,
    "random slopes: population-averaged effect": 2e-5,
    "random slopes: its standard error, relative": 1e-4,
    "conditional logit: coefficients": 2e-5,
    "conditional logit: standard errors": 1e-6,
    "rate": 1e-12,
    "rate: two-way error": 1e-12,
    "rate: error between people": 1e-12,
    "difference of rates": 1e-12,
    "difference of rates: two-way error": 1e-12,
    "difference on shared items": 1e-11,
    "difference on shared items: two-way error": 1e-11,
    "Wilson interval": 1e-12,
    "kappa of stages": 1e-12,
    "McNemar's p": 1e-12,
    "Krippendorff's alpha": 1e-12,
    "Spearman-Brown of an ICC": 1e-12,
    "equivalence to nothing: p": 1e-12,
}


def missing() -> str:
    """Say what R lacks, or nothing."""
    if shutil.which("Rscript") is None:
        return "needs R (Rscript)"
    call = "for (p in commandArgs(TRUE)) if (!requireNamespace(p, quietly = TRUE)) cat(p, '')"
    found = subprocess.run(["Rscript", "-e", call, *PACKAGES], capture_output=True, text=True, check=False)
    return f"needs the R packages {found.stdout}" if found.stdout.strip() or found.returncode else ""


def a_study(seed: int) -> pd.DataFrame:
    """Draw people of three countries who each judge some of the items, and again a day later; all sizes differ."""
    rng = np.random.default_rng(seed)
    n_people, n_items = int(rng.integers(45, 80)), int(rng.integers(24, 48))
    person, item = np.argwhere(rng.random((n_people, n_items)) < rng.uniform(0.35, 0.7)).T
    frame = pd.DataFrame({"person": person, "item": item})
    frame["country"] = np.array(list("abc"))[person % 3]
    frame["age"] = np.where(person // 3 % 2, "old", "young")
    distance = (item - person) % 3
    frame["relation"] = np.array(["same", "close", "far"])[distance]
    own = frame["relation"] == "same"
    eta = rng.normal(0.2, 0.4) - 0.6 * own + 0.3 * (frame["country"] == "b") + 0.2 * (frame["age"] == "old")
    for level, n in ((person, n_people), (item, n_items)):
        eta = (
            eta + rng.normal(0, rng.uniform(0.6, 1.2), n)[level] + own * rng.normal(0, rng.uniform(0.7, 1.1), n)[level]
        )
    chance = expit(eta.to_numpy(float))
    return frame.assign(y=(rng.random(len(frame)) < chance) * 1, again=(rng.random(len(frame)) < chance) * 1)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[pd.DataFrame, dict[str, Any]]]:
    """Draw the studies and have R estimate."""
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("r")
    frames = {f"study_{seed}": a_study(seed) for seed in range(1, N_STUDIES + 1)}
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / "p_values.txt").write_text("\n".join("NA" if p != p else repr(p) for p in P_VALUES))
    ran = subprocess.run(["Rscript", str(SCRIPT), str(folder)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    adjusted = json.loads((folder / "adjusted.json").read_text())
    return [
        (frame, json.loads((folder / f"{name}.json").read_text()) | {"adjusted": adjusted})
        for name, frame in frames.items()
    ]


def in_order(names: list[str], values: Mapping[str, float]) -> np.ndarray:
    """Give R's values in the order of our columns."""
    written = [{"intercept": "(Intercept)"}.get(name, re.sub(r"\[([^]]*)\]", r"\1", name)) for name in names]
    return np.array([values[name] for name in written], dtype=float)


def apart(found: Any, expected: Any, *, relative: bool = False) -> float:
    """Give the largest difference."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    assert np.isfinite(expected).all()
    return float(np.max(np.abs(found - expected) / (np.abs(expected) if relative else 1.0)))


def differences(frame: pd.DataFrame, r: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield from of_logits(frame, r)
    yield from of_mixed(frame, r)
    yield from of_shares(frame, r)


def of_logits(frame: pd.DataFrame, r: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    patterns = count_patterns(frame, value="y", variables=["country", "relation", "age"])
    fit, expected = fit_terms(patterns, TERMS), r["glm"]
    yield "logit: coefficients", apart(fit.coef, in_order(fit.names, expected["coef"]))
    yield "logit: standard errors", apart(fit.se, in_order(fit.names, expected["se"]))
    yield "logit: deviance", apart(fit.deviance, expected["deviance"])
    reduced = fit_terms(patterns, [("country",), ("age",)])
    yield "logit: likelihood-ratio p", apart(likelihood_ratio(fit, reduced).p_value, expected["p_relation"])
    person, item = (codes(frame, [name]) for name in ("person", "item"))
    x, value = design(patterns, TERMS).matrix, frame["y"].to_numpy(float)
    margin, expected = logit_margin(fit, patterns, TERMS, CONTRAST), expected["effect"]
    yield "logit: average effect", apart(margin.estimate, expected["estimate"])
    errors = twoway_se(influence(fit, margin, x, value, patterns.pattern), person, item)
    yield "logit: its error by person", apart(errors.respondent, expected["person"])
    yield "logit: its error by item", apart(errors.item, expected["item"])
    yield "logit: its error by both", apart(errors.twoway, max(expected[name] for name in ("person", "item", "both")))
    informative = frame.assign(
        far=(frame["relation"] == "far") * 1.0, same=(frame["relation"] == "same") * 1.0,
        young=(frame["age"] == "young") * 1.0,
    )  # fmt: skip
    names = ["relationfar", "relationsame", "ageyoung"]
    within = conditional_logit(value, informative[["far", "same", "young"]].to_numpy(float), names, item)
    yield "conditional logit: coefficients", apart(within.coef, in_order(names, r["clogit"]["coef"]))
    yield "conditional logit: standard errors", apart(within.se, in_order(names, r["clogit"]["se"]))


def of_mixed(frame: pd.DataFrame, r: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    patterns = count_patterns(frame, value="y", variables=["country", "relation", "age"])
    own = np.asarray(frame["relation"] == "same", dtype=float)
    effects = [RandomTerm(name, name, codes(frame, [name])) for name in ("person", "item")]
    more = [RandomTerm(f"{name} own", name, codes(frame, [name]), own) for name in ("person", "item")]
    slopes = {term.name: Slope("relation", {"same": 1.0}) for term in more}
    value = frame["y"].to_numpy(float)
    crossed = fit_mixed(patterns, TERMS, value, effects)
    sloped = fit_mixed(patterns, TERMS, value, [*effects, *more])
    for label, fit, expected in (("mixed", crossed, r["glmmTMB"]), ("random slopes", sloped, r["slopes"])):
        assert not fit.reason
        yield f"{label}: coefficients", apart(fit.coef, in_order(fit.names, expected["coef"]))
        yield f"{label}: standard deviations", apart(list(fit.sd.values()), expected["sd"])
        yield f"{label}: log likelihood", apart(fit.log_likelihood, expected["logLik"])
        margin = mixed_margin(fit, patterns, TERMS, CONTRAST, slopes if fit is sloped else {})
        yield f"{label}: population-averaged effect", apart(margin.estimate, expected["effect"]["estimate"])
        if fit.boundary:  # a standard deviation of nothing has no curvature in glmmTMB, whose errors say nothing then
            continue
        yield f"{label}: standard errors, relative", apart(fit.se, in_order(fit.names, expected["se"]), relative=True)
        error = delta_se(margin, fit.covariance)
        yield f"{label}: its standard error, relative", apart(error, expected["effect"]["se"], relative=True)
    yield from of_glmer(crossed, patterns, r["glmer"])


def of_glmer(fit: MixedFit, patterns: Patterns, expected: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield "mixed against glmer: coefficients", apart(fit.coef, in_order(fit.names, expected["coef"]))
    yield "mixed against glmer: standard deviations", apart(list(fit.sd.values()), expected["sd"])
    yield "mixed against glmer: log likelihood", apart(fit.log_likelihood, expected["logLik"])
    margin, effect = mixed_margin(fit, patterns, TERMS, CONTRAST, {}), expected["effect"]
    yield "mixed against glmer: population-averaged effect", apart(margin.estimate, effect["estimate"])
    yield (
        "mixed against glmer: its interval",
        apart(bounds(margin.estimate, delta_se(margin, fit.covariance)), bounds(**effect)),
    )
    written = {name: place for place, name in enumerate(expected["coef"])}
    places = in_order(fit.names, written).astype(int)
    known = np.zeros_like(fit.covariance)
    known[: len(places), : len(places)] = np.array(expected["covariance"])[np.ix_(places, places)]
    theirs = replace(fit, coef=in_order(fit.names, expected["coef"]), sd=dict(zip(fit.sd, expected["sd"], strict=True)))
    margin, by = mixed_margin(theirs, patterns, TERMS, CONTRAST, {}), "the fit of glmer by emmeans:"
    yield f"{by} population-averaged effect", apart(margin.estimate, expected["emmeans"]["estimate"])
    yield f"{by} its error, deviations known", apart(delta_se(margin, known), expected["emmeans"]["se"])


def bounds(estimate: float, se: float) -> tuple[float, float]:
    return estimate - Z_95 * se, estimate + Z_95 * se


def of_shares(frame: pd.DataFrame, r: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    found = rate(frame, value="y", **WHO)
    yield "rate", apart(found.estimate, r["rate"]["estimate"])
    yield "rate: two-way error", apart(found.se, r["rate"]["se"])
    here = rate(frame, value="y", **WHO, target=Target.THESE_ITEMS)
    yield "rate: error between people", apart(here.se, r["rate"]["person"])
    own = difference(frame, value="y", **WHO, group="relation", first="same", second="close")
    yield "difference of rates", apart(own.estimate, r["difference"]["estimate"])
    yield "difference of rates: two-way error", apart(own.se, r["difference"]["se"])
    tost = equivalence_p(own.estimate, own.se, 23, 0.05)
    yield "equivalence to nothing: p", apart(tost, r["difference"]["p_equivalent"])
    shared = shared_differences(frame, value="y", **WHO, group="country")
    row = shared[(shared["first"] == "a") & (shared["second"] == "b")].iloc[0]
    yield "difference on shared items", apart(row["estimate"], r["shared"]["estimate"])
    yield "difference on shared items: two-way error", apart(row["se"], r["shared"]["se"])
    low, high = wilson_interval(frame["y"].sum(), len(frame))
    yield "Wilson interval", apart([float(low), float(high)], r["wilson"])
    stages = [frame.assign(stage=stage, value=frame[name]) for stage, name in (("base", "y"), ("instruct", "again"))]
    moved = shift_table(
        pd.concat(stages), value="value", stage="stage", first="base", second="instruct", instance=["person"],
        source="item", by=[],
    )  # fmt: skip
    yield "kappa of stages", apart(moved[moved["measure"] == "kappa"]["estimate"].iloc[0], r["kappa"])
    first, second = (int(((frame["y"] > frame["again"]) if k else (frame["y"] < frame["again"])).sum()) for k in (1, 0))
    yield "McNemar's p", apart(mcnemar(first, second).p_value, r["mcnemar"])
    alpha = {one.measure: one.estimate for one in agreement(frame, value="y", **WHO)}["alpha"]
    yield "Krippendorff's alpha", apart(alpha, r["alpha"])
    yield "Spearman-Brown of an ICC", apart(reliability_of_mean(r["icc"]["single"], 6), r["icc"]["average"])


def test_estimators_equal_those_of_r_on_random_studies(studies: list[tuple[pd.DataFrame, dict[str, Any]]]) -> None:
    largest: dict[str, float] = {}
    for frame, r in studies:
        for name, value in differences(frame, r):
            largest[name] = max(largest.get(name, 0.0), value)
    print(f"\nlargest differences over {len(studies)} studies")
    print("\n".join(f"{name}: {value:.1e}" for name, value in largest.items()))
    assert set(largest) == set(ALLOWED)
    assert {name: value for name, value in largest.items() if value > ALLOWED[name]} == {}


def test_adjusted_p_values_equal_those_of_r(studies: list[tuple[pd.DataFrame, dict[str, Any]]]) -> None:
    for method, expected in studies[0][1]["adjusted"].items():
        told = np.array([np.nan if value is None else value for value in expected], dtype=float)
        assert adjust(np.array(P_VALUES), method) == pytest.approx(told, rel=1e-12, nan_ok=True)
