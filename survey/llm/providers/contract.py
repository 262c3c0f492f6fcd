"""What a provider of models must do, and the ways in which a call can fail."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from survey.llm.prompts import Ask
from survey.llm.wire import Reply


@dataclass(frozen=True)
class ChatRequest:
    """One call: the body as it goes out, what it asks (simulated models answer to that), what identifies it."""

    body: dict[str, Any]
    ask: Ask
    seed: int
    request_hash: str = ""
    text_hash: str = ""
    dropped: tuple[str, ...] = ()


class ChatProvider(Protocol):
    """A model behind an endpoint. Opened and closed in the event loop that calls it."""

    async def complete(self, request: ChatRequest) -> Reply:
        """Call once; raise a CallError where no chat completion came back."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class CallError(Exception):
    """A call that brought no completion."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        body: Any = None,
        raw: str = "",
        request_id: str = "",
        mend: str = "",
    ) -> None:
        """`body` is what was received, as JSON; `raw` the same as text, cut off where it is long, without the key.

        `mend` says what somebody can do about it where it keeps happening.
        """
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.body = body
        self.raw = raw
        self.request_id = request_id
        self.mend = mend


class RateLimited(CallError):
    """Too many calls: all wait, the try does not count."""


class Transient(CallError):
    """The server or the way to it failed: worth another try."""


class Away(Transient):
    """Nobody is there to answer: no connection came about, or a gateway says so."""


class BadRequest(CallError):
    """The endpoint does not take this request: no try will help this cell."""


class ContentFiltered(CallError):
    """The endpoint's filter stood in for the model: counts as a refusal."""


class EndpointRefused(CallError):
    """No call to this endpoint can succeed until somebody mends what the message names."""
