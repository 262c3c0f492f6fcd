"""How fast alpha with its interval is: `python -m bench.agreement` prints one line of JSON and a table.

A million judgments are drawn from a seed; nothing is written anywhere. Numerical libraries are held to one thread, as
in the workers.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import platform
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import krippendorff
import numpy as np
import pandas as pd
from scipy.special import expit

from analysis.stats.agreement import agreement, estimates
from analysis.stats.rated import Rated

N_RESPONDENTS, N_ITEMS, N_EACH = 20_000, 1_000, 50  # a million judgments
N_BOOTSTRAPS = 1_000


class Row(NamedTuple):
    what: str
    result: str
    against: str


def seconds(call: Callable[[], Any], repeats: int = 3) -> float:
    """Give the processor time of the quickest of a few calls."""
    took = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        took.append(time.process_time() - started)
    return min(took)


def draw_judgments(seed: int = 1) -> Rated:
    """Draw a million answers of 20,000 people to 50 of 1,000 items each."""
    rng = np.random.default_rng(seed)
    respondent = np.repeat(np.arange(N_RESPONDENTS), N_EACH)
    item = np.concatenate([rng.permutation(N_ITEMS)[:N_EACH] for _ in range(N_RESPONDENTS)])
    linear = 0.5 + 0.8 * rng.normal(size=N_RESPONDENTS)[respondent] + rng.normal(size=N_ITEMS)[item]
    answers = (rng.random(len(item)) < expit(linear)).astype(np.intp)
    return Rated(answers, respondent, item, np.arange(N_ITEMS), 2)


class Compared(NamedTuple):
    """Seconds of alpha with its interval, ours, and of the package's point alone."""

    own: float
    package: float


def compare(rated: Rated) -> Compared:
    """Time alpha with its two-way interval against the krippendorff package's alpha, which must be the same."""
    own = seconds(lambda: estimates(rated, 0.95, ("alpha",)), repeats=7)
    table = np.full((N_RESPONDENTS, N_ITEMS), np.nan)
    table[rated.respondent, rated.unit] = rated.category
    found: list[float] = []

    def package() -> None:
        found.append(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal"))

    package_seconds = seconds(package)
    mine = estimates(rated, 0.95, ("alpha",))[0].estimate
    if abs(mine - found[0]) > 1e-10:
        raise SystemExit(f"alpha is {mine}, the krippendorff package says {found[0]}")
    return Compared(own, package_seconds)


def alpha() -> list[Row]:
    """Alpha with its two-way interval against a bootstrap of the krippendorff package, extrapolated from three."""
    rated = draw_judgments()
    own, theirs = compare(rated)
    everything = seconds(lambda: estimates(rated, 0.95))
    frame = pd.DataFrame({"y": rated.category, "person": rated.respondent, "item": rated.unit})
    names = frame.assign(person=frame["person"].astype(str), item=frame["item"].astype(str).astype("category"))
    from_frame = seconds(lambda: agreement(names, value="y", respondent="person", item="item"))
    bootstrap = N_BOOTSTRAPS * theirs
    return [
        Row("alpha with interval, 1,000,000 judgments as codes", f"{1000 * own:.0f} ms", ""),
        Row("the krippendorff package, the point alone", f"{1000 * theirs:.0f} ms", f"{theirs / own:.0f} × as long"),
        Row(
            f"its bootstrap of {N_BOOTSTRAPS:,}, extrapolated",
            f"{bootstrap:.0f} s",
            f"{bootstrap / own:,.0f} × as long",
        ),
        Row("five measures with intervals, from codes", f"{1000 * everything:.0f} ms", ""),
        Row("the same from a table with names of people and items", f"{1000 * from_frame:.0f} ms", ""),
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = alpha()
    machine = {"python": platform.python_version(), "numpy": np.__version__, "cores": os.cpu_count()}
    print(json.dumps({"machine": machine, "alpha": [row._asdict() for row in rows]}))
    print("\n| what | result | to read it against |\n|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.result} | {row.against} |")


if __name__ == "__main__":
    main()
