"""Retries, pauses and stops, with a provider that does what a script says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Self

import pytest

from survey.llm import pump
from survey.llm.limits import NoLimiter
from survey.llm.prompts import Ask
from survey.llm.providers.contract import (
    Away,
    BadRequest,
    CallError,
    ChatRequest,
    ContentFiltered,
    EndpointRefused,
    RateLimited,
    Transient,
)
from survey.llm.pump import MAX_TRIES, Answered, Doubted, Event, GaveUp, Job, Pump, Stopped, Tried, backoff
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


def play(provider: Scripted, ask: Ask, *, n_jobs: int = 1, in_flight: int = 1, **known: Any) -> list[Event]:
    events: list[Event] = []

    async def run() -> None:
        jobs = [Job(n, 1, ChatRequest({}, ask, n)) for n in range(n_jobs)]
        pumped = Pump(provider, NoLimiter(), events.append, max_in_flight=in_flight, **known)
        pumped.feed(jobs)
        pumped.feed_no_more()
        await pumped.run()

    asyncio.run(run())
    return events


async def let_work(n_rounds: int = 20) -> None:
    """Let the pump gather calls so many times; a machine that stands still delays one round, not all."""
    for _ in range(n_rounds):
        await asyncio.sleep(pump.GATHER_S + 0.001)


def stopped_after_a_while(
    provider: Scripted, ask: Ask, *, n_jobs: int, in_flight: int, n_rounds: int = 20
) -> list[Event]:
    """Let the pump work for a moment, then stop it and wait for its end."""
    events: list[Event] = []

    async def run() -> None:
        pumped = Pump(provider, NoLimiter(), events.append, max_in_flight=in_flight)
        pumped.feed([Job(n, 1, ChatRequest({}, ask, n)) for n in range(n_jobs)])
        pumping = asyncio.create_task(pumped.run())
        await let_work(n_rounds)
        pumped.stop()
        await pumping

    asyncio.run(run())
    return events


def kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def outcomes(events: Sequence[Event]) -> list[str]:
    """Leave out what is said of the endpoint as a whole."""
    return [kind for kind in kinds(events) if kind != "Troubled"]


def test_every_job_is_answered_once_with_no_more_calls_at_a_time_than_allowed(make_ask: MakeAsk) -> None:
    provider = Scripted([])
    events = play(provider, make_ask(), n_jobs=50, in_flight=7)
    assert kinds(events) == ["Answered"] * 50
    assert sorted(event.job.cell_id for event in events if isinstance(event, Answered)) == list(range(50))
    assert (provider.n_calls, provider.most_now) == (50, 7)


def test_transient_failures_are_tried_again(make_ask: MakeAsk) -> None:
    provider = Scripted([Transient("busy", status=500)] * (MAX_TRIES - 1))
    assert outcomes(play(provider, make_ask(), is_proven=True)) == ["Tried"] * (MAX_TRIES - 1) + ["Answered"]


def test_transient_failures_end_after_six_tries(make_ask: MakeAsk) -> None:
    provider = Scripted([Transient("busy", status=500)] * 20)
    events = play(provider, make_ask(), is_proven=True)
    assert outcomes(events) == ["Tried"] * 6 + ["GaveUp"]
    assert [event.n_failed for event in events if isinstance(event, Tried)] == [1, 2, 3, 4, 5, 6]
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


def test_bad_request_ends_its_job_as_soon_as_another_is_taken(make_ask: MakeAsk) -> None:
    events = play(Scripted([BadRequest("too long", status=400)]), make_ask(), n_jobs=3)
    assert kinds(events) == ["Tried", "Answered", "GaveUp", "Answered"]
    assert [event.job.cell_id for event in events if isinstance(event, GaveUp)] == [0]


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
    assert (outcomes(events), provider.n_calls) == (["Tried"], 1)


# --- Nothing gets through ------------------------------------------------------------------------


def test_jobs_that_failed_before_have_fewer_tries_and_come_last(make_ask: MakeAsk) -> None:
    """The first job fails for the sixth time in all; the others are asked before it."""
    events: list[Event] = []

    async def run() -> None:
        jobs = [Job(n, 1, ChatRequest({}, make_ask(), n), n_failed=5 if n == 0 else 0) for n in range(3)]
        pumped = Pump(Scripted([None, None, Transient("no")]), NoLimiter(), events.append, max_in_flight=1)
        pumped.feed(jobs)
        pumped.feed_no_more()
        await pumped.run()

    asyncio.run(run())
    told = [event for event in events if isinstance(event, Answered | Tried | GaveUp)]
    assert [(type(event).__name__, event.job.cell_id) for event in told] == [
        ("Answered", 1),
        ("Answered", 2),
        ("Tried", 0),
        ("GaveUp", 0),
    ]


def test_failures_in_a_row_leave_one_call_at_a_time_until_one_gets_through(make_ask: MakeAsk) -> None:
    most_then = []

    class Counting(Scripted):
        async def complete(self, request: ChatRequest) -> Reply:
            most_then.append(self.n_now)
            return await super().complete(request)

    provider = Counting([Away("no connection")] * 30)
    events = play(provider, make_ask(), n_jobs=40, in_flight=10)
    assert outcomes(events) == ["Tried"] * 30 + ["Answered"] * 40
    assert most_then[:10] == list(range(10))
    assert set(most_then[10:31]) == {0}
    assert max(most_then[31:]) == 9
    assert kinds(events).index("Troubled") == 10


def test_nobody_there_counts_against_no_job_once_that_is_known(make_ask: MakeAsk) -> None:
    events = play(Scripted([Away("no connection")] * 100), make_ask(), n_jobs=10, is_proven=True)
    tried = [event for event in events if isinstance(event, Tried)]
    assert outcomes(events) == ["Tried"] * 100 + ["Answered"] * 10
    assert Counter(event.n_failed for event in tried[:10]) == {1: 9, 0: 1}  # the tenth failure made it known
    assert {event.n_failed for event in tried[10:]} == {0, 1}


def test_failures_that_reach_the_server_count_even_then(make_ask: MakeAsk) -> None:
    events = play(Scripted([Transient("broken", status=500)] * 1000), make_ask(), n_jobs=10, is_proven=True)
    assert outcomes(events).count("Tried") == 60
    assert outcomes(events).count("GaveUp") == 10


def test_endpoint_that_never_answered_uses_up_no_job(make_ask: MakeAsk) -> None:
    provider = Scripted([Transient("broken", status=500)] * 10_000)
    events = stopped_after_a_while(provider, make_ask(), n_jobs=1, in_flight=1, n_rounds=60)
    assert set(kinds(events)) == {"Tried", "Troubled"}
    assert kinds(events).count("Tried") > MAX_TRIES


def test_trouble_that_was_there_before_leaves_one_call_at_a_time_from_the_start(make_ask: MakeAsk) -> None:
    provider = Scripted([Away("no connection")] * 5)
    events = play(provider, make_ask(), n_jobs=20, in_flight=10, troubled_s=100.0)
    assert kinds(events)[:10] == ["Tried", "Troubled"] * 5
    assert provider.most_now == 10
    assert outcomes(events).count("Answered") == 20


@pytest.mark.parametrize(("troubled_s", "looks_after"), [(0.0, 0.5), (20.0, 5.0), (3600.0, 30.0)])
def test_looks_at_an_endpoint_in_trouble_become_rarer(
    troubled_s: float, looks_after: float, make_ask: MakeAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "LOOK_FIRST_S", 0.5)
    monkeypatch.setattr(pump, "LOOK_SHARE", 0.25)
    monkeypatch.setattr(pump.random, "uniform", lambda low, high: high)  # type: ignore[attr-defined]
    paused: list[float] = []

    class Noting(NoLimiter):
        async def pause(self, seconds: float) -> None:
            paused.append(seconds)

    async def run() -> None:
        provider = Scripted([Away("no connection")])
        pumped = Pump(provider, Noting(), lambda event: None, max_in_flight=1, troubled_s=troubled_s)
        pumped.feed([Job(0, 1, ChatRequest({}, make_ask(), 0))])
        pumping = asyncio.create_task(pumped.run())
        await let_work()
        pumped.stop()
        await pumping

    asyncio.run(run())
    assert paused == [pytest.approx(looks_after, abs=0.1)]


# --- Nothing is taken ----------------------------------------------------------------------------


@pytest.mark.parametrize(("is_proven", "n_refused"), [(False, 10), (True, 50)])
def test_refusals_in_a_row_throw_doubt_on_all_requests(is_proven: bool, n_refused: int, make_ask: MakeAsk) -> None:
    provider = Scripted([BadRequest("what is this?", status=400)] * 100)
    events = play(provider, make_ask(), n_jobs=100, is_proven=is_proven)
    assert kinds(events) == ["Tried"] * n_refused + ["Doubted"]
    assert isinstance(events[-1], Doubted)
    assert [job.cell_id for job in events[-1].jobs] == list(range(n_refused))


def test_endpoint_that_takes_none_of_few_requests_is_doubted_at_the_end(make_ask: MakeAsk) -> None:
    events = play(Scripted([BadRequest("what is this?", status=400)] * 3), make_ask(), n_jobs=3)
    assert kinds(events) == ["Tried"] * 3 + ["Doubted"]


def test_last_requests_that_are_refused_end_their_jobs_where_others_were_taken(make_ask: MakeAsk) -> None:
    refusals = [BadRequest("too long", status=400)] * 3
    events = play(Scripted([None, *refusals]), make_ask(), n_jobs=4)
    assert kinds(events) == ["Answered", "Tried", "Tried", "Tried", "GaveUp", "GaveUp", "GaveUp"]


def test_refusals_before_an_early_stop_end_nothing(make_ask: MakeAsk) -> None:
    """The second request waits when the pump is stopped: whether the first was wrong is not known."""
    provider = Scripted([BadRequest("what?", status=400), RateLimited("soon", status=429, retry_after=3)])
    events = stopped_after_a_while(provider, make_ask(), n_jobs=2, in_flight=1)
    assert kinds(events) == ["Tried", "Tried"]
