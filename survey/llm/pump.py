"""Keep many calls in flight, and retry in this one place. No database in here: what happens is told to `tell`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from survey.llm.providers.contract import (
    BadRequest,
    CallError,
    ChatProvider,
    ChatRequest,
    ContentFiltered,
    EndpointRefused,
    RateLimited,
    Transient,
)
from survey.llm.wire import Reply

MAX_TRIES = 6
BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0


class Job(NamedTuple):
    cell_id: int
    lease: int
    request: ChatRequest


class Answered(NamedTuple):
    job: Job
    reply: Reply
    latency_ms: int


class Tried(NamedTuple):
    """One call that brought no answer."""

    job: Job
    error: CallError


class GaveUp(NamedTuple):
    """No further call is made for this job."""

    job: Job


class Stopped(NamedTuple):
    """The endpoint takes no calls at all until somebody mends it."""

    error: EndpointRefused


Event = Answered | Tried | GaveUp | Stopped


@dataclass
class Pump:
    """Calls until the jobs are used up or `stop` is set; calls in flight are then waited for."""

    provider: ChatProvider
    tell: Callable[[Event], None]
    stop: asyncio.Event
    resume_at: float = field(default=0.0, init=False)  # a rate limit of one is a pause for all
    n_limited: int = field(default=0, init=False)  # rate limits since the last answer

    async def run(self, jobs: Sequence[Job], *, in_flight: int) -> None:
        """Share the jobs out among as many callers as may call at a time."""
        waiting = iter(jobs)
        async with asyncio.TaskGroup() as callers:
            for _ in range(min(in_flight, len(jobs))):
                callers.create_task(self._caller(waiting))

    async def _caller(self, waiting: Iterator[Job]) -> None:
        for job in waiting:
            await self._finish(job)
            if self.stop.is_set():
                return

    async def _finish(self, job: Job) -> None:
        """Call until there is an answer, no hope, or a stop."""
        n_failed = 0
        while await self._may_call():
            error = await self._call(job)
            if error is None:
                return
            self.tell(Tried(job, error))
            if isinstance(error, EndpointRefused):
                self.stop.set()
                self.tell(Stopped(error))
                return
            n_failed += isinstance(error, Transient)
            if isinstance(error, BadRequest) or n_failed == MAX_TRIES:
                self.tell(GaveUp(job))
                return
            if isinstance(error, Transient):
                await self._pause(max(error.retry_after or 0.0, backoff(n_failed)))

    async def _call(self, job: Job) -> CallError | None:
        """Call once and tell of an answer; give the error where there was none."""
        start = time.monotonic()
        try:
            reply = await self.provider.complete(job.request)
        except ContentFiltered as error:
            reply = Reply(body=error.body, text="", is_refusal=True, finish_reason="content_filter")
        except RateLimited as error:
            self._cool_down(error)
            return error
        except CallError as error:
            return error
        self.n_limited = 0
        self.tell(Answered(job, reply, round((time.monotonic() - start) * 1000)))
        return None

    def _cool_down(self, error: RateLimited) -> None:
        """Make everyone wait; calls that were under way when a pause began do not make it longer step by step."""
        now = time.monotonic()
        self.n_limited += now >= self.resume_at
        wait = max(error.retry_after or 0.0, backoff(max(self.n_limited, 1)))
        self.resume_at = max(self.resume_at, now + wait)

    async def _may_call(self) -> bool:
        """Wait out a pause of the endpoint, which others may lengthen meanwhile."""
        while not self.stop.is_set() and (seconds := self.resume_at - time.monotonic()) > 0:
            await self._pause(seconds)
        return not self.stop.is_set()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not beyond a stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), seconds)


def backoff(n_failed: int) -> float:
    """Draw a wait between nothing and a ceiling that doubles: callers that failed together come back apart."""
    return random.uniform(0, min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(n_failed - 1, 16)))
