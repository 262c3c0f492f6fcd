"""The shared limiter against a real Valkey, and the window of calls in flight."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import redis

from survey.broker import client_address
from survey.llm.enums import ProviderName
from survey.llm.limits import (
    BURST_S,
    HEADROOM,
    Grant,
    LimiterAway,
    Memory,
    NoLimiter,
    SharedLimiter,
    Window,
    limiter_name,
    open_limiter,
)
from survey.llm.models import ModelSpec


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid4().hex}"
    yield name
    client = redis.Redis.from_url(client_address(os.environ["REDIS_URL"]))
    client.delete(*[f"llm:{name}:{part}" for part in ("pause", "requests", "tokens", "window")])
    client.close()


def with_limiters(name: str, act: Callable[..., Awaitable[Any]], *, n: int = 1, **rates: float) -> Any:
    """Call `act` with limiters of one name, each with connections of its own, as in different workers."""

    async def run() -> Any:
        url = os.environ["REDIS_URL"]
        rates_ = {"requests_per_minute": 0.0, "tokens_per_minute": 0.0} | rates
        limiters = [SharedLimiter(url, name, **rates_) for _ in range(n)]
        try:
            return await act(*limiters)
        finally:
            for limiter in limiters:
                await limiter.__aexit__(None, None, None)

    return asyncio.run(run())


def test_without_rates_all_may_call(name: str) -> None:
    async def act(limiter: SharedLimiter) -> list[Grant]:
        return [await limiter.take([100] * 50, owed=0) for _ in range(3)]

    assert with_limiters(name, act) == [Grant(50, 0.0)] * 3


def test_requests_per_minute_hold_over_two_workers_together(name: str) -> None:
    """6,000 a minute are 100 a second and the first burst, whoever asks; who asks for nothing for long loses some."""

    async def act(one: SharedLimiter, two: SharedLimiter) -> tuple[int, list[float]]:
        n, asked = 0, [time.monotonic()]
        while asked[-1] - asked[0] < 0.5:
            for limiter in (one, two):
                n += (await limiter.take([0] * 10, owed=0)).n
            await asyncio.sleep(0.005)
            asked.append(time.monotonic())
        return n, asked

    n, asked = with_limiters(name, act, n=2, requests_per_minute=6000)
    used = sum(min(later - earlier, BURST_S) for earlier, later in pairwise(asked))
    rate = 100 * HEADROOM
    assert rate * (used + BURST_S) * 0.8 <= n <= rate * (asked[-1] - asked[0] + BURST_S) + 5


def test_refused_call_is_told_when_to_come_again(name: str) -> None:
    async def act(limiter: SharedLimiter) -> tuple[Grant, Grant]:
        return await limiter.take([0, 0, 0], owed=0), await limiter.take([0], owed=0)

    first, second = with_limiters(name, act, requests_per_minute=6)
    assert (first.n, second.n) == (1, 0)
    whole = 10 / HEADROOM - BURST_S
    assert whole - 5 < second.wait_s <= whole


def test_tokens_per_minute_count_what_calls_may_cost(name: str) -> None:
    async def act(limiter: SharedLimiter) -> list[Grant]:
        return [await limiter.take([100] * 5, owed=0), await limiter.take([1], owed=0)]

    first, second = with_limiters(name, act, tokens_per_minute=600 / HEADROOM)  # 10 a second
    assert first.n == 1  # 10 s ahead is beyond the burst
    assert second.n == 0
    assert 5 < second.wait_s <= 10 - BURST_S


def test_calls_that_cost_little_go_together_up_to_the_burst(name: str) -> None:
    async def act(limiter: SharedLimiter) -> Grant:
        return await limiter.take([100] * 5, owed=0)

    # 1,000 tokens a second: 0.1 and 0.2 s ahead is within the burst, 0.3 s is not.
    assert with_limiters(name, act, tokens_per_minute=60_000 / HEADROOM).n == 3


def test_corrected_estimate_frees_or_costs_the_difference(name: str) -> None:
    async def act(limiter: SharedLimiter) -> list[int]:
        granted = [(await limiter.take([5000], owed=0)).n, (await limiter.take([0], owed=0)).n]
        return [*granted, (await limiter.take([0], owed=-4900)).n, (await limiter.take([0], owed=9000)).n]

    assert with_limiters(name, act, tokens_per_minute=60_000) == [1, 0, 1, 0]


def test_pause_of_one_worker_holds_for_all_and_is_never_shortened(name: str) -> None:
    async def act(one: SharedLimiter, two: SharedLimiter) -> list[Grant]:
        await one.pause(30)
        await one.pause(1)
        return [await one.take([0], owed=0), await two.take([0], owed=0)]

    for grant in with_limiters(name, act, n=2):
        assert grant.n == 0
        assert 29 < grant.wait_s <= 30


def test_pause_ends(name: str) -> None:
    async def act(limiter: SharedLimiter) -> list[int]:
        await limiter.pause(0.5)
        first = await limiter.take([0], owed=0)
        await asyncio.sleep(first.wait_s + 0.01)
        return [first.n, (await limiter.take([0], owed=0)).n]

    assert with_limiters(name, act) == [0, 1]


def test_window_is_remembered_for_the_next_stint(name: str) -> None:
    async def act(one: SharedLimiter, two: SharedLimiter) -> list[Memory | None]:
        unknown = await two.recall()
        await one.remember(Memory(87.5, was_limited=True))
        return [unknown, await two.recall()]

    assert with_limiters(name, act, n=2) == [None, Memory(87.5, was_limited=True)]


def test_absent_redis_is_told_apart_from_a_limit() -> None:
    async def run() -> None:
        async with SharedLimiter("redis://127.0.0.1:1/0", "x", requests_per_minute=1, tokens_per_minute=0) as limiter:
            assert await limiter.recall() is None
            await limiter.remember(Memory(1.0, was_limited=False))
            with pytest.raises(LimiterAway):
                await limiter.take([0], owed=0)
            with pytest.raises(LimiterAway):
                await limiter.pause(1)

    asyncio.run(run())


def test_one_account_and_model_share_a_limiter_whatever_their_tags() -> None:
    def spec(**fields: Any) -> ModelSpec:
        return ModelSpec(**{"base_url": "http://h/v1", "api_key_env": "A_API_KEY", "model": "m", **fields})

    same = [spec(tag="a"), spec(tag="b", base_url="http://h/v1/")]
    others = [spec(model="n"), spec(api_key_env="B_API_KEY"), spec(base_url="http://i/v1")]
    assert len({limiter_name(each) for each in same}) == 1
    assert len({limiter_name(each) for each in [*same, *others]}) == 4


def test_simulated_models_have_no_limiter() -> None:
    assert isinstance(open_limiter(ModelSpec(provider=ProviderName.SIMULATED), ""), NoLimiter)


@pytest.mark.parametrize(
    ("celery", "client"),
    [
        ("redis+socket:///tmp/v.sock?virtual_host=3", "unix:///tmp/v.sock?db=3"),
        ("redis://redis:6379/0", "redis://redis:6379/0"),
    ],
)
def test_address_is_understood_by_the_client(celery: str, client: str) -> None:
    assert client_address(celery) == client


# --- The window --------------------------------------------------------------------------------


def a_round(window: Window) -> None:
    """Have as many answers as fit in the window, all while it was full."""
    for _ in range(window.n):
        window.answered(window.n)


def test_window_doubles_a_round_up_to_its_ceiling_until_it_meets_a_limit() -> None:
    window = Window(ceiling=100)
    sizes = []
    for _ in range(4):
        sizes.append(window.n)
        a_round(window)
    assert (sizes, window.n) == ([20, 40, 80, 100], 100)


def test_window_shrinks_by_a_fifth_at_most_every_quarter_of_a_minute() -> None:
    window = Window(ceiling=100, size=100)
    for now in (0.0, 1.0, 14.9):
        window.limited(now)
    assert window.n == 80
    window.limited(15.0)
    assert window.n == 64


def test_window_that_met_a_limit_grows_by_a_twentieth_a_round() -> None:
    window = Window(ceiling=200, size=100)
    window.limited(0.0)
    a_round(window)
    assert window.size == pytest.approx(84.0)


def test_window_that_is_not_used_does_not_grow() -> None:
    window = Window(ceiling=100)
    for _ in range(100):
        window.answered(15)
    assert window.n == 20
    window.answered(16)
    assert window.n == 21


def test_window_never_closes() -> None:
    window = Window(ceiling=2)
    for n in range(50):
        window.limited(n * 20.0)
    assert window.n == 1
