"""What calls cost, and the most that they may cost: exact decimals, never floats. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple, Protocol

MILLION = Decimal(1_000_000)
EXACT = Decimal("0.00000001")
TEMPLATE_TOKENS = 100  # what a server's own chat template may put around a prompt
ANSWER_LIMITS = ("max_tokens", "max_completion_tokens")


class Tokens(NamedTuple):
    prompt: int
    completion: int


class Price(Protocol):
    @property
    def prompt_per_million(self) -> Decimal: ...

    @property
    def completion_per_million(self) -> Decimal: ...


def cost(price: Price, prompt_tokens: int, completion_tokens: int) -> Decimal:
    """Give the price of so many tokens, to a hundred-millionth."""
    exact = price.prompt_per_million * prompt_tokens + price.completion_per_million * completion_tokens
    return (exact / MILLION).quantize(EXACT, ROUND_HALF_UP)


def in_words(amount: Decimal) -> str:
    """Write an amount to the cent, and what is smaller than that to its first two digits: never as nothing."""
    if not amount or abs(amount) >= Decimal("0.01"):
        return f"{amount:.2f}"
    return f"{amount:.{1 - amount.adjusted()}f}"


def rough_tokens(text: str) -> int:
    """Guess the tokens of a text: four bytes of UTF-8 each, so that scripts of three bytes a letter count for more."""
    return max(1, round(len(text.encode()) / 4))


def likely_tokens(body: Mapping[str, Any]) -> int:
    """Guess the tokens of a call: its prompt by the rule of thumb, its answer at the longest."""
    return rough_tokens(_words(body)) + answer_limit(body)


def most_tokens(body: Mapping[str, Any], overcount: float = 1.0) -> Tokens:
    """Give the most tokens that a call may be charged for, whatever the script.

    A token stands for a byte at least of what is sent: tokenizers join bytes, or fall back on them. The answer is as
    long as it may be. `overcount` is by how much an endpoint was seen to count more than that.
    """
    prompt = len(json.dumps(body, ensure_ascii=False).encode()) + TEMPLATE_TOKENS
    return Tokens(*(math.ceil(n * overcount) for n in (prompt, answer_limit(body))))


def answer_limit(body: Mapping[str, Any]) -> int:
    """Give the longest answer that a request allows, in tokens; 0 where it sets no limit."""
    limits = [body.get(name) for name in ANSWER_LIMITS]
    return max([limit for limit in limits if isinstance(limit, int)], default=0)


def _words(body: Mapping[str, Any]) -> str:
    if "prompt" in body:
        return str(body["prompt"])
    return "".join(str(message["content"]) for message in body["messages"])
