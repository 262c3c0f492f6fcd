"""Sort what an endpoint sent instead of a completion into the kinds that callers treat differently."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from survey.llm.models import ModelSpec
from survey.llm.providers.contract import (
    Away,
    BadRequest,
    CallError,
    ContentFiltered,
    EndpointRefused,
    RateLimited,
    Transient,
)
from survey.llm.wire import UnreadableReply, read_body

MESSAGE_LENGTH = 500
RAW_LENGTH = 4000  # of a failed call's body that is kept
REQUEST_ID = "X-Request-Id"
OUT_OF_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
STANDS_FOR = (  # a word in an error's code or type, and the status that it would have come with
    ("insufficient_quota", 402), ("billing", 402), ("rate_limit", 429), ("too_many_requests", 429), ("exhausted", 429),
    ("api_key", 401), ("authenticat", 401), ("permission", 403), ("not_found", 404), ("overloaded", 503),
    ("unavailable", 503), ("gateway", 502), ("timeout", 504), ("server_error", 500), ("internal", 500),
    ("invalid", 400), ("bad", 400), ("unsupported", 400), ("context_length", 400), ("content", 400),
)  # fmt: skip


def failure(spec: ModelSpec, key: str, response: httpx2.Response) -> CallError:
    """Give the error that a failed response is, with what was sent, never with the key."""
    body = _json(response)
    error = _sort(spec, response, body, without_key(_said(body, response), key)[:MESSAGE_LENGTH])
    return with_body(error, key, response)


def with_body(error: CallError, key: str, response: httpx2.Response) -> CallError:
    """Keep with an error what the endpoint sent."""
    error.raw = without_key(response.content.decode(errors="replace"), key)[:RAW_LENGTH]
    error.request_id = without_key(response.headers.get(REQUEST_ID, ""), key)[:100]
    return error


def without_key(text: str, key: str) -> str:
    """Blot the key out, and what the database cannot store."""
    text = text.replace("\x00", "")
    return text.replace(key, "[key]") if key else text


def holds_error(body: Any) -> bool:
    """Tell whether a body that came as a success holds an error instead of a completion."""
    if not isinstance(body, dict):
        return False
    return bool(_choice_error(body)) or (not body.get("choices") and bool(_error(body).get("message")))


def broken_way(spec: ModelSpec, error: httpx2.TransportError) -> CallError:
    """Sort what went wrong on the way to the endpoint or back."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return EndpointRefused(
                f"{spec.tag}: the server's certificate is not trusted ({cause.verify_message}). Check the base URL "
                f"({spec.base_url}). A certificate of your own authority is trusted when SSL_CERT_FILE names the "
                "authority's where the worker runs. Then resume the run."
            )
    said = next((str(cause) for cause in reversed(causes) if isinstance(cause, OSError) and str(cause)), str(error))
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Away(f"no connection: {said or 'no reply in time'}"[:MESSAGE_LENGTH], mend=_is_it_there(spec))
    return Transient(f"{type(error).__name__}: {error}"[:MESSAGE_LENGTH])


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _sort(spec: ModelSpec, response: httpx2.Response, body: Any, said: str) -> CallError:
    status = response.status_code
    stands_for = _stands_for(body) if status == 200 else status
    how = f"HTTP {status}" if status != 200 else f"HTTP 200 with an error ({stands_for})"
    codes = _codes(body)
    wait = _retry_after(response.headers)
    if stands_for == 429 and not OUT_OF_MONEY & codes:
        return RateLimited(said, status=status, retry_after=wait)
    if stands_for in (400, 403) and any("content" in code and ("filter" in code or "policy" in code) for code in codes):
        return ContentFiltered(said, status=status, body=body)
    if mend := _what_to_mend(spec, stands_for):
        return EndpointRefused(f"{spec.tag}: {how}. {mend} The endpoint said: {said}", status=status)
    if stands_for in (502, 503):
        return Away(said, status=status, retry_after=wait, mend=_is_it_there(spec))
    if stands_for in (408, 409, 425) or stands_for >= 500:
        return Transient(said, status=status, retry_after=wait)
    return BadRequest(said, status=status, mend="Check the model's rules for requests (parameters) and its format.")


def _what_to_mend(spec: ModelSpec, status: int) -> str:
    """Say who has to do what before any call can succeed; empty when this one call is the trouble."""
    key = "The model's settings name no variable that holds it."
    if spec.api_key_env:
        key = f"The workers read it from {spec.api_key_env}: put the right one there and restart them."
    if status == 401:
        return f"The endpoint does not accept the key. {key}"
    if status in (402, 429):
        return "The account is out of credit. Top it up, then resume the run."
    if status == 403:
        return f"The key may not use this model ({spec.model}). {key}"
    if status == 404:
        return f"Check the base URL ({spec.base_url}) and the model's name ({spec.model})."
    if 300 <= status < 400:
        return f"The endpoint answers from another address. Check the base URL ({spec.base_url})."
    return ""


def _is_it_there(spec: ModelSpec) -> str:
    return f"Check that the server runs and that the worker can reach it ({spec.base_url})."


def _stands_for(body: Any) -> int:
    """Give the status that an error which came as a success would have come with."""
    for code in _codes(body):
        if code.isdecimal() and 400 <= int(code) < 600:
            return int(code)
    return next((status for word, status in STANDS_FOR for code in _codes(body) if word in code), 500)


def _json(response: httpx2.Response) -> Any:
    try:
        return read_body(response.content)
    except UnreadableReply:
        return None


def _error(body: Any) -> Mapping[str, Any]:
    """Find the error in the shapes that servers send: {"error": {…}}, {"error": "…"}, {"message": "…"}, in a choice."""
    if not isinstance(body, dict):
        return {}
    error = _choice_error(body) or body.get("error") or body
    return error if isinstance(error, dict) else {"message": error}


def _choice_error(body: Mapping[str, Any]) -> Any:
    """Give the error that stands in the place of the first choice, as gateways put it."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice.get("error") if isinstance(choice, dict) else None


def _said(body: Any, response: httpx2.Response) -> str:
    return str(_error(body).get("message") or response.content.decode(errors="replace"))


def _codes(body: Any) -> set[str]:
    error = _error(body)
    return {f"{error[name]}".lower() for name in ("code", "type", "status") if error.get(name)}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read seconds or a date; None when absent or odd."""
    value = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value)) if float(value) < float("inf") else None
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
