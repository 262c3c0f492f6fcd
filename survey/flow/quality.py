"""Quality flags: what is measured of a session's answers, and when it is worth a researcher's look. Pure.

Answers to two-option questions cannot be right or wrong, so the flags look at how they were given. A flag excludes
nobody; the instrument's ``exclusions`` name those that an analysis leaves out, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import NamedTuple

from survey.enums import Choice, OptionOrder


class Flag(NamedTuple):
    """What a flag measures; it is raised below or from its limit on."""

    label: str
    unit: str
    is_raised_below: bool = False


FLAGS: dict[str, Flag] = {
    "too_fast": Flag("Median time on a scenario", "seconds", is_raised_below=True),
    "same_position_run": Flag("Longest run of answers in the same place on the screen", "answers"),
    "same_choice_run": Flag("Longest run of the same choice", "answers"),
    "attention_failed": Flag("Attention checks answered otherwise than asked", "checks"),
    "comprehension_retry": Flag("Wrong answers to the comprehension check", "answers"),
    "declined": Flag("Questions not answered when asked a second time", "share"),
    "beyond_quota": Flag("Finished after the quota place was given to somebody else", "sessions"),
}


def limit_of(flag: Flag, limit: float) -> str:
    """Say in words when a flag is raised."""
    if flag.is_raised_below:
        return f"below {limit:g} {flag.unit}"
    return f"{100 * limit:g}% or more" if flag.unit == "share" else f"{limit:g} or more {flag.unit}"


class Given(NamedTuple):
    """One answer as it was given; ``choice`` is None where it was declined."""

    choice: Choice | None
    option_order: OptionOrder
    duration_s: float


@dataclass(frozen=True)
class Evidence:
    """What is known of a finished session, answers in the order given."""

    answers: Sequence[Given]
    n_attention_failed: int
    n_comprehension_wrong: int
    is_within_quota: bool


def longest_run(values: Sequence[object]) -> int:
    """Count the longest stretch of equal values; 0 for none."""
    return max((len(list(group)) for _, group in groupby(values)), default=0)


def screen_place(given: Given) -> str:
    """Say where on the screen the chosen option stood."""
    is_first = (given.choice == Choice.CULTURE) == (given.option_order == OptionOrder.CULTURE_FIRST)
    return "first" if is_first else "second"


def measure(evidence: Evidence) -> dict[str, float]:
    """Measure everything that a flag can be raised for, in the flag's unit."""
    chosen = [given for given in evidence.answers if given.choice is not None]
    n = len(evidence.answers)
    return {
        "too_fast": median(given.duration_s for given in evidence.answers) if n else float("inf"),
        "same_position_run": longest_run([screen_place(given) for given in chosen]),
        "same_choice_run": longest_run([given.choice for given in chosen]),
        "attention_failed": evidence.n_attention_failed,
        "comprehension_retry": evidence.n_comprehension_wrong,
        "declined": (n - len(chosen)) / n if n else 0.0,
        "beyond_quota": 0.0 if evidence.is_within_quota else 1.0,
    }


def raise_flags(measured: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, float]:
    """Give the flags that pass the instrument's limits, with what was measured."""
    raised = {}
    for name, limit in limits.items():
        value = measured[name]
        if value < limit if FLAGS[name].is_raised_below else value >= limit:
            raised[name] = value
    return raised
