"""How a visit ended for the panel: one of a fixed list, derived from what is stored of the session. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from survey.enums import Outcome, Status

# Failed attention checks count against a participant in a survey of so many minutes, from so many failures on.
LONG_MINUTES = 5
FAILURES_IF_LONG = 2
SECONDS_PER_SCENARIO = 25  # a low estimate: to read one scenario and answer its questions
SECONDS_BESIDE = 90  # consent, screening, instructions

BY_STATUS: dict[Status, Outcome] = {
    Status.NO_CONSENT: Outcome.NO_CONSENT,
    Status.SCREENED_OUT: Outcome.SCREENED_OUT,
    Status.QUOTA_FULL: Outcome.QUOTA_FULL,
    Status.FAILED_COMPREHENSION: Outcome.FAILED_COMPREHENSION,
    Status.WITHDREW: Outcome.WITHDREW,
}
# What is said of somebody under way only holds as long as they do not come to an end by themselves.
WHILE_UNDER_WAY = frozenset({Outcome.TECHNICAL_FAILURE, Outcome.TIMED_OUT, Outcome.WITHDREW})
# Whoever is turned away at the door has no session.
UNBEGUN = frozenset({Outcome.STUDY_CLOSED, Outcome.INCOMPATIBLE_DEVICE})
# Whoever ends so has given all their answers, and is to be paid.
ANSWERED_ALL = frozenset({Outcome.COMPLETE, Outcome.COMPLETE_FLAGGED, Outcome.FAILED_ATTENTION})


class Rules(NamedTuple):
    """What a study sets: how long it takes, and which flags call for a person's look before the panel pays."""

    minutes: float
    review_flags: Collection[str] = ()


class Ended(NamedTuple):
    """What is stored of a session. An override is what somebody, or an error page, has said of it."""

    status: Status
    flags: Collection[str] = ()
    n_attention_failed: int = 0
    is_overdue: bool = False
    override: Outcome | None = None


def estimate_minutes(n_scenarios: int) -> float:
    """Estimate how long a survey takes at least."""
    return (n_scenarios * SECONDS_PER_SCENARIO + SECONDS_BESIDE) / 60


def outcome_of(ended: Ended, rules: Rules) -> Outcome | None:
    """Say how a session ended for the panel; None while it is under way.

    A session older than the panel allows counts as timed out, but whoever finishes it all the same has completed it.
    """
    is_under_way = ended.status in {Status.LANDED, Status.ACTIVE}
    if ended.override and (is_under_way or ended.override not in WHILE_UNDER_WAY):
        return ended.override
    if is_under_way:
        return Outcome.TIMED_OUT if ended.is_overdue else None
    if ended.status != Status.COMPLETE:
        return BY_STATUS[ended.status]
    if rules.minutes >= LONG_MINUTES and ended.n_attention_failed >= FAILURES_IF_LONG:
        return Outcome.FAILED_ATTENTION
    return Outcome.COMPLETE_FLAGGED if set(ended.flags) & set(rules.review_flags) else Outcome.COMPLETE
