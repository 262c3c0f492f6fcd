"""Whether a panel's participants are paid by the hour what the panel asks for and recommends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import median
from typing import NamedTuple


class PayRule(NamedTuple):
    """Pay by the hour: what Prolific enforces on the median time, and what it recommends."""

    floor: Decimal
    recommended: Decimal


PAY_RULES: dict[str, PayRule] = {
    "GBP": PayRule(Decimal(6), Decimal(9)),
    "USD": PayRule(Decimal(8), Decimal(12)),
}


def hourly_pay(reward: Decimal | None, seconds: Sequence[int]) -> Decimal | None:
    """Give the reward by the hour of the median time; None where either is not known."""
    middle = median(seconds) if seconds else 0
    if reward is None or middle <= 0:
        return None
    return (reward * 3600 / Decimal(middle)).quantize(Decimal("0.01"))


def judge_pay(hourly: Decimal | None, currency: str) -> str:
    """Say in words how a pay by the hour stands to the panel's rules; empty where nothing can be said."""
    rule = PAY_RULES.get(currency)
    if hourly is None or rule is None:
        return ""
    if hourly < rule.floor:
        return f"below the floor of {rule.floor}"
    if hourly < rule.recommended:
        return f"below the recommended {rule.recommended}"
    return "as recommended"
