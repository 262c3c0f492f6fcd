"""The whole report on many answers: `python -m bench.report [--judgments N]` tells time and memory.

A seeded invented study in the form of the exported tables: 184 items in 18 countries, respondents of five countries
with 24 items each, two models with and without personas. One BLAS thread; processor time is that of this process; Linux
only (peak memory is read from the kernel).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from itertools import product
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pact_site.settings")
os.environ.setdefault("SECRET_KEY", "for-the-bench-only")

import django  # noqa: E402

django.setup()

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.special import expit  # noqa: E402

from analysis.columns import COMPLETIONS, LONG, Column, Table  # noqa: E402
from analysis.frames import DTYPES  # noqa: E402
from analysis.paper_columns import HUMAN, PREDICTIONS  # noqa: E402
from analysis.parameters import Parameters  # noqa: E402
from analysis.reports import compute_from  # noqa: E402
from analysis.reports.inputs import Data  # noqa: E402
from survey.enums import Country, Theme  # noqa: E402

N_ITEMS, PER_PERSON, SEED = 184, 24, 1
HOMES = ("BR", "IN", "ZA", "GB", "US")
AGES, GENDERS = ("younger", "older"), ("female", "male")
SD_PERSON, SD_ITEM = 0.8, 1.0
NAMES = {code: Country(code).label for code in Country.values}  # as the paper's files call countries


def typed(table: Table, columns: dict[str, Any], n: int) -> pd.DataFrame:
    """Give a table's frame; columns that the bench does not fill hold their first level, or nothing."""
    made: dict[str, Any] = {}
    for column in table.columns:
        values = columns.get(column.name)
        if values is None:
            values = _nothing(column.type, n) if column.missing else _filler(column.type, column.levels, n)
        series = pd.Series(values)
        made[column.name] = series.astype(_dtype(column))
    return pd.DataFrame(made)


def _dtype(column: Column) -> Any:
    if column.levels:
        return pd.CategoricalDtype(list(column.levels))
    plain = {"integer": "int64", "boolean": "bool"}
    return DTYPES[column.type] if column.missing else plain.get(column.type, DTYPES[column.type])


def _nothing(kind: str, n: int) -> Any:
    return np.full(n, np.nan) if kind == "number" else pd.array([pd.NA] * n, dtype="object")


def _filler(kind: str, levels: tuple[str, ...], n: int) -> Any:
    if levels:
        return np.full(n, levels[0])
    value = {"integer": 1, "number": 0.0, "boolean": False}.get(kind, "x")
    return np.full(n, value)


def items(rng: np.random.Generator) -> pd.DataFrame:
    countries = list(Country.values)
    return pd.DataFrame(
        {
            "item_code": [f"I{number:03}" for number in range(N_ITEMS)],
            "scenario_country": [countries[number % len(countries)] for number in range(N_ITEMS)],
            "theme": [Theme.values[number % len(Theme.values)] for number in range(N_ITEMS)],
            "is_core": [number < 40 for number in range(N_ITEMS)],
            "receiver_age": rng.choice(AGES, N_ITEMS),
            "receiver_gender": rng.choice(GENDERS, N_ITEMS),
            "effect": rng.normal(0, SD_ITEM, N_ITEMS),
        }
    )


def people(rng: np.random.Generator, facts: pd.DataFrame, n_people: int) -> pd.DataFrame:
    """Give a row per respondent and item, with both answers."""
    order = np.argsort(rng.random((n_people, N_ITEMS)), axis=1)[:, :PER_PERSON]
    person = np.repeat(np.arange(n_people), PER_PERSON)
    rows = facts.iloc[order.ravel()].reset_index(drop=True)
    home = np.array(HOMES)[person % len(HOMES)]
    age, gender = rng.choice(AGES, n_people)[person], rng.choice(GENDERS, n_people)[person]
    relation = np.where(rows["scenario_country"] == home, "same", np.where(order.ravel() % 3 == 0, "close", "far"))
    eta = 0.8 + rows["effect"] + rng.normal(0, SD_PERSON, n_people)[person] - 0.5 * (relation == "same")
    rows = rows.assign(
        respondent_id=[f"r{number:07}" for number in person], respondent_country=home, age_bucket=age,
        gender_named=gender, relation=relation, option_order=np.where(person % 2, "culture_first", "preference_first"),
    )  # fmt: skip
    for question, shift in (("personal", 0.0), ("norm", 0.4)):
        rows[question] = rng.random(len(rows)) < expit(eta + shift)
    return rows


def long_table(rows: pd.DataFrame) -> pd.DataFrame:
    both = pd.concat([rows.assign(question=q, followed=rows[q]) for q in ("personal", "norm")], ignore_index=True)
    return typed(
        LONG,
        {
            **{name: both[name] for name in LONG.names if name in both.columns},
            "session_status": np.full(len(both), "complete"),
            "gender": both["gender_named"].map({"female": "woman", "male": "man"}),
            "demographic_cell": both["age_bucket"] + "_" + both["gender_named"],
            "choice": np.where(both["followed"], "culture", "preference"),
            "follows_culture": both["followed"].astype(int),
        },
        len(both),
    )


def paper_table(rows: pd.DataFrame) -> pd.DataFrame:
    letters = {question: np.where(rows[question], "A", "B") for question in ("personal", "norm")}
    return typed(
        HUMAN,
        {
            **{name: rows[name] for name in HUMAN.names if name in rows.columns},
            "respondent_country": rows["respondent_country"].map(NAMES),
            "scenario_country": rows["scenario_country"].map(NAMES),
            "scenario_item_id": rows["item_code"],
            "respondent_age_bucket": rows["age_bucket"],
            "respondent_gender": rows["gender_named"],
            "respondent_demo": rows["age_bucket"] + "_" + rows["gender_named"],
            "receiver_demo": rows["receiver_age"] + "_" + rows["receiver_gender"],
            "human_personal": letters["personal"],
            "human_norm": letters["norm"],
        },
        len(rows),
    )


def model_tables(rng: np.random.Generator, facts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    personas: list[tuple[Any, Any, Any]] = [(None, None, None), *product(HOMES, AGES, GENDERS)]
    orders = ("culture_first", "preference_first")
    cells = list(product(("model_a", "model_b"), range(N_ITEMS), personas, ("personal", "norm"), orders))
    frame = pd.DataFrame(
        [(tag, item, *persona, question, order) for tag, item, persona, question, order in cells],
        columns=["model_tag", "item", "persona_country", "persona_age", "persona_gender", "question", "option_order"],
    )
    frame = frame.join(facts, on="item")
    frame["p_culture"] = expit(1.0 + frame["effect"] + rng.normal(0, 0.7, len(frame)))
    followed = frame["p_culture"] > 0.5
    setting = np.where(frame["persona_country"].isna(), "no_persona", "persona")
    completions = typed(
        COMPLETIONS,
        {
            **{name: frame[name] for name in COMPLETIONS.names if name in frame.columns},
            "run_kind": np.full(len(frame), "alignment"),
            "persona_setting": setting,
            "condition": np.full(len(frame), "no_balance"),
            "preference_config": np.full(len(frame), "actor_pref_only"),
            "demographic_config": np.full(len(frame), "no_demo"),
            "method": np.full(len(frame), "first_token"),
            "choice": np.where(followed, "culture", "preference"),
            "follows_culture": followed.astype(int),
            "is_latest": np.full(len(frame), True),
        },
        len(frame),
    )
    asked = frame.assign(setting=setting, letter=np.where(followed, "A", "B"))
    asked = asked[asked["option_order"] == "culture_first"]
    wide = asked[asked["question"] == "personal"].reset_index(drop=True)
    norm = asked.loc[asked["question"] == "norm", "letter"].to_numpy()
    predictions = typed(
        PREDICTIONS,
        {
            **{name: wide[name] for name in PREDICTIONS.names if name in wide.columns},
            "persona_country": wide["persona_country"].map(NAMES),
            "scenario_country": wide["scenario_country"].map(NAMES),
            "scenario_item_id": wide["item_code"],
            "persona_setting": setting[asked.index[asked["question"] == "personal"]],
            "persona_demo": wide["persona_age"] + "_" + wide["persona_gender"],
            "receiver_demo": wide["receiver_age"] + "_" + wide["receiver_gender"],
            "llm_personal": wide["letter"],
            "llm_norm": norm,
        },
        len(wide),
    )
    return completions, predictions


def make_data(n_judgments: int) -> Data:
    """Make the tables of a study with so many answers."""
    rng = np.random.default_rng(SEED)
    facts = items(rng)
    rows = people(rng, facts, n_judgments // (2 * PER_PERSON))
    completions, predictions = model_tables(rng, facts)
    nothing = {name: predictions.iloc[:0] for name in Data.__dataclass_fields__ if name.startswith("paper_")}
    tables = {**nothing, "paper_human": paper_table(rows), "paper_predictions": predictions}
    return Data(long=long_table(rows), completions=completions, snapshot_hash="0" * 64, **tables)


def shares(steps: dict[str, float]) -> dict[str, float]:
    """Sum up the steps by what stands before the colon."""
    found: dict[str, float] = {}
    for step, seconds in steps.items():
        name = step.partition(":")[0]
        found[name] = found.get(name, 0.0) + seconds
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judgments", type=int, default=1_000_000)
    options = parser.parse_args()
    data = make_data(options.judgments)
    made_mb, steps, begun, worked = peak_mb(), [], time.monotonic(), time.process_time()

    def on_step(step: str) -> None:
        steps.append((step, time.process_time()))
        print(f"{time.process_time() - worked:7.1f} s  {peak_mb():8.1f} MB  {step}", file=sys.stderr, flush=True)

    report = compute_from(data, Parameters(), on_step, {})
    ended, done = time.monotonic(), time.process_time()
    total = done - worked
    each = {step: round(after - at, 1) for (step, at), (_, after) in zip(steps, [*steps[1:], ("", done)], strict=True)}
    result = {
        "judgments": len(data.long), "respondents": data.long["respondent_id"].nunique(),
        "seconds": round(ended - begun, 1), "processor_seconds": round(total, 1),
        "peak_mb": peak_mb(), "peak_mb_of_the_data_alone": made_mb,
        "tables": len(report.results["tables"]), "steps": each,
    }  # fmt: skip
    print(json.dumps({"load": round(os.getloadavg()[0], 1), "result": result}))
    told = f"{result['processor_seconds']} s of one processor in {result['seconds']} s"
    print(f"{result['judgments']:,} judgments: {told}, peak {result['peak_mb']} MB")
    print("\n| family | processor time | share |\n|---|---|---|")
    for family, seconds in shares(each).items():
        print(f"| {family} | {seconds:.0f} s | {100 * seconds / total:.0f} % |")


if __name__ == "__main__":
    main()
