"""Keep many calls in flight, and retry in this one place. No database in here: what happens is told to `tell`."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from survey.llm.limits import Grant, Limiter, LimiterAway, Memory, Window
from survey.llm.providers.contract import (
    Away,
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
PATIENCE_S = 15.0  # a wait longer than this is not worth a worker
MOST_AT_ONCE = 50  # calls that leave is asked for together
GATHER_S = 0.004
MANY_FAILURES = 10  # in a row are the endpoint's, not the cells'
FEW_FAILURES = 3  # are enough where nothing else is left to ask
LOOK_FIRST_S = 0.5  # from one look at an endpoint in trouble to the next, growing with the time that it is
LOOK_MAX_S = 30.0
LOOK_SHARE = 0.25
FIRST_REFUSALS = 10  # requests refused before any was taken: the model's rules are wrong
MOST_REFUSALS = 50  # requests refused in a row by an endpoint that took some before


class Job(NamedTuple):
    cell_id: int
    lease: int
    request: ChatRequest
    n_tokens: int = 0  # what it may cost at most
    n_failed: int = 0  # tries that failed in earlier stints


class Answered(NamedTuple):
    job: Job
    reply: Reply
    latency_ms: int


class Tried(NamedTuple):
    """One call that brought no answer."""

    job: Job
    error: CallError
    latency_ms: int
    n_failed: int  # of the job, this one included where it counts


class GaveUp(NamedTuple):
    """No further call is made for this job."""

    job: Job


class Stopped(NamedTuple):
    """The endpoint takes no calls at all until somebody mends it."""

    error: EndpointRefused


class Blocked(NamedTuple):
    """No call may be made for longer than it is worth waiting, and none is under way."""

    seconds: float
    reason: str


class Troubled(NamedTuple):
    """Nothing gets through at present; one call after another finds out when something does."""

    error: CallError


class Doubted(NamedTuple):
    """Request after request was refused and none taken: it may be all of them that are wrong, not these."""

    jobs: tuple[Job, ...]
    error: CallError


Event = Answered | Tried | GaveUp | Stopped | Blocked | Troubled | Doubted


class Try(NamedTuple):
    job: Job
    n_failed: int
    n_rests: int = 0


class Pump:
    """Calls until the jobs are used up or it is stopped; calls in flight are then waited for.

    One coroutine hands out calls, as far as the window has room and the limiter gives leave; each call is a task.
    """

    def __init__(
        self,
        provider: ChatProvider,
        limiter: Limiter,
        tell: Callable[[Event], None],
        *,
        max_in_flight: int,
        is_proven: bool = False,
        troubled_s: float | None = None,
    ) -> None:
        """`is_proven` says that the endpoint took such requests before, `troubled_s` how long nothing got through."""
        self.provider = provider
        self.limiter = limiter
        self.tell = tell
        self.window = Window(max_in_flight)
        self.is_stopping = False
        self._is_fed = False  # nothing more will come
        self._waiting: deque[Try] = deque()
        self._resting = 0  # jobs that wait out their backoff
        self._calls: set[asyncio.Task[None]] = set()
        self._n_limited = 0  # rate limits since the last answer
        self._calm_at = 0.0  # until then a rate limit belongs to those before it
        self._owed = 0  # tokens by which estimates were off
        self._away_since: float | None = None
        self._is_proven = is_proven
        self._troubled_at = None if troubled_s is None else time.monotonic() - troubled_s
        self._n_unanswered = 0  # failures since the last answer
        self._n_answered = 0
        self._doubtful: list[Job] = []  # refused since the last answer
        self._last_error: CallError | None = None
        self._news = asyncio.Event()
        self._crash: BaseException | None = None

    # --- From outside, in the loop of `run` --------------------------------------------------------

    def feed(self, jobs: Iterable[Job]) -> None:
        """Add jobs at the end of the queue, those that failed before behind the others."""
        self._waiting.extend(Try(job, job.n_failed) for job in sorted(jobs, key=lambda job: job.n_failed))
        self._news.set()

    def feed_no_more(self) -> None:
        """Let `run` end when all jobs have ended."""
        self._is_fed = True
        self._news.set()

    def stop(self) -> None:
        """Start no further calls."""
        self.is_stopping = True
        self._news.set()

    async def run(self) -> None:
        """Call until everything fed has ended; a fault of our own ends it too, once no call is in flight."""
        if memory := await self.limiter.recall():
            self.window = Window(self.window.ceiling, memory.size, memory.was_limited)
        try:
            while not self._is_over():
                self._news.clear()
                await self._sleep(await self._start_calls())
        finally:
            was_stopped, self.is_stopping = self.is_stopping, True
            while self._calls:
                await asyncio.wait(self._calls)
        self._settle(was_stopped)
        await self.limiter.remember(Memory(self.window.size, self.window.was_limited))
        if self._crash:
            raise self._crash

    def _is_over(self) -> bool:
        is_idle = not (self._waiting or self._resting or self._calls)
        return self.is_stopping or (self._is_fed and is_idle)

    # --- Handing out -------------------------------------------------------------------------------

    async def _start_calls(self) -> float | None:
        """Start what may be started now; give the seconds until more may be, None until something happens."""
        most = self.window.n if self._troubled_at is None else 1
        room = min(most - len(self._calls), len(self._waiting), MOST_AT_ONCE)
        if room <= 0:
            return None
        candidates = [self._waiting.popleft() for _ in range(room)]
        try:
            grant = await self._take([each.job.n_tokens for each in candidates])
        except LimiterAway as error:
            grant = self._wait_for_limiter(error)
        self._waiting.extendleft(reversed(candidates[grant.n :]))
        if self.is_stopping:
            return None  # leave that was taken in vain expires by itself
        for each in candidates[: grant.n]:
            call = asyncio.create_task(self._call(each))
            self._calls.add(call)
            call.add_done_callback(self._ended)
        if grant.wait_s > PATIENCE_S and not self._calls:
            self._block(grant.wait_s, "the endpoint's limit" if self._troubled_at is None else "nothing gets through")
        return grant.wait_s if grant.n < room else 0.0

    async def _take(self, tokens: list[int]) -> Grant:
        """Ask the limiter, unless a pause is known of here."""
        if (pause := self._calm_at - time.monotonic()) > 0:
            return Grant(0, pause)
        owed = self._owed
        grant = await self.limiter.take(tokens, owed=owed)
        self._owed -= owed
        self._away_since = None
        return grant

    def _wait_for_limiter(self, error: LimiterAway) -> Grant:
        """Make no call that is not covered; after a while leave the work to whoever comes later."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        if now - self._away_since > PATIENCE_S and not self._calls:
            self._block(now - self._away_since, f"Redis is away: {error}")
        return Grant(0, 1.0)

    def _block(self, seconds: float, reason: str) -> None:
        self.tell(Blocked(seconds, reason))
        self.stop()

    async def _sleep(self, seconds: float | None) -> None:
        """Sleep until the time is over or something happens: an answer, new jobs, a stop."""
        if seconds != 0.0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
        # Answers come one by one: gather some, so that leave is asked for several calls together.
        await asyncio.sleep(0 if self.is_stopping or seconds == 0.0 else GATHER_S)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._news.set()
        if not call.cancelled() and (error := call.exception()):
            self._crash = self._crash or error
            self.stop()

    # --- One call ----------------------------------------------------------------------------------

    async def _call(self, this: Try) -> None:
        """Call once, tell what came of it, and queue the job again where that is worth while."""
        start = time.monotonic()
        try:
            reply = await self.provider.complete(this.job.request)
        except ContentFiltered as error:
            reply = Reply(body=error.body, text="", is_refusal=True, finish_reason="content_filter")
        except CallError as error:
            self._last_error = error
            await self._handle(this, error, _ms_since(start))
            return
        self._n_limited = self._n_unanswered = 0
        self._n_answered += 1
        self._is_proven, self._troubled_at = True, None
        self.window.answered(len(self._calls))
        self._owed += (reply.prompt_tokens or 0) + (reply.completion_tokens or 0) - this.job.n_tokens
        self.tell(Answered(this.job, reply, _ms_since(start)))
        self._give_up_doubtful()

    async def _handle(self, this: Try, error: CallError, latency_ms: int) -> None:
        """Decide whether a failed job waits with all others, rests by itself, or has had its last call."""
        self._owed -= this.job.n_tokens
        if isinstance(error, Transient):
            await self._try_again(this, error, latency_ms)
            return
        self.tell(Tried(this.job, error, latency_ms, this.n_failed))
        if isinstance(error, RateLimited):
            self._waiting.appendleft(this)
            await self._cool_down(error)
        elif isinstance(error, EndpointRefused):
            self.tell(Stopped(error))
            self.stop()
        else:
            await self._doubt(this.job, error)

    async def _try_again(self, this: Try, error: Transient, latency_ms: int) -> None:
        """Count a failure against its job, unless nobody gets through; let the job rest, or all of them."""
        self._n_unanswered += 1
        is_idle = len(self._calls) == 1 and not self._waiting
        if self._n_unanswered >= (FEW_FAILURES if is_idle else MANY_FAILURES):
            self._troubled_at = self._troubled_at or time.monotonic()
        counts = self._troubled_at is None or not isinstance(error, Away)
        n_failed = this.n_failed + counts
        self.tell(Tried(this.job, error, latency_ms, n_failed))
        if counts and n_failed >= MAX_TRIES and self._is_proven:
            self.tell(GaveUp(this.job))  # else it is not this job that nobody answers
        elif self._troubled_at is None:
            self._rest(Try(this.job, n_failed, this.n_rests + 1), backoff(this.n_rests + 1))
        else:
            self._waiting.append(Try(this.job, n_failed, this.n_rests))
        if error.retry_after:
            await self._pause(error.retry_after)
        await self._look_later(error)

    async def _look_later(self, error: CallError) -> None:
        """In trouble, have everyone wait before the next call looks whether it is over."""
        if self._troubled_at is not None:
            self.tell(Troubled(error))
            lasted = time.monotonic() - self._troubled_at
            await self._pause(random.uniform(0.5, 1) * min(LOOK_MAX_S, max(LOOK_FIRST_S, LOOK_SHARE * lasted)))

    async def _doubt(self, job: Job, error: CallError) -> None:
        """Hold a refused job back until the endpoint takes another: this request may be wrong, or all may be."""
        self._doubtful.append(job)
        if len(self._doubtful) >= (MOST_REFUSALS if self._is_proven else FIRST_REFUSALS):
            self._tell_doubt(error)
            self.stop()
        await self._look_later(error)

    def _tell_doubt(self, error: CallError) -> None:
        self.tell(Doubted(tuple(self._doubtful), error))
        self._doubtful.clear()
        self._last_error = None

    def _give_up_doubtful(self) -> None:
        for job in self._doubtful:
            self.tell(GaveUp(job))
        self._doubtful.clear()

    def _settle(self, was_stopped: bool) -> None:
        """At the end, say what refusals and failures come to that no answer followed."""
        if self._is_proven:
            self._give_up_doubtful()
        if self._doubtful and self._last_error and not was_stopped:
            self._tell_doubt(self._last_error)
        elif not self._n_answered and isinstance(self._last_error, Transient | BadRequest):
            self.tell(Troubled(self._last_error))

    async def _cool_down(self, error: RateLimited) -> None:
        """Make everyone wait; calls that were under way when a pause began do not make it longer step by step."""
        now = time.monotonic()
        self.window.limited(now)
        self._n_limited += now >= self._calm_at
        await self._pause(max(error.retry_after or 0.0, backoff(max(self._n_limited, 1))))

    async def _pause(self, seconds: float) -> None:
        self._calm_at = max(self._calm_at, time.monotonic() + seconds)
        with suppress(LimiterAway):  # then `take` fails as well, and all wait for that
            await self.limiter.pause(seconds)

    def _rest(self, this: Try, seconds: float) -> None:
        self._resting += 1
        asyncio.get_running_loop().call_later(seconds, self._wake, this)

    def _wake(self, this: Try) -> None:
        self._resting -= 1
        self._waiting.append(this)
        self._news.set()


def backoff(n_failed: int) -> float:
    """Draw a wait between nothing and a ceiling that doubles: callers that failed together come back apart."""
    return random.uniform(0, min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(n_failed - 1, 16)))


def _ms_since(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
