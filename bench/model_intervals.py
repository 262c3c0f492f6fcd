"""Models beside people, the part `models` of `bench.coverage`: studies, truths and estimators.

People and items are drawn from a model with people who differ and items that differ; a language model knows the
items' rates in part; it gives probabilities, or is asked a few times. True values come from very many items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from analysis.stats.alignment import PairedItems, align, model_rates, over_rule, pair_items, read_people
from analysis.stats.calibration import calibrate, fit_logit
from analysis.stats.ceilings import DISAGREEMENT, RATE, Draws, ceilings
from analysis.stats.shift import MEASURES as SHIFTS
from analysis.stats.shift import shift_table
from analysis.stats.steering import order_bias, steerability
from bench.covered import Coverage, Interval, counted, held_by

N_PEOPLE, N_ITEMS, PER_PERSON, N_SAMPLES, N_GROUPS = 120, 90, 30, 10, 5
ITEM_MEAN, ITEM_SD, PERSON_SD = 0.6, 1.4, 0.8
MANY = 200_000
ORDER_PULL, STEER = 0.08, 0.6
N_DRAWS = 60


class Items(NamedTuple):
    """What is true of items: their place on the logit scale, people's rate, and the model's."""

    place: np.ndarray
    people: np.ndarray
    model: np.ndarray


def draw_items(n: int, rng: np.random.Generator) -> Items:
    """Draw items; the model follows their place with a stretch, a lean and a noise of its own."""
    place = rng.normal(ITEM_MEAN, ITEM_SD, n)
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    people = expit(place[:, None] + PERSON_SD * nodes) @ (weights / weights.sum())
    return Items(place, people, expit(0.3 + 0.8 * place + rng.normal(0, 0.7, n)))


def truths() -> dict[str, float]:
    """Give what every estimator estimates, over very many items."""
    items = draw_items(MANY, np.random.default_rng(0))
    p, m = items.people, items.model
    match = (m * p + (1 - m) * (1 - p)).mean()
    chance = m.mean() * p.mean() + (1 - m.mean()) * (1 - p.mean())
    line = fit_logit(np.column_stack([np.ones(MANY), logit(np.clip(m, 1e-4, 1 - 1e-4))]), p)[0]
    found = {
        "match with a random person": match,
        "match over always the culture": match - p.mean(),
        "kappa_x": (match - chance) / (1 - chance),
        "rate gap": (m - p).mean(),
        "squared gap, debiased": ((m - p) ** 2).mean(),
        "rate correlation, disattenuated": np.corrcoef(m, p)[0, 1],
        "rate: share of ceiling": np.corrcoef(m, p)[0, 1],
        "disagreement: share of ceiling": np.corrcoef(m * (1 - m), p * (1 - p))[0, 1],
        "Brier score": ((m - p) ** 2 + p * (1 - p)).mean(),
        "calibration slope": line[1],
        "calibration intercept": line[0],
        "samples: rate gap": (m - p).mean(),
        "samples: squared gap, debiased": ((m - p) ** 2).mean(),
        "samples: rate correlation, disattenuated": np.corrcoef(m, p)[0, 1],
        "order bias": ORDER_PULL,
        "steerability": STEER,
    }
    return {name: float(value) for name, value in {**found, **_shift_truths()}.items()}


def _shift_truths() -> dict[str, float]:
    before, after = _stages(draw_items(MANY, np.random.default_rng(1)).place)
    flips = before * (1 - after) + after * (1 - before)
    chance = before.mean() * after.mean() + (1 - before.mean()) * (1 - after.mean())
    return {
        "net shift": (after - before).mean(),
        "flips beyond reruns": ((after - before) ** 2).mean(),
        "kappa of stages": (1 - flips.mean() - chance) / (1 - chance),
    }


def _stages(place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return expit(0.3 * place), expit(1.2 * place - 0.8)


def study(rng: np.random.Generator) -> dict[str, Interval]:
    """Draw one study and give all intervals."""
    items = draw_items(N_ITEMS, rng)
    person = rng.normal(0, PERSON_SD, N_PEOPLE)
    who = np.repeat(np.arange(N_PEOPLE), PER_PERSON)
    what = np.concatenate([rng.choice(N_ITEMS, PER_PERSON, replace=False) for _ in range(N_PEOPLE)])
    y = (rng.random(len(who)) < expit(items.place[what] + person[who])).astype(float)
    people = read_people(pd.DataFrame({"who": who, "item": what, "y": y}), "y", "who", "item")
    exact = pd.DataFrame({"rate": items.model, "n": 1.0, "variance": 0.0}).loc[people.items]
    pairs = pair_items(people, exact, is_exact=True)
    samples = rng.random((N_ITEMS, N_SAMPLES)) < items.model[:, None]
    drawn = pd.DataFrame({"item": np.repeat(np.arange(N_ITEMS), N_SAMPLES), "y": samples.ravel().astype(float)})
    sampled = pair_items(people, model_rates(drawn, "y", "item"))
    return {
        **_alignment(pairs, ""),
        **_alignment(sampled, "samples: "),
        "match over always the culture": held_by(over_rule(pairs)),
        **_ceilings(pairs),
        **_calibration(pairs),
        "order bias": _order(items, rng),
        "steerability": _steering(rng),
        **_shifts(rng),
    }


NAMES = {
    "expected_match": "match with a random person",
    "kappa_x": "kappa_x",
    "signed_rate_gap": "rate gap",
    "squared_gap_debiased": "squared gap, debiased",
    "rate_correlation_disattenuated": "rate correlation, disattenuated",
}


def _alignment(pairs: PairedItems, prefix: str) -> dict[str, Interval]:
    found = {row.measure: row for row in align(pairs) if row.predictor == "model"}
    return {f"{prefix}{name}": held_by(found[measure]) for measure, name in NAMES.items()}


def _ceilings(pairs: PairedItems) -> dict[str, Interval]:
    found = {}
    draws = Draws(pairs.answers, pairs.n_items, seed=1, n_splits=20, n_resamples=N_DRAWS)
    for measure in (RATE, DISAGREEMENT):
        rows = {row["quantity"]: row for row in ceilings(pairs, measure, draws, seed=1, n_splits=20)}
        share = rows["share_of_ceiling"]
        found[f"{measure}: share of ceiling"] = Interval(share["estimate"], share["ci_low"], share["ci_high"])
    return found


def _calibration(pairs: PairedItems) -> dict[str, Interval]:
    found = {row.measure: row for row in calibrate(pairs) if row.predictor == "model"}
    names = {
        "brier": "Brier score",
        "calibration_slope": "calibration slope",
        "calibration_intercept": "calibration intercept",
    }
    return {name: held_by(found[measure]) for measure, name in names.items()}


def _order(items: Items, rng: np.random.Generator) -> Interval:
    pull = rng.normal(ORDER_PULL, 0.05, N_ITEMS)
    frames = [
        pd.DataFrame({"m": "m", "item": range(N_ITEMS), "order": order, "y": items.model + sign * pull / 2})
        for order, sign in (("first", 1), ("last", -1))
    ]
    table = order_bias(pd.concat(frames), item="item", order="order", first="first", second="last", value="y", by=["m"])
    return _row(table.iloc[0].to_dict())


def _steering(rng: np.random.Generator) -> Interval:
    base, persona = rng.uniform(0.35, 0.65, N_ITEMS), rng.normal(0, 0.1, (N_ITEMS, N_GROUPS))
    tendency = rng.normal(0, 0.08, N_PEOPLE)
    who = np.repeat(np.arange(N_PEOPLE), PER_PERSON)
    what = np.concatenate([rng.choice(N_ITEMS, PER_PERSON, replace=False) for _ in range(N_PEOPLE)])
    group = who % N_GROUPS
    rate = np.clip(base[what] + STEER * persona[what, group] + tendency[who], 0, 1)
    human = pd.DataFrame({"who": who, "item": what, "group": group, "y": rng.binomial(1, rate)})
    item, of = (np.ravel(part) for part in np.indices((N_ITEMS, N_GROUPS)))
    model = np.clip(base[item] + persona[item, of], 0, 1)
    answers = rng.random((len(item), N_SAMPLES)) < model[:, None]
    personas = pd.DataFrame(
        {
            "item": np.repeat(item, N_SAMPLES),
            "group": np.repeat(of, N_SAMPLES),
            "y": answers.ravel().astype(float),
        }
    )
    table = steerability(
        human, personas, item="item", respondent="who", human_value="y", model_value="y", group=["group"]
    )
    return _row(table[table["measure"] == "slope"].iloc[0].to_dict())


def _shifts(rng: np.random.Generator) -> dict[str, Interval]:
    before, after = _stages(draw_items(N_ITEMS, rng).place)
    frames = [
        pd.DataFrame(
            {
                "source": np.repeat(np.arange(N_ITEMS), 4),
                "stage": stage,
                "y": (rng.random((N_ITEMS, 4)) < rate[:, None]).astype(float).ravel(),
            }
        )
        for stage, rate in (("base", before), ("instruct", after))
    ]
    table = shift_table(
        pd.concat(frames), value="y", stage="stage", first="base", second="instruct", instance=[], source="source",
        by=[],
    )  # fmt: skip
    rows = {str(row["measure"]): row for row in table.to_dict("records")}
    names = {"net_shift": "net shift", "excess_flips": "flips beyond reruns", "kappa": "kappa of stages"}
    return {name: _row(rows[measure]) for measure, name in names.items() if measure in SHIFTS}


def _row(row: Mapping[Any, Any]) -> Interval:
    return Interval(row["estimate"], row["ci_low"], row["ci_high"])


def coverage(n_studies: int, seed: int = 1, on_study: Callable[[int], None] | None = None) -> list[Coverage]:
    """Draw studies and count."""
    true = truths()
    found: dict[str, list[Interval]] = {name: [] for name in true}
    for number in range(n_studies):
        for name, interval in study(np.random.default_rng([seed, number])).items():
            if name in found:
                found[name].append(interval)
        if on_study:
            on_study(number + 1)
    return [counted(name, true[name], intervals) for name, intervals in found.items()]
