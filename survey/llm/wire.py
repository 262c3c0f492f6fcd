"""The chat-completions format that endpoints speak: what is sent, what comes back. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from survey.llm.prompts import Message

ANSWER_TOKENS = 16
TOP_LOGPROBS = 20


class TokenLogprob(NamedTuple):
    token: str
    logprob: float


class UnreadableReply(ValueError):
    """The body is not a chat completion."""


@dataclass(frozen=True)
class Reply:
    """A chat completion, with its parts as far as the endpoint sent them."""

    body: Any
    text: str
    is_refusal: bool = False
    finish_reason: str = ""
    model: str = ""
    first_tokens: Sequence[TokenLogprob] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def first_token_body(
    model: str, messages: Sequence[Message], *, seed: int, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask for a short answer and the log-probabilities of its first token.

    At temperature 0 every server sends them (a sampled empty token would carry none), and they are those of
    temperature 1. `changes` sets or, with None, omits fields that one endpoint wants otherwise.
    """
    body = {
        "model": model,
        "messages": list(messages),
        "temperature": 0,
        "top_p": 1,
        "max_tokens": ANSWER_TOKENS,
        "logprobs": True,
        "top_logprobs": TOP_LOGPROBS,
        "seed": seed,
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def read_body(raw: bytes) -> Any:
    """Read JSON into what the database can store: no NaN, no NUL, no half characters."""
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UnreadableReply(f"the reply is no JSON: {error}") from error
    return _storable(body) if b"\\u0000" in raw or b"\\ud" in raw.lower() else body


def read_reply(body: Any) -> Reply:
    """Take a reply apart; whatever is missing or odd stays empty, but without a choice there is no reply."""
    try:
        choice = body["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnreadableReply("the reply holds no choice with a message") from error
    finish_reason = _text(choice.get("finish_reason"))
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Reply(
        body=body,
        text=_text(content) or _text(refusal),
        is_refusal=bool(refusal) or finish_reason == "content_filter",
        finish_reason=finish_reason[:40],
        model=_text(body.get("model"))[:200],
        first_tokens=_first_tokens(choice),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _first_tokens(choice: Mapping[str, Any]) -> list[TokenLogprob] | None:
    """Give the alternatives at the first token, the sampled one among them; None where none were sent."""
    try:
        first = choice["logprobs"]["content"][0]
        entries = [*(first.get("top_logprobs") or []), first]
        found = {entry["token"]: entry["logprob"] for entry in entries}
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    usable = {token: value for token, value in found.items() if _is_logprob(value) and isinstance(token, str)}
    return [TokenLogprob(token, float(value)) for token, value in usable.items()] or None


def _is_logprob(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.exp(min(value, 1)) <= 1.001


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_storable(key): _storable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_storable(part) for part in value]
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**31 else None
