"""What an arm agreed with its panel: rewards, limits, and what its codes stand for. Pure.

``panel_settings`` may hold, each as a number or as text: ``reward``, ``screen_out_reward`` and ``budget`` (what the
arm's submissions may cost, without the panel's fee), all three in hundredths of ``currency`` (pence, cents);
``screen_out_slots``, and ``review_days`` (after how many days a submission has awaited review for long). What is not
there is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from survey.enums import Outcome
from survey.flow.reconciling import REVIEW_DAYS
from survey.models import Arm
from survey.panels.base import exit_code, mapping, researcher_code, text

MONEY = ("reward", "screen_out_reward", "budget")
COUNTS = ("screen_out_slots", "review_days")
MOST = Decimal(1_000_000_000)
CENT = Decimal("0.01")


class Terms(NamedTuple):
    """An arm's terms, money in whole units of the currency; None and empty where they are not set or cannot be read."""

    reward: Decimal | None
    screen_out_reward: Decimal | None
    budget: Decimal | None
    currency: str
    screen_out_slots: int | None
    review_days: float
    codes: Mapping[str, frozenset[Outcome]]  # by the code in small letters; empty: the arm has none
    researcher_outcomes: frozenset[Outcome]  # those that this site can tell the panel of


def read_terms(arm: Arm) -> Terms:
    settings = mapping(arm.panel_settings)
    money = {name: read_number(settings.get(name)) for name in MONEY}
    reward, screen_out_reward, budget = (None if one is None else (one / 100).quantize(CENT) for one in money.values())
    slots, days = (read_number(settings.get(name)) for name in COUNTS)
    researcher = {outcome: researcher_code(arm, outcome) for outcome in Outcome}
    codes: dict[str, set[Outcome]] = defaultdict(set)
    for outcome in Outcome:
        for code in (exit_code(arm, outcome), researcher[outcome]):
            if code:
                codes[code.casefold()].add(outcome)
    return Terms(
        reward,
        screen_out_reward,
        budget,
        text(settings.get("currency")).upper()[:3],
        None if slots is None else int(slots),
        REVIEW_DAYS if days is None else float(days),
        {code: frozenset(outcomes) for code, outcomes in codes.items()},
        frozenset(outcome for outcome, code in researcher.items() if code),
    )


def read_number(value: object) -> Decimal | None:
    """Read a number that is not negative, given as one or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number <= MOST else None


def faulty_settings(arm: Arm) -> list[str]:
    """Name the settings that are there and cannot be read, so that nobody takes them for heeded."""
    settings = mapping(arm.panel_settings)
    faulty = [name for name in (*MONEY, *COUNTS) if name in settings and read_number(settings[name]) is None]
    is_unpriced = any(name in settings for name in MONEY) and len(text(settings.get("currency"))) != 3
    return [*faulty, *(["currency"] if is_unpriced else [])]
