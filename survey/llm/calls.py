"""The pump in an event loop and a thread of its own, so that no call waits for the database."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.conf import settings

from survey.llm.limits import open_limiter
from survey.llm.models import ModelSpec
from survey.llm.providers import open_provider
from survey.llm.providers.contract import EndpointRefused
from survey.llm.pump import Event, Job, Pump, Stopped


class Calls:
    """Takes jobs from the thread that leases and records; hands back in batches what became of them."""

    def __init__(self, spec: ModelSpec, *, max_in_flight: int, is_proven: bool, troubled_s: float | None) -> None:
        """Begin at once; `is_proven` and `troubled_s` are what the pump is told of the calls before."""
        self.spec = spec
        self.max_in_flight = max_in_flight
        self.is_proven = is_proven
        self.troubled_s = troubled_s
        self.failure: BaseException | None = None
        self.is_over = False
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._pump: Pump | None = None
        self._early: list[Callable[[Pump], None]] = []  # told before the pump was there
        self._thread = threading.Thread(target=self._run, name=f"calls to {spec.tag}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Call until done; whatever goes wrong is kept for the thread that reads the events."""
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._call())
        except BaseException as error:
            self.failure = error
        finally:
            self._events.put(None)

    async def _call(self) -> None:
        try:
            provider = open_provider(self.spec)
        except EndpointRefused as error:
            self._events.put(Stopped(error))
            return
        async with provider, open_limiter(self.spec, settings.REDIS_URL) as limiter:
            self._pump = Pump(
                provider,
                limiter,
                self._events.put,
                max_in_flight=self.max_in_flight,
                is_proven=self.is_proven,
                troubled_s=self.troubled_s,
            )
            for told in self._early:
                told(self._pump)
            await self._pump.run()

    def feed(self, jobs: Sequence[Job]) -> None:
        """Have more jobs called."""
        self._tell(lambda pump: pump.feed(jobs))

    def feed_no_more(self) -> None:
        """Let the calls end when all jobs have."""
        self._tell(lambda pump: pump.feed_no_more())

    def stop(self) -> None:
        """Start no further calls."""
        self._tell(lambda pump: pump.stop())

    def _tell(self, word: Callable[[Pump], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody is left to tell
            self._loop.call_soon_threadsafe(self._hear, word)

    def _hear(self, word: Callable[[Pump], None]) -> None:
        if self._pump is None:
            self._early.append(word)
        else:
            word(self._pump)

    def close(self) -> None:
        """Start no further calls and wait for those in flight."""
        self.stop()
        self._thread.join()

    def next_events(self, limit: int, seconds: float) -> list[Event]:
        """Wait for events until there are enough or it took long enough; `is_over` is set with the last ones."""
        events: list[Event] = []
        deadline = time.monotonic() + seconds
        while len(events) < limit and not self.is_over:
            try:
                event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if event is None:
                self.is_over = True
            else:
                events.append(event)
        return events
