"""Any endpoint that speaks OpenAI's completions, chat or plain: OpenAI, vLLM, llama.cpp, Ollama, gateways."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Any, Self

import httpx2

from survey.llm.enums import PromptFormat
from survey.llm.models import ModelSpec
from survey.llm.providers.contract import BadRequest, ChatRequest, EndpointRefused, Transient
from survey.llm.providers.failures import MESSAGE_LENGTH, broken_way, failure, holds_error, with_body
from survey.llm.providers.lanes import Lanes
from survey.llm.providers.neighbours import Guard
from survey.llm.validators import KEY_NAME
from survey.llm.wire import Reply, UnreadableReply, read_body, read_reply

CONNECT_TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 2_000_000
PATHS = {PromptFormat.CHAT: "/chat/completions", PromptFormat.COMPLETIONS: "/completions"}
PACKED = "gzip"  # what the client unpacks piece by piece
TOO_LONG = "Limit the length of answers (max_tokens), or ask a model that keeps to it."


class OpenAIProvider:
    """One client, and so one set of connections, for all calls of a chunk."""

    def __init__(self, spec: ModelSpec) -> None:
        guard = Guard()
        guard.look_at(spec.base_url)  # before any cell is taken; each connection is looked at again
        self.spec = spec
        self.key = _key(spec)
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.client = httpx2.AsyncClient(
            headers={"Accept-Encoding": PACKED, **key},
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),  # the limit for the whole call: `complete`
            transport=Lanes(guard),
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
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise EndpointRefused(f"{error}. Check the base URL of {self.spec.tag}.") from error
        except httpx2.DecodingError as error:
            raise Transient(f"the reply cannot be unpacked: {error}"[:MESSAGE_LENGTH]) from error
        except httpx2.TransportError as error:
            raise broken_way(self.spec, error) from error
        if response.status_code != 200:
            raise failure(self.spec, self.key, response)
        return self._read(response)

    async def _post(self, body: dict[str, Any]) -> httpx2.Response:
        """Send the body and read what comes back, up to a limit: a reply is stored, and many are under way."""
        async with self.client.stream("POST", self.address, json=body) as response:
            parts, room = [], MAX_REPLY_BYTES
            async for part in response.aiter_bytes():  # in small pieces, however well it was packed
                parts.append(part[:room])
                room -= len(part)
                if room < 0:
                    break
        headers = [(name, value) for name, value in response.headers.items() if name != "content-encoding"]
        received = httpx2.Response(response.status_code, headers=headers, content=b"".join(parts))
        if room < 0 and received.status_code == 200:
            error = BadRequest(f"the reply is longer than {MAX_REPLY_BYTES:,} bytes", status=200, mend=TOO_LONG)
            raise with_body(error, self.key, received)
        return received

    def _read(self, response: httpx2.Response) -> Reply:
        """Read a completion; what came as a success may still be an error."""
        try:
            body = read_body(response.content)
            if not holds_error(body):
                return read_reply(body)
        except UnreadableReply as error:
            raise with_body(Transient(str(error)[:MESSAGE_LENGTH], status=200), self.key, response) from error
        raise failure(self.spec, self.key, response)

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
            "(the name must end with API_KEY, the key is plain ASCII), restart it, then resume the run."
        )
    return key
