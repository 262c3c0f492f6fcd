"""What calls cost: exact decimals, never floats. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

MILLION = Decimal(1_000_000)
EXACT = Decimal("0.00000001")


class Price(Protocol):
    @property
    def prompt_per_million(self) -> Decimal: ...

    @property
    def completion_per_million(self) -> Decimal: ...


def cost(price: Price, prompt_tokens: int, completion_tokens: int) -> Decimal:
    """Give the price of so many tokens, to a hundred-millionth."""
    exact = price.prompt_per_million * prompt_tokens + price.completion_per_million * completion_tokens
    return (exact / MILLION).quantize(EXACT, ROUND_HALF_UP)


def rough_tokens(text: str) -> int:
    """Guess the tokens of a text: four bytes of UTF-8 each, so that scripts of three bytes a letter count for more."""
    return max(1, round(len(text.encode()) / 4))
