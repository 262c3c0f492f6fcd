"""Any endpoint that speaks OpenAI's completions, chat or plain: OpenAI, vLLM, llama.cpp, Ollama, gateways."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx2

from survey.llm.enums import PromptFormat
from survey.llm.models import ModelSpec
from survey.llm.providers.contract import (
    BadRequest,
    CallError,
    ChatRequest,
    ContentFiltered,
    EndpointRefused,
    RateLimited,
    Transient,
)
from survey.llm.providers.lanes import Lanes
from survey.llm.validators import KEY_NAME
from survey.llm.wire import Reply, UnreadableReply, read_body, read_reply

MESSAGE_LENGTH = 500
RAW_LENGTH = 4000  # of a failed call's body that is kept
REQUEST_ID = "X-Request-Id"
CONNECT_TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 2_000_000
PATHS = {PromptFormat.CHAT: "/chat/completions", PromptFormat.COMPLETIONS: "/completions"}
OUT_OF_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


class OpenAIProvider:
    """One client, and so one set of connections, for all calls of a chunk."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.key = _key(spec)
        self.client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),  # the limit for the whole call: `complete`
            transport=Lanes(),
            follow_redirects=False,
            trust_env=False,
        )
        self.address = spec.base_url.rstrip("/") + PATHS[PromptFormat(spec.prompt_format)]

    async def complete(self, request: ChatRequest) -> Reply:
        """Post the body; every failure becomes a CallError with what the endpoint said, never with the key."""
        try:
            async with asyncio.timeout(self.spec.timeout_s):
                response = await self._post(request.body)
        except TimeoutError as error:
            raise Transient(f"no answer within {self.spec.timeout_s} s") from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise Transient(f"{type(error).__name__}: {error}"[:MESSAGE_LENGTH]) from error
        except (httpx2.InvalidURL, httpx2.RequestError) as error:
            raise EndpointRefused(f"{error}. Check the base URL of {self.spec.tag}.") from error
        if response.status_code != 200:
            raise self._kept(self._failure(response), response)
        try:
            return read_reply(read_body(response.content))
        except UnreadableReply as error:
            raise self._kept(Transient(str(error)[:MESSAGE_LENGTH], status=200), response) from error

    async def _post(self, body: dict[str, Any]) -> httpx2.Response:
        """Send the body and read what comes back, up to a limit: a reply is stored, and many are under way."""
        async with self.client.stream("POST", self.address, json=body) as response:
            parts, size = [], 0
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > MAX_REPLY_BYTES:
                    raise Transient(f"the reply is longer than {MAX_REPLY_BYTES:,} bytes", status=response.status_code)
        return httpx2.Response(response.status_code, headers=_plain(response.headers), content=b"".join(parts))

    def _kept(self, error: CallError, response: httpx2.Response) -> CallError:
        """Keep with an error what the endpoint sent."""
        error.raw = self._without_key(response.content.decode(errors="replace"))[:RAW_LENGTH]
        error.request_id = self._without_key(response.headers.get(REQUEST_ID, ""))[:100]
        return error

    def _without_key(self, text: str) -> str:
        """Blot the key out, and what the database cannot store."""
        text = text.replace("\x00", "")
        return text.replace(self.key, "[key]") if self.key else text

    def _failure(self, response: httpx2.Response) -> CallError:
        """Sort a failed response into the kinds that callers treat differently."""
        status, body = response.status_code, _error_body(response)
        said = self._without_key(_said(body, response))[:MESSAGE_LENGTH]
        code = _code(body)
        if status == 429 and code not in OUT_OF_MONEY:
            return RateLimited(said, status=status, retry_after=_retry_after(response.headers))
        if status in (400, 403) and "content" in code and ("filter" in code or "policy" in code):
            return ContentFiltered(said, status=status, body=body)
        if mend := self._what_to_mend(status):
            return EndpointRefused(f"{self.spec.tag}: HTTP {status}. {mend} The endpoint said: {said}", status=status)
        if status in (408, 409, 425) or status >= 500:
            return Transient(said, status=status, retry_after=_retry_after(response.headers))
        return BadRequest(said, status=status)

    def _what_to_mend(self, status: int) -> str:
        """Say who has to do what before any call can succeed; empty when this one call is the trouble."""
        key = self.spec.api_key_env or "no variable: none is named in the model's settings"
        if status == 401:
            return f"The endpoint does not accept the key. It is read from {key}."
        if status in (402, 429):
            return "The account is out of credit. Top it up, then resume the run."
        if status == 403:
            return f"The key may not use this model ({self.spec.model}). It is read from {key}."
        if status == 404:
            return f"Check the base URL ({self.spec.base_url}) and the model's name ({self.spec.model})."
        if 300 <= status < 400:
            return f"The endpoint answers from another address. Check the base URL ({self.spec.base_url})."
        return ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()


def _key(spec: ModelSpec) -> str:
    """Take the key from the environment; never send another secret, whatever a record says."""
    if not spec.api_key_env:
        return ""
    key = os.environ.get(spec.api_key_env, "").strip() if KEY_NAME.fullmatch(spec.api_key_env) else ""
    if not key or not key.isascii() or not key.isprintable():
        raise EndpointRefused(
            f"{spec.tag}: put the key into the environment variable {spec.api_key_env} where the worker runs "
            "(the name must end with API_KEY, the key is plain ASCII), then resume the run."
        )
    return key


def _plain(headers: httpx2.Headers) -> list[tuple[str, str]]:
    """Give the headers of a body that has been unpacked."""
    return [(name, value) for name, value in headers.items() if name != "content-encoding"]


def _error_body(response: httpx2.Response) -> Any:
    try:
        return read_body(response.content)
    except UnreadableReply:
        return None


def _error(body: Any) -> Mapping[str, Any]:
    """Find the error in the shapes that servers send: {"error": {…}}, {"error": "…"}, {"message": "…"}."""
    error = body.get("error", body) if isinstance(body, dict) else {}
    return error if isinstance(error, dict) else {"message": error}


def _said(body: Any, response: httpx2.Response) -> str:
    return str(_error(body).get("message") or response.content.decode(errors="replace"))


def _code(body: Any) -> str:
    error = _error(body)
    return f"{error.get('code') or error.get('type') or ''}".lower()


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
