"""Retries, pauses and stops, with a provider that does what a script says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

import pytest

from survey.llm import pump
from survey.llm.limits import NoLimiter
from survey.llm.prompts import Ask
from survey.llm.providers.contract import (
    BadRequest,
    CallError,
    ChatRequest,
    ContentFiltered,
    EndpointRefused,
    RateLimited,
    Transient,
)
from survey.llm.pump import MAX_TRIES, Answered, Event, Job, Pump, Stopped, backoff
from survey.llm.wire import Reply

MakeAsk = Callable[..., Ask]
pytestmark = pytest.mark.usefixtures("no_waiting")


class Scripted:
    """Plays one outcome a call, then answers; notes how many calls ran at a time."""

    def __init__(self, outcomes: Sequence[CallError | None]) -> None:
        self.outcomes = list(outcomes)
        self.n_calls = self.n_now = self.most_now = 0

    async def complete(self, request: ChatRequest) -> Reply:
        self.n_calls += 1
        self.n_now += 1
        self.most_now = max(self.most_now, self.n_now)
        outcome = self.outcomes.pop(0) if self.outcomes else None
        await asyncio.sleep(0)
        self.n_now -= 1
        if outcome:
            raise outcome
        return Reply(body={}, text="A")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: Any) -> None:
        """Nothing is held open."""


def play(provider: Scripted, ask: Ask, *, n_jobs: int = 1, in_flight: int = 1) -> list[Event]:
    events: list[Event] = []

    async def run() -> None:
        jobs = [Job(n, 1, ChatRequest({}, ask, n)) for n in range(n_jobs)]
        pumped = Pump(provider, NoLimiter(), events.append, max_in_flight=in_flight)
        pumped.feed(jobs)
        pumped.feed_no_more()
        await pumped.run()

    asyncio.run(run())
    return events


def stopped_after_a_while(provider: Scripted, ask: Ask, *, n_jobs: int, in_flight: int) -> list[Event]:
    """Let the pump work for a moment, then stop it and wait for its end."""
    events: list[Event] = []

    async def run() -> None:
        pumped = Pump(provider, NoLimiter(), events.append, max_in_flight=in_flight)
        pumped.feed([Job(n, 1, ChatRequest({}, ask, n)) for n in range(n_jobs)])
        pumping = asyncio.create_task(pumped.run())
        await asyncio.sleep(0.05)
        pumped.stop()
        await pumping

    asyncio.run(run())
    return events


def kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_every_job_is_answered_once_with_no_more_calls_at_a_time_than_allowed(make_ask: MakeAsk) -> None:
    provider = Scripted([])
    events = play(provider, make_ask(), n_jobs=50, in_flight=7)
    assert kinds(events) == ["Answered"] * 50
    assert sorted(event.job.cell_id for event in events if isinstance(event, Answered)) == list(range(50))
    assert (provider.n_calls, provider.most_now) == (50, 7)


def test_transient_failures_are_tried_again(make_ask: MakeAsk) -> None:
    provider = Scripted([Transient("busy", status=500)] * (MAX_TRIES - 1))
    assert kinds(play(provider, make_ask())) == ["Tried"] * (MAX_TRIES - 1) + ["Answered"]


def test_transient_failures_end_after_six_tries(make_ask: MakeAsk) -> None:
    provider = Scripted([Transient("busy", status=500)] * 20)
    assert kinds(play(provider, make_ask())) == ["Tried"] * 6 + ["GaveUp"]
    assert provider.n_calls == 6


def test_rate_limits_do_not_use_up_tries(make_ask: MakeAsk) -> None:
    provider = Scripted([RateLimited("slow down", status=429)] * 20)
    assert kinds(play(provider, make_ask())) == ["Tried"] * 20 + ["Answered"]


def test_rate_limit_of_one_call_makes_all_wait(make_ask: MakeAsk) -> None:
    """Only the call that was under way beside the limited one gets through before the hour is over."""
    provider = Scripted([RateLimited("slow down", status=429, retry_after=3600)])
    events = stopped_after_a_while(provider, make_ask(), n_jobs=6, in_flight=2)
    assert kinds(events) == ["Tried", "Answered", "Blocked"]
    assert provider.n_calls == 2


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give what backoffs are drawn for, instead of waiting."""
    numbers: list[int] = []

    def note(n_failed: int) -> float:
        numbers.append(n_failed)
        return 0.0

    monkeypatch.setattr(pump, "backoff", note)
    return numbers


def test_pauses_grow_until_an_answer_comes(make_ask: MakeAsk, drawn: list[int]) -> None:
    limit = RateLimited("slow down", status=429)
    play(Scripted([limit, limit, None, limit]), make_ask(), n_jobs=2)
    assert drawn == [1, 2, 1]


def test_calls_limited_together_count_as_one_limit(make_ask: MakeAsk, drawn: list[int]) -> None:
    limit = RateLimited("slow down", status=429, retry_after=10)
    stopped_after_a_while(Scripted([limit, limit, limit]), make_ask(), n_jobs=3, in_flight=3)
    assert drawn == [1, 1, 1]


def test_bad_request_ends_the_job_at_once(make_ask: MakeAsk) -> None:
    events = play(Scripted([BadRequest("too long", status=400)]), make_ask(), n_jobs=2)
    assert kinds(events) == ["Tried", "GaveUp", "Answered"]


def test_content_filter_is_a_refusal_with_what_the_endpoint_sent(make_ask: MakeAsk) -> None:
    [event] = play(Scripted([ContentFiltered("no", status=400, body={"error": "filtered"})]), make_ask())
    assert isinstance(event, Answered)
    assert event.reply == Reply({"error": "filtered"}, "", is_refusal=True, finish_reason="content_filter")


def test_refusing_endpoint_stops_everything(make_ask: MakeAsk) -> None:
    provider = Scripted([None, EndpointRefused("mend the key", status=401)])
    events = play(provider, make_ask(), n_jobs=10)
    assert kinds(events) == ["Answered", "Tried", "Stopped"]
    assert isinstance(events[-1], Stopped)
    assert provider.n_calls == 2


def test_pause_that_is_too_long_to_wait_for_ends_the_pump_and_leaves_the_job_open(make_ask: MakeAsk) -> None:
    provider = Scripted([RateLimited("tomorrow", status=429, retry_after=86_400)])
    assert kinds(stopped_after_a_while(provider, make_ask(), n_jobs=1, in_flight=1)) == ["Tried", "Blocked"]


def test_programming_error_is_not_swallowed(make_ask: MakeAsk) -> None:
    with pytest.raises(KeyError, match="bug"):
        play(Scripted([KeyError("bug")]), make_ask())  # type: ignore[list-item]


def test_backoff_ceiling_doubles_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "BACKOFF_FIRST_S", 0.5)
    monkeypatch.setattr(pump.random, "uniform", lambda low, high: high)  # type: ignore[attr-defined]
    assert [backoff(n) for n in (1, 2, 3, 7, 10_000)] == [0.5, 1.0, 2.0, 30.0, 30.0]


def test_stop_ends_a_short_pause_and_leaves_the_job_open(make_ask: MakeAsk) -> None:
    provider = Scripted([RateLimited("soon", status=429, retry_after=10)])
    assert kinds(stopped_after_a_while(provider, make_ask(), n_jobs=1, in_flight=1)) == ["Tried"]


def test_unavailable_server_that_names_a_time_makes_all_wait(make_ask: MakeAsk) -> None:
    provider = Scripted([Transient("restarting", status=503, retry_after=10)])
    events = stopped_after_a_while(provider, make_ask(), n_jobs=3, in_flight=1)
    assert (kinds(events), provider.n_calls) == (["Tried"], 1)
