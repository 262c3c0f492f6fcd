"""How fast the statistics are: `python -m bench.analysis [--only NAME …] [--large]` prints JSON and a table.

Each part makes its own answers (a seeded invented study), fits them our way and, where there is one, the plain way in
the same run, and prints the ratio. One BLAS thread. `--large` adds the sizes of a million; with it the whole report is
that of a million judgments, which takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from analysis.stats.glm import LogitFit, fit_logit
from analysis.stats.mixed import RandomTerm, fit_mixed
from analysis.stats.observations import Floats
from analysis.stats.paper import logit
from analysis.stats.paper import regression as paper
from analysis.stats.terms import Patterns, Term, count_patterns
from bench import kept
from bench.agreement import N_BOOTSTRAPS, compare, draw_judgments

Result = dict[str, Any]


N_ITEMS, PER_PERSON, N_COUNTRIES, N_ORIGINS = 176, 24, 5, 18
SD_PERSON, SD_ITEM = 0.8, 1.0
MOST_OFF = 1e-3  # between deviances of the same model: the paper's ridge moves them by less
PATTERN_NAMES = ["question_type", *paper.COVARIATES]
MIXED_TERMS: list[Term] = [
    (name,)
    for name in (
        "respondent_country", "country_relation", "respondent_age_bucket", "respondent_gender", "receiver_age",
        "receiver_gender",
    )
]  # fmt: skip


# --- Answers ---------------------------------------------------------------------------------------


def answers(n_judgments: int, seed: int = 1) -> pd.DataFrame:
    """Draw a study of so many judgments: 24 of 176 items a person, both questions, known effects."""
    rng = np.random.default_rng(seed)
    n_people = n_judgments // PER_PERSON
    person = np.repeat(np.arange(n_people), PER_PERSON)
    item = np.argsort(rng.random((n_people, N_ITEMS)), axis=1)[:, :PER_PERSON].ravel()
    origin = (np.arange(N_ITEMS) % N_ORIGINS)[item]
    country = (np.arange(n_people) % N_COUNTRIES)[person]
    relation = np.where(origin == country, 2, np.where(origin % N_COUNTRIES == country, 0, 1))
    of_person, of_item = rng.integers(0, 2, (2, n_people)), rng.integers(0, 2, (2, N_ITEMS))
    eta = 0.9 + np.array([0.0, 0.1, -0.5])[relation] + 0.2 * (country - 2) + 0.15 * of_person[0][person]
    eta += rng.normal(0, SD_PERSON, n_people)[person] + rng.normal(0, SD_ITEM, N_ITEMS)[item]
    codes = {
        "respondent_country": country, "respondent_age_bucket": of_person[0][person],
        "respondent_gender": of_person[1][person], "receiver_age": of_item[0][item],
        "receiver_gender": of_item[1][item], "country_relation": relation, "scenario_country": origin,
    }  # fmt: skip
    frame = pd.DataFrame({name: category(code) for name, code in codes.items()})
    asked = {
        question: (rng.random(len(person)) < expit(eta + shift)).astype(float)
        for question, shift in (("personal", 0.0), ("norm", 0.3))
    }
    return frame.assign(respondent_id=person, scenario_item_id=item, **asked)


def category(codes: Any, labels: list[str] | None = None) -> Any:
    """Read codes as the frames of an analysis hold them."""
    found = labels or [f"{code:02}" for code in range(int(codes.max()) + 1)]
    return pd.Categorical.from_codes(codes, pd.Index(found))


def stacked(frame: pd.DataFrame) -> pd.DataFrame:
    """Put both questions below each other, as the paper's combined model takes them."""
    parts = [frame[paper.COVARIATES].assign(answer=frame[question]) for question in ("personal", "norm")]
    question = category(np.repeat([1, 0], len(frame)), ["norm", "personal"])
    return pd.concat(parts, ignore_index=True).assign(question_type=question)


# --- The paper's combined regression with its nine drop-ones -----------------------------------------


def counted(frame: pd.DataFrame) -> list[float]:
    """Our way: answers counted per covariate pattern once, then ten fits; the columns are the paper's."""
    patterns = count_patterns(frame, value="answer", variables=PATTERN_NAMES)
    by_term = {name: dummies(patterns, term) for name, term in paper.TERMS.items()}
    fits: list[LogitFit] = []
    for terms in models():
        parts = {name: by_term[name] for name in terms}
        x = np.hstack([np.ones((len(patterns), 1)), *parts.values()])
        names = ["intercept", *(f"{name} {place}" for name, part in parts.items() for place in range(part.shape[1]))]
        full = fits[0] if fits else None
        answers = patterns.successes, patterns.trials
        fits.append(fit_logit(x, *answers, names, larger=full, with_errors=full is None))
    return [fit.deviance for fit in fits]


def dummies(patterns: Patterns, term: tuple[logit.Dummies, ...]) -> Floats:
    """Build a term's columns as the paper does: one per level, or pair of levels, but the first that occurs."""
    parts = []
    for one in term:
        code = np.zeros(len(patterns), np.intp)
        for name in one.variables:
            code = code * len(patterns.variables[name].labels) + patterns.variables[name].codes
        parts.append((code[:, None] == np.unique(code)[1:]).astype(float))
    return np.hstack(parts)


def by_rows(frame: pd.DataFrame) -> list[float]:
    """The paper's way: a row per answer, and its own Newton steps for each of the ten models."""
    rows = frame[PATTERN_NAMES].astype(object).assign(a=frame["answer"], n=1.0)
    return [logit.fit(rows, terms).deviance for terms in models()]


def plain_newton(frame: pd.DataFrame) -> list[float]:
    """The same without what the paper's script does besides (ranks, pseudo-inverses): Newton steps on rows alone."""
    rows = frame[PATTERN_NAMES].astype(object)
    y = frame["answer"].to_numpy()
    return [newton(logit.design(rows, terms).matrix, y) for terms in models()]


def models() -> list[logit.Terms]:
    """List the full model and the nine without a term."""
    dropped = [None, *paper.DROPPED.values()]
    return [{name: term for name, term in paper.TERMS.items() if name != one} for one in dropped]


def newton(x: Floats, y: Floats) -> float:
    """Fit a logit with the paper's ridge by Newton steps on rows; give the deviance."""
    ridge = np.full(x.shape[1], logit.RIDGE)
    ridge[0] = 0.0
    beta = np.zeros(x.shape[1])
    for _ in range(logit.MAX_STEPS):
        p = expit(x @ beta)
        weights = p * (1.0 - p)
        step = np.linalg.solve((x.T * weights) @ x + np.diag(ridge), x.T @ (y - p) - ridge * beta)
        beta += step
        if np.abs(step).max() < logit.TOLERANCE:
            break
    return float(-2.0 * (y * np.log(expit(x @ beta)) + (1.0 - y) * np.log(expit(-(x @ beta)))).sum())


def regressions(*, large: bool) -> list[Result]:
    """The combined regression with its nine drop-ones at 100,000 rows, against rows; alone at a million."""
    frame = stacked(answers(50_000))
    ours, deviances = timed(lambda: counted(frame), repeats=5)
    found = [{"rows": len(frame), "way": "patterns", **ours}]
    for way in (plain_newton, by_rows):
        theirs, others = timed(lambda way=way: way(frame))  # type: ignore[misc]
        off = max(abs(one - other) for one, other in zip(deviances, others, strict=True))
        if off > MOST_OFF:
            raise SystemExit(f"the deviances differ by {off}")
        ratio = round(theirs["cpu"] / ours["cpu"], 1)
        found.append({"rows": len(frame), "way": way.__name__, **theirs, "ratio": ratio, "off_by": float(f"{off:.1e}")})
    if large:
        million = stacked(answers(500_000))
        found.append({"rows": len(million), "way": "patterns", **timed(lambda: counted(million), repeats=3)[0]})
    return found


# --- The mixed model ---------------------------------------------------------------------------------


def mixed(*, large: bool) -> list[Result]:
    """The crossed-random-effects model of one question at 10,000 and 100,000 judgments, and a million."""
    found: list[Result] = []
    for n in (10_000, 100_000, *((1_000_000,) if large else ())):
        frame = answers(n)
        value = frame["personal"].to_numpy()

        def fit(frame: pd.DataFrame = frame, value: Floats = value) -> Any:
            patterns = count_patterns(frame, value="personal", variables=[name for (name,) in MIXED_TERMS])
            random = [
                RandomTerm("respondent", "respondent", frame["respondent_id"].to_numpy()),
                RandomTerm("item", "item", frame["scenario_item_id"].to_numpy()),
            ]
            return fit_mixed(patterns, MIXED_TERMS, value, random)

        times, result = timed(fit, repeats=3 if n < 100_000 else 1)
        if result.reason:
            raise SystemExit(result.reason)
        found.append({
            "judgments": len(frame), **times, "cpu_per_10000": round(times["cpu"] * 10_000 / len(frame), 3),
            "evaluations": result.n_evaluations, "sd_respondent": round(result.sd["respondent"], 3),
            "sd_item": round(result.sd["item"], 3), "own": round(result.of("country_relation[02]"), 3),
        })  # fmt: skip
    return found


# --- Agreement, and the whole report -----------------------------------------------------------------


def alpha(*, large: bool) -> list[Result]:
    """Alpha with its interval of a million judgments, against a bootstrap of the krippendorff package."""
    rated = draw_judgments()
    found = compare(rated)
    bootstrap = N_BOOTSTRAPS * found.package
    return [
        {
            "judgments": len(rated.category), "cpu": round(found.own, 4), "package_cpu": round(found.package, 3),
            "bootstrap_cpu": round(bootstrap), "ratio": round(bootstrap / found.own),
        }
    ]  # fmt: skip


def report(*, large: bool) -> list[Result]:
    """The whole report with its peak memory, in a process of its own."""
    command = [sys.executable, "-m", "bench.report", "--judgments", str(1_000_000 if large else 20_000)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))["result"]
    names = ("judgments", "seconds", "processor_seconds", "peak_mb", "peak_mb_of_the_data_alone")
    return [{name: told[name] for name in names}]


# --- The bench ---------------------------------------------------------------------------------------

PARTS: list[Callable[..., list[Result]]] = [alpha, regressions, mixed, report]


def timed(run: Callable[[], Any], repeats: int = 1) -> tuple[dict[str, float], Any]:
    """Give the shortest wall and processor times of some runs, and what the last gave.

    Ratios are of processor time: one thread, no waiting, so that what else the machine does counts less.
    """
    wall, cpu = [], []
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        result = run()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    return {"seconds": round(min(wall), 3), "cpu": round(min(cpu), 4)}, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=[part.__name__ for part in PARTS])
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    results: dict[str, list[Result]] = {}
    with threadpool_limits(1):
        for part in PARTS:
            if not options.only or part.__name__ in options.only:
                results[part.__name__] = part(large=options.large)
                print(f"{part.__name__}: {results[part.__name__]}", file=sys.stderr)
    print(json.dumps({"machine": kept.machine(), "results": results}))
    for name, rows in results.items():
        for row in rows:
            print(f"{name:12} " + "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
