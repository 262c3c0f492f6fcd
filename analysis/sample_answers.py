"""Answers to a planner's question: the closed form at once, simulated studies by a worker. Loads NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from analysis.sample_questions import Kind, SampleQuestion
from analysis.stats.planning_forms import (
    Design,
    Spread,
    answers_for_disagreement,
    answers_for_rates,
    components,
    detectable,
    disagreement_reliability,
    n_needed,
    normal_power,
    power_curve,
)

N_POINTS = 24
REACH = 2.5  # the curve goes so far beyond the people asked for, or needed
RATES_ALPHA = 0.19  # Krippendorff's alpha that the pilot of the method had
CURVE_LIMIT = 4000


def closed_form(question: SampleQuestion) -> dict[str, Any]:
    """Answer by formulas: the value at the people asked for, how many are needed, and a curve over people."""
    if question.kind == Kind.DISAGREEMENT:
        return _disagreement(question)
    parts, design, alpha = components(spread_of(question)), design_of(question), question.alpha / question.tests
    size = question.effect / 100
    needed = n_needed(parts, size, design, power=question.wanted, alpha=alpha)
    people = _people(question, needed)
    smallest = detectable(parts, design, power=question.wanted, alpha=alpha)
    return {
        "value": normal_power(parts, design, size, alpha),
        "needed": needed,
        "detectable": 100 * smallest,
        "curve": power_curve(parts, design, size, people, alpha),
        "mean": parts.mean,
    }


def simulate_question(question: SampleQuestion, on_done: Callable[[int], None]) -> list[dict[str, Any]]:
    """Simulate the studies at each number of people; `on_done` is told how many are finished in all."""
    from analysis.stats.planning import simulate_power, simulate_reliability  # pandas is needed by the worker only

    points: list[dict[str, Any]] = []
    for place, n in enumerate(question.people_tried):

        def tell(number: int, before: int = place * question.runs) -> None:
            on_done(before + number)

        chosen = {"n_runs": question.runs, "seed": question.seed + place, "on_run": tell}
        if question.kind == Kind.DISAGREEMENT:
            rate = question.mean / 100
            found = simulate_reliability(rate, question.item_sd, n, n_items=question.items, **chosen)  # type: ignore[arg-type]
            told = {"estimate": found.reliability, "mean_estimate": None}
        else:
            alpha = question.alpha / question.tests
            power = simulate_power(
                spread_of(question),
                design_of(question, n),
                question.effect / 100,
                alpha=alpha,
                **chosen,  # type: ignore[arg-type]
            )
            found = power  # type: ignore[assignment]
            told = {"estimate": power.power, "mean_estimate": 100 * power.mean_estimate}
        low, high = found.interval
        points.append({"people": n, **told, "ci_low": low, "ci_high": high, "runs": question.runs})
    return [{name: _finite(value) for name, value in point.items()} for point in points]


def spread_of(question: SampleQuestion) -> Spread:
    """Put the mean rate, which people can read, on the logit scale of a person and an item in the middle."""
    rate = question.mean / 100
    low, high = -12.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = components(Spread(middle, question.respondent_sd, question.item_sd)).mean
        low, high = (middle, high) if mean < rate else (low, middle)
    return Spread((low + high) / 2, question.respondent_sd, question.item_sd)


def design_of(question: SampleQuestion, people: int | None = None) -> Design:
    """Say who judges what; own-culture effects compare the same people on scenarios of either kind."""
    is_within = question.kind == Kind.OWN_CULTURE
    is_shared = question.is_shared and not is_within
    return Design(people or question.people, question.items, question.pool, is_shared, is_within)


def _disagreement(question: SampleQuestion) -> dict[str, Any]:
    rate, sd = question.mean / 100, question.item_sd
    needed = answers_for_disagreement(rate, sd, question.wanted) if sd > 0 else None
    people = _people(question, needed)
    return {
        "value": disagreement_reliability(rate, sd, question.people) if sd > 0 else 0.0,
        "needed": needed,
        "detectable": None,
        "curve": [(n, disagreement_reliability(rate, sd, n) if sd > 0 else 0.0) for n in people],
        "mean": rate,
        "for_rates": math.ceil(answers_for_rates(RATES_ALPHA, question.wanted)),
    }


def _people(question: SampleQuestion, needed: int | None) -> list[int]:
    """Choose the numbers of people that the curve passes, evenly, and those that matter among them."""
    most = REACH * max(question.people, min(needed or 0, CURVE_LIMIT / REACH), 4)
    even = {max(2, round(2 + (most - 2) * step / N_POINTS)) for step in range(N_POINTS + 1)}
    return sorted(even | set(question.people_tried) | ({needed} if needed and 2 <= needed <= most else set()))


def _finite(value: Any) -> Any:
    """Write what is not a number as nothing: it is stored as JSON."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
