"""Whether intervals hold what they promise: `python -m bench.coverage [--only NAME …] [--studies N]`.

Each part draws studies with known effects, one per seed, and counts how often the 95 % interval holds the truth. With
200 studies a right interval comes out between 92 % and 98 % nineteen times in twenty, with 1,000 between 93.6 % and
96.4 %. `own_culture`, `gap`, `slopes` and `planted` are the models of answers; `rates` stands in
`bench.intervals`, once for each design, and `models` in `bench.model_intervals`. A part is a function of a seed that
gives its estimands, each as (truth, estimate, standard error, low, high); NaN for the last four where there is none.
Prints tables, and all of it as a line of JSON at the end.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from analysis.stats.margins import NODE_WEIGHTS, NODES, Setting, delta_se, mixed_margin
from analysis.stats.own_culture.models import Names, Outcome, fit_outcome, own_slopes, two_way, within_item
from analysis.stats.own_culture.rows import GAP, Choices, Effect, Method, effect_of
from analysis.stats.terms import design
from analysis.stats.variance_table import Model, variance_rows
from bench import covered, intervals, model_intervals

N_COUNTRIES, N_PEOPLE, N_ITEMS = 5, 24, 100
DRAWN = {"same": 6, "close": 6, "far": 8}
RELATION = {"same": -0.5, "close": 0.0, "far": 0.1}
NORM_BY_RELATION = {"same": 0.2, "close": 0.0, "far": -0.3}
INTERCEPT, NORM, OLDER = 0.9, 0.15, 0.15
SD_PERSON, SD_ITEM = 0.8, 1.0
SD_OWN = 0.5  # of the own relation's effect, by person and by item, where it differs
NAMES = Names(
    value="answer", respondent="person", item="item", question="question", country="country", relation="relation",
    scenario_country="origin", covariates=("age",),
)  # fmt: skip


class Estimate(NamedTuple):
    truth: float
    estimate: float
    se: float
    low: float
    high: float


Part = Callable[[int], dict[str, Estimate]]


# --- Studies with known effects ----------------------------------------------------------------------


def study(seed: int, *, sd_gap: float = 0.0, sd_own: float = 0.0) -> pd.DataFrame:
    """Draw a study: 5 countries of 24 people with 6, 6 and 8 of 100 items in each relation, both questions.

    People and items have normal effects; with `sd_gap` the gap between the questions differs by person and item, too,
    with `sd_own` the effect of the own relation.
    """
    rng = np.random.default_rng(seed)
    origin = np.arange(N_ITEMS) % (2 * N_COUNTRIES)
    rows = []
    for person in range(N_COUNTRIES * N_PEOPLE):
        country = person % N_COUNTRIES
        pools = {
            "same": origin == country, "close": origin == country + N_COUNTRIES, "far": origin % N_COUNTRIES != country,
        }  # fmt: skip
        for relation, n in DRAWN.items():
            drawn = rng.choice(np.flatnonzero(pools[relation]), n, replace=False)
            rows += [(person, f"c{country}", int(item), relation) for item in drawn]
    judged = pd.DataFrame(rows, columns=["person", "country", "item", "relation"])
    judged = judged.assign(
        origin=origin[judged["item"]], age=np.where(judged["person"] // N_COUNTRIES % 2, "old", "young")
    )
    stacked = pd.concat([judged.assign(question=one) for one in ("personal", "norm")], ignore_index=True)
    of_person, of_item = stacked["person"].to_numpy(), stacked["item"].to_numpy()
    n_people = N_COUNTRIES * N_PEOPLE
    u, v = rng.normal(0, SD_PERSON, n_people), rng.normal(0, SD_ITEM, N_ITEMS)
    gap_u, gap_v = rng.normal(0, sd_gap, n_people), rng.normal(0, sd_gap, N_ITEMS)
    side = np.where(stacked["question"] == "norm", 0.5, -0.5)
    eta = fixed(stacked, stacked["relation"], stacked["question"])
    eta = eta + u[of_person] + v[of_item] + side * (gap_u[of_person] + gap_v[of_item])
    if sd_own:
        own_u, own_v = rng.normal(0, sd_own, n_people), rng.normal(0, sd_own, N_ITEMS)
        eta = eta + (stacked["relation"] == NAMES.own).to_numpy() * (own_u[of_person] + own_v[of_item])
    return stacked.assign(answer=(rng.random(len(eta)) < expit(eta)).astype(float))


def fixed(frame: pd.DataFrame, relation: Any, question: Any) -> Any:
    """Give the part of the logit that all people and items share, under a relation and a question."""
    relation = pd.Series(relation, index=frame.index) if isinstance(relation, str) else relation
    is_norm = (question == "norm") if isinstance(question, str) else (question == "norm").to_numpy()
    country = frame["country"].str[1:].astype(int).to_numpy()
    eta = INTERCEPT + 0.2 * (country - 2) + OLDER * (frame["age"] == "old").to_numpy()
    eta = eta + relation.map(RELATION).to_numpy(float)
    return eta + is_norm * (NORM + relation.map(NORM_BY_RELATION).to_numpy(float))


def share(frame: pd.DataFrame, relation: str, question: str, sd_gap: float, sd_own: float = 0.0) -> float:
    """Give the true share that follows the culture, had everybody this relation and question."""
    total = np.sqrt(SD_PERSON**2 + SD_ITEM**2 + 2 * (sd_gap / 2) ** 2 + 2 * (relation == NAMES.own) * sd_own**2)
    eta = fixed(frame, relation, question)
    return float((expit(eta[:, None] + total * NODES) @ NODE_WEIGHTS).mean())


# --- What is held against the truth --------------------------------------------------------------------


def own_culture(seed: int) -> dict[str, Estimate]:
    """The effect on personal choices: mixed model in points and log odds, clustered logit, within items."""
    frame = study(seed)
    outcome = Outcome("personal", frame[frame["question"] == "personal"].reset_index(drop=True), NAMES)
    primary = fit_outcome(outcome, outcome.frame, outcome.terms())
    choices, found = Choices(), {}
    beside = {Method.TWO_WAY: two_way(outcome, choices), Method.WITHIN_ITEM: within_item(outcome, choices)}
    for place, contrast in enumerate(outcome.contrasts):
        label = contrast.label
        truth = share(outcome.frame, "same", "personal", 0.0) - share(outcome.frame, contrast.other, "personal", 0.0)
        log_odds = RELATION["same"] - RELATION[contrast.other]
        found[f"{label}, mixed, points"] = held(truth, primary.effect(contrast, Method.MIXED, choices))
        found[f"{label}, mixed, log odds"] = held(log_odds, primary.log_odds(contrast, choices))
        found[f"{label}, clustered logit, points"] = held(truth, beside[Method.TWO_WAY][place])
        found[f"{label}, within items, log odds"] = held(log_odds, beside[Method.WITHIN_ITEM][place])
    return found


def gap(seed: int) -> dict[str, Estimate]:
    """The effect on the gap between norm and personal, where the gap differs by person and by item."""
    sd_gap = 0.5
    outcome = Outcome(GAP, study(seed, sd_gap=sd_gap), NAMES)
    primary = fit_outcome(outcome, outcome.frame, outcome.terms())
    found = {}
    for contrast in outcome.contrasts:
        shares = [
            share(outcome.frame, relation, question, sd_gap)
            for question in NAMES.gap for relation in ("same", contrast.other)
        ]  # fmt: skip
        truth = shares[0] - shares[1] - shares[2] + shares[3]
        found[f"{contrast.label}, mixed, points"] = held(truth, primary.effect(contrast, Method.MIXED, Choices()))
    return found


def slopes(seed: int) -> dict[str, Estimate]:
    """The effect on personal choices where it differs by person and by item: with and without such slopes."""
    frame = study(seed, sd_own=SD_OWN)
    outcome = Outcome("personal", frame[frame["question"] == "personal"].reset_index(drop=True), NAMES)
    plain = fit_outcome(outcome, outcome.frame, outcome.terms())
    sloped = fit_outcome(outcome, outcome.frame, outcome.terms(), own_slopes(NAMES), start=plain.fit)
    choices, found = Choices(), {}
    for contrast in outcome.contrasts:
        label = contrast.label
        shares = [share(outcome.frame, one, "personal", 0.0, SD_OWN) for one in (NAMES.own, contrast.other)]
        truth, log_odds = shares[0] - shares[1], RELATION[NAMES.own] - RELATION[contrast.other]
        found[f"{label}, random slopes, points"] = held(truth, sloped.effect(contrast, Method.RANDOM_SLOPE, choices))
        found[f"{label}, random slopes, log odds"] = held(log_odds, sloped.log_odds(contrast, choices))
        found[f"{label}, without slopes, points"] = held(truth, plain.effect(contrast, Method.MIXED, choices))
        found[f"{label}, without slopes, log odds"] = held(log_odds, plain.log_odds(contrast, choices))
    return found


def planted(seed: int) -> dict[str, Estimate]:
    """The differences of countries in points, and how far people and items differ, by the mixed model."""
    frame = study(seed)
    outcome = Outcome("personal", frame[frame["question"] == "personal"].reset_index(drop=True), NAMES)
    fitted = fit_outcome(outcome, outcome.frame, outcome.terms(), with_adjusted=True)
    fit, data, found = fitted.fit, fitted.data, {}
    for first, second in ((4, 0), (3, 2)):
        contrast = [Setting(1.0, {NAMES.country: f"c{first}"}), Setting(-1.0, {NAMES.country: f"c{second}"})]
        margin = mixed_margin(fit, data.patterns, data.terms, contrast, {})
        shares = [share_of_country(outcome.frame, one) for one in (first, second)]
        effect = effect_of(outcome.label(outcome.contrasts[0], Method.MIXED), margin.estimate,
                           delta_se(margin, fit.covariance), Choices())  # fmt: skip
        found[f"country {first} - {second}, points"] = held(shares[0] - shares[1], effect)
    matrix, trials = design(data.patterns, data.terms).matrix, data.patterns.trials
    for suffix, one in (("", fit.adjusted or fit), (", unadjusted", replace(fit, adjusted=None))):
        rows = variance_rows(Model(one, matrix, trials))
        for name, sd in (("respondent", SD_PERSON), ("item", SD_ITEM)):
            row = next(row for row in rows if row["quantity"] == "sd" and row["part"] == name)
            se = float(np.sqrt(np.diag(one.covariance)[len(one.names) + list(one.sd).index(name)]))
            found[f"SD of {name}s{suffix}, logits"] = Estimate(sd, row["estimate"], se, row["ci_low"], row["ci_high"])
    return found


def share_of_country(frame: pd.DataFrame, country: int) -> float:
    """Give the true share that follows the culture, had everybody this country."""
    total = np.sqrt(SD_PERSON**2 + SD_ITEM**2)
    eta = fixed(frame.assign(country=f"c{country}"), frame["relation"], "personal")
    return float((expit(eta[:, None] + total * NODES) @ NODE_WEIGHTS).mean())


def held(truth: float, effect: Effect) -> Estimate:
    return Estimate(truth, effect.estimate, effect.se, effect.ci_low, effect.ci_high)


PARTS: list[Part] = [own_culture, gap, slopes, planted]
RATES, MODELS = "rates", "models"


# --- The bench ---------------------------------------------------------------------------------------


def measure(part: Part, seeds: range) -> list[dict[str, Any]]:
    """Run a part over the seeds and sum up each estimand."""
    drawn = [part(seed) for seed in seeds]
    return [summary(name, np.array([one[name] for one in drawn])) for name in drawn[0]]


def summary(name: str, values: Any) -> dict[str, Any]:
    """Give the mean truth and estimate, the spread against the standard error, and the share of intervals that hold."""
    truth, estimate, se, low, high = values[np.isfinite(values).all(axis=1)].T
    return {
        "estimand": name, "n": len(truth), "truth": round(float(truth.mean()), 4),
        "estimate": round(float(estimate.mean()), 4),
        "bias_in_se": round(float((estimate - truth).mean() / se.mean()), 3),
        "sd_by_se": round(float((estimate - truth).std(ddof=1) / se.mean()), 3),
        "coverage": round(float(((low <= truth) & (truth <= high)).mean()), 3),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Write rows of Markdown, the bias in standard errors."""
    lines = [
        "| estimand | truth | mean estimate | bias by SE | SD of estimates by mean SE | coverage | studies |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {row['estimand']} | {row['truth']:.3f} | {row['estimate']:.3f} | {row['bias_in_se']:+.2f} | "
        f"{row['sd_by_se']:.2f} | {100 * row['coverage']:.1f} % | {row['n']} |"
        for row in rows
    ]


def tables(n_studies: int, only: Sequence[str]) -> Iterator[tuple[str, list[dict[str, Any]], list[str]]]:
    """Give what is asked for, each as rows and as a table."""
    for part in PARTS:
        if part.__name__ in only:
            rows = measure(part, range(1, n_studies + 1))
            yield part.__name__, rows, table(rows)
    for people in intervals.DESIGNS if RATES in only else ():
        yield f"{RATES}: {people.name}", *counted(intervals.coverage(people, n_studies))
    if MODELS in only:
        yield MODELS, *counted(model_intervals.coverage(n_studies))


def counted(found: Sequence[covered.Coverage]) -> tuple[list[dict[str, Any]], list[str]]:
    return [one._asdict() for one in found], covered.table(found)


def main(arguments: list[str] | None = None) -> None:
    names = [*(part.__name__ for part in PARTS), RATES, MODELS]
    parser = argparse.ArgumentParser(prog="python -m bench.coverage", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    parser.add_argument("--studies", type=int, default=200)
    options = parser.parse_args(arguments)
    told = {}
    with threadpool_limits(1):
        for name, rows, lines in tables(options.studies, options.only):
            print(f"\n{name}, {options.studies} studies\n", *lines, sep="\n", flush=True)
            told[name] = rows
    print(json.dumps({"studies": options.studies, "parts": told}))


if __name__ == "__main__":
    main()
