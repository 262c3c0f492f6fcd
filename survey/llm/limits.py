"""How fast an endpoint may be called: its rates and its pauses in Redis, shared by all workers, and a window of calls.

Rates follow GCRA: a stored moment (`tat`) runs ahead of the clock by what was taken; who is too far ahead waits.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Protocol, Self, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from survey.broker import client_address
from survey.llm.models import ModelSpec

HEADROOM = 0.95  # of a known rate: the way to the server bunches up what leaves evenly
BURST_S = 0.25  # so much of a rate may be taken at once
REDIS_TIMEOUT_S = 5.0
REMEMBER_S = 600
LOOK_AGAIN_S = 0.1  # without rates to take from, only others' pauses are looked for, and this often

# KEYS: pause, requests, tokens. ARGV: µs per request, µs per token, burst in µs, tokens still owed from calls whose
# estimate was off, then the tokens of each call.
# Gives how many of the calls may be made now, in their order, and µs until the next one may.
TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local per_request, per_token, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function keep(key, moment)
  redis.call('SET', key, string.format('%.0f', moment), 'PX', math.max(math.ceil((moment - now) / 1000), 0) + 1000)
end
local requests = math.max(tonumber(redis.call('GET', KEYS[2]) or now), now)
local tokens = math.max(tonumber(redis.call('GET', KEYS[3]) or now) + per_token * tonumber(ARGV[4]), now)
local granted, wait = 0, redis.call('PTTL', KEYS[1]) * 1000
if wait <= 0 then
  wait = 0
  for index = 5, #ARGV do
    wait = math.max(per_request > 0 and requests - now - burst or 0, per_token > 0 and tokens - now - burst or 0)
    if wait > 0 then break end
    requests = requests + per_request
    tokens = tokens + per_token * tonumber(ARGV[index])
    granted = granted + 1
  end
end
if per_request > 0 then keep(KEYS[2], requests) end
if per_token > 0 then keep(KEYS[3], tokens) end
return {granted, math.ceil(math.max(wait, 0))}
"""
# A pause only ever grows: of two workers that were told to wait, the one with the longer wait is right.
PAUSE = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
"""


class Grant(NamedTuple):
    """How many of the calls asked for may be made now, and the seconds until another try is worth while."""

    n: int
    wait_s: float


class LimiterAway(Exception):
    """The shared limits cannot be read: no call is safe until they can."""


class Limiter(Protocol):
    """What says when calls may be made. Opened and closed in the event loop that asks."""

    async def take(self, tokens: Sequence[int], *, owed: int) -> Grant:
        """Take leave for as many of the calls as fit now, in their order.

        `tokens` holds what each may cost, `owed` what earlier calls cost beyond (or, negative, below) that.
        """

    async def pause(self, seconds: float) -> None:
        """Have everyone wait."""

    async def recall(self) -> Memory | None:
        """Give what was remembered of the window, if it is fresh."""

    async def remember(self, memory: Memory) -> None:
        """Keep the window's size for whoever calls next."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Memory(NamedTuple):
    """What is kept of a window between two stints."""

    size: float
    was_limited: bool


class NoLimiter:
    """Lets every call through: for models that nobody serves."""

    async def take(self, tokens: Sequence[int], *, owed: int) -> Grant:
        return Grant(len(tokens), 0.0)

    async def pause(self, seconds: float) -> None:
        """Nobody waits."""

    async def recall(self) -> Memory | None:
        return None

    async def remember(self, memory: Memory) -> None:
        """Nothing is kept."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""


class SharedLimiter:
    """One model of one endpoint, whoever calls it under whatever tag."""

    def __init__(self, redis_url: str, name: str, *, requests_per_minute: float, tokens_per_minute: float) -> None:
        """Zero stands for no known rate."""
        self.per_request_us = _interval_us(requests_per_minute)
        self.per_token_us = _interval_us(tokens_per_minute)
        self.keys = [f"llm:{name}:{part}" for part in ("pause", "requests", "tokens")]
        self.window_key = f"llm:{name}:window"
        pool = BlockingConnectionPool.from_url(
            client_address(redis_url),
            max_connections=4,
            timeout=REDIS_TIMEOUT_S,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),  # a connection that the server closed meanwhile is opened again
        )
        self.redis = Redis.from_pool(pool)
        self._take = self.redis.register_script(TAKE)
        self._pause = self.redis.register_script(PAUSE)
        self._clear_until = 0.0

    async def take(self, tokens: Sequence[int], *, owed: int) -> Grant:
        has_rates = self.per_request_us or self.per_token_us
        if not has_rates and time.monotonic() < self._clear_until:
            return Grant(len(tokens), 0.0)
        arguments = [self.per_request_us, self.per_token_us, int(BURST_S * 1e6), owed, *tokens]
        try:
            granted, wait_us = await self._take(keys=self.keys, args=arguments)
        except (RedisError, OSError) as error:
            raise LimiterAway(str(error)) from error
        self._clear_until = time.monotonic() + (LOOK_AGAIN_S if granted else 0.0)
        return Grant(granted, wait_us / 1e6)

    async def pause(self, seconds: float) -> None:
        try:
            await self._pause(keys=self.keys[:1], args=[max(1, int(seconds * 1000))])
        except (RedisError, OSError) as error:
            raise LimiterAway(str(error)) from error

    async def recall(self) -> Memory | None:
        try:
            kept = cast("bytes | None", await self.redis.get(self.window_key))
        except (RedisError, OSError):
            return None  # it only costs a slow start
        size, _, was_limited = (kept or b"").decode().partition(" ")
        return Memory(float(size), was_limited == "1") if size else None

    async def remember(self, memory: Memory) -> None:
        try:
            await self.redis.set(self.window_key, f"{memory.size:.1f} {memory.was_limited:d}", ex=REMEMBER_S)
        except (RedisError, OSError):
            return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()


def open_limiter(spec: ModelSpec, redis_url: str) -> Limiter:
    """Give the limiter that all who call a spec's model share."""
    if spec.is_simulated:
        return NoLimiter()
    return SharedLimiter(
        redis_url,
        limiter_name(spec),
        requests_per_minute=spec.requests_per_minute or 0,
        tokens_per_minute=spec.tokens_per_minute or 0,
    )


def limiter_name(spec: ModelSpec) -> str:
    """Name what a server counts together: its address, the key's account and the model."""
    parts = [spec.base_url.rstrip("/"), spec.api_key_env, spec.model]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _interval_us(per_minute: float) -> float:
    return 60e6 / (per_minute * HEADROOM) if per_minute else 0.0


@dataclass
class Window:
    """How many calls may be in flight: a second loop around the rates, for limits that nobody told us.

    Doubles a round until the first rate limit, then grows by a twentieth a round, each only while it is used;
    a rate limit takes a fifth away, at most every quarter of a minute. Nothing but rate limits does.
    """

    ceiling: int
    size: float = 20.0
    was_limited: bool = False
    _deaf_until: float = field(default=0.0, init=False)

    START = 20.0
    GROWTH = 0.05
    CUT = 0.8
    DEAF_S = 15.0  # limits met in a row tell of one and the same crowd
    IN_USE = 0.8

    def __post_init__(self) -> None:
        self.size = min(self.size, float(self.ceiling))

    @property
    def n(self) -> int:
        return max(1, int(self.size))

    def answered(self, in_flight: int) -> None:
        """Grow by one answer's share of a round; `in_flight` counts the answered call too."""
        if in_flight >= self.IN_USE * self.n:
            self.size = min(float(self.ceiling), self.size + (self.GROWTH if self.was_limited else 1.0))

    def limited(self, now: float) -> None:
        """Shrink, unless that just happened."""
        self.was_limited = True
        if now >= self._deaf_until:
            self.size = max(1.0, self.size * self.CUT)
            self._deaf_until = now + self.DEAF_S
