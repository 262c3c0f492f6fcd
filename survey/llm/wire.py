"""The two formats that endpoints speak, chat and plain completions: what is sent, what comes back. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from survey.llm.enums import Method, PromptFormat
from survey.llm.prompts import LABELS, Ask, messages, prompt_text

ANSWER_TOKENS = 16
JSON_TOKENS = 64  # an object, with room for spaces and a fence around it
TOP_LOGPROBS = 20
TOP_LOGPROBS_PLAIN = 5  # as many as every /completions endpoint grants
NEUTRAL: Mapping[str, Any] = {"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0}  # the model's own distribution
CHOICE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": list(LABELS)}},
    "required": ["answer"],
    "additionalProperties": False,
}


class TokenLogprob(NamedTuple):
    token: str
    logprob: float


class UnreadableReply(ValueError):
    """The body is no completion."""


@dataclass(frozen=True)
class Reply:
    """A completion, with its parts as far as the endpoint sent them."""

    body: Any
    text: str
    is_refusal: bool = False
    finish_reason: str = ""
    model: str = ""
    first_tokens: Sequence[TokenLogprob] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def request_body(ask: Ask, model: str, *, seed: int, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the body that asks by a method, in the format that the model takes.

    `changes` sets or, with None, omits fields that one endpoint wants otherwise.
    """
    is_chat = ask.prompt_format == PromptFormat.CHAT
    prompt = {"messages": messages(ask)} if is_chat else {"prompt": prompt_text(ask)}
    body = {"model": model, **prompt, **_settings(ask.method, is_chat=is_chat), "seed": seed}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def _settings(method: Method, *, is_chat: bool) -> dict[str, Any]:
    """Give what tells the methods apart on the wire.

    Log-probabilities are asked for at temperature 0, where every server sends them (a sampled empty token would carry
    none); they are those of temperature 1. Everything else is sampled from the model's own distribution.
    """
    if method == Method.FIRST_TOKEN:
        wanted = {"logprobs": True, "top_logprobs": TOP_LOGPROBS} if is_chat else {"logprobs": TOP_LOGPROBS_PLAIN}
        return {"temperature": 0, "top_p": 1, "max_tokens": ANSWER_TOKENS, **wanted}
    if method == Method.SAMPLE:
        return {**NEUTRAL, "max_tokens": ANSWER_TOKENS}
    if method == Method.JSON_CHOICE:
        schema = {"name": "answer", "strict": True, "schema": CHOICE_SCHEMA}
        form = {"type": "json_schema", "json_schema": schema}
        return {**NEUTRAL, "max_tokens": JSON_TOKENS, "response_format": form}
    return {**NEUTRAL, "max_tokens": JSON_TOKENS}


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
        message = choice["message"] if "message" in choice else {"content": choice["text"]}
        content, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnreadableReply("the reply holds no choice with a message or text") from error
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
        logprobs = choice["logprobs"]
        found = _chat_tokens(logprobs) if logprobs.get("content") else _plain_tokens(logprobs)
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    usable = {token: value for token, value in found.items() if _is_logprob(value) and isinstance(token, str)}
    return [TokenLogprob(token, float(value)) for token, value in usable.items()] or None


def _chat_tokens(logprobs: Mapping[str, Any]) -> dict[Any, Any]:
    first = logprobs["content"][0]
    entries = [*(first.get("top_logprobs") or []), first]
    return {entry["token"]: entry["logprob"] for entry in entries}


def _plain_tokens(logprobs: Mapping[str, Any]) -> dict[Any, Any]:
    """Read the older shape: parallel lists, and a mapping of the alternatives at each place."""
    tops = logprobs.get("top_logprobs") or [{}]
    return {**(tops[0] or {}), logprobs["tokens"][0]: logprobs["token_logprobs"][0]}


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
