"""One chunk of a run: lease cells, ask them, write what comes back.

Two threads: an event loop calls (`pump`), the task's own thread writes; so no call waits for the database.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from survey.llm import domain
from survey.llm.domain import Held, Result
from survey.llm.enums import CellState, ParseStage, RunState
from survey.llm.models import Attempt, Cell, ModelSpec, Run
from survey.llm.providers import open_provider
from survey.llm.providers.contract import EndpointRefused
from survey.llm.pump import Answered, Event, GaveUp, Job, Pump, Stopped, Tried
from survey.llm.requests import build_request, read_completion

CHUNK_SIZE = 200
CALLS_PER_CALLER = 10  # a slow endpoint gets a smaller chunk
FLUSH_SIZE = 100
FLUSH_SECONDS = 1.0
RENEW_SECONDS = 15.0


def ask_chunk(run: Run, spec: ModelSpec) -> int:
    """Ask one chunk of a running run of one model; give how many cells it took."""
    cells = domain.lease_cells(run, spec, min(CHUNK_SIZE, spec.max_in_flight * CALLS_PER_CALLER))
    if cells:
        Chunk(run, spec, cells).work()
    return len(cells)


class Chunk:
    """The cells of one lease, until each has been recorded or given back."""

    def __init__(self, run: Run, spec: ModelSpec, cells: Sequence[Cell]) -> None:
        self.run = run
        self.spec = spec
        self.version_id = run.study.version_id
        self.held = {Held(cell.pk, cell.n_leases) for cell in cells}
        self.jobs = [self._job(cell) for cell in cells]
        self.renewed_at = time.monotonic()

    def work(self) -> None:
        """Ask and record until all is done, the run ends, or the endpoint stops it."""
        calls = Calls(self.spec, self.jobs)
        try:
            while (events := calls.next_events(FLUSH_SIZE, FLUSH_SECONDS)) is not None:
                self._record(events)
                if time.monotonic() - self.renewed_at > RENEW_SECONDS:
                    domain.renew_leases(self.held)
                    self.renewed_at = time.monotonic()
                if not Run.objects.filter(pk=self.run.pk, state=RunState.RUNNING).exists():
                    calls.stop()
        finally:
            calls.close()
            domain.release_cells(self.held)
        if calls.failure:
            raise calls.failure

    def _record(self, events: Sequence[Event]) -> None:
        domain.record_attempts(_attempt(event) for event in events if isinstance(event, Tried))
        results = [self._result(event) for event in events if isinstance(event, Answered | GaveUp)]
        domain.record_completions(results)
        self.held.difference_update(result.held for result in results)
        for event in events:
            if isinstance(event, Stopped):
                domain.stop_run(self.run, event.error.message)

    def _job(self, cell: Cell) -> Job:
        return Job(cell.pk, cell.n_leases, build_request(self.spec, cell, self.version_id))

    def _result(self, event: Answered | GaveUp) -> Result:
        held = Held(event.job.cell_id, event.job.lease)
        if isinstance(event, GaveUp):
            return Result(held, CellState.ERROR, None)
        completion = read_completion(self.spec, event)
        state = {ParseStage.REFUSAL: CellState.REFUSED, ParseStage.UNPARSED: CellState.UNPARSED}
        return Result(held, state.get(ParseStage(completion.parse_stage), CellState.DONE), completion)


class Calls:
    """The pump in an event loop and a thread of its own; what it tells is handed over in batches."""

    def __init__(self, spec: ModelSpec, jobs: Sequence[Job]) -> None:
        self.spec = spec
        self.jobs = jobs
        self.failure: BaseException | None = None
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._is_over = False
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
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
        async with provider:
            await Pump(provider, self._events.put, self._stop).run(self.jobs, in_flight=self.spec.max_in_flight)

    def stop(self) -> None:
        """Start no further calls."""
        with suppress(RuntimeError):  # the loop has ended: nothing to stop
            self._loop.call_soon_threadsafe(self._stop.set)

    def close(self) -> None:
        """Start no further calls and wait for those in flight."""
        self.stop()
        self._thread.join()

    def next_events(self, limit: int, seconds: float) -> list[Event] | None:
        """Wait for events until there are enough or it took long enough; None after the last one."""
        if self._is_over:
            return None
        events: list[Event] = []
        deadline = time.monotonic() + seconds
        while len(events) < limit:
            try:
                event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if event is None:
                self._is_over = True
                break
            events.append(event)
        return events


def _attempt(event: Tried) -> Attempt:
    return Attempt(
        cell_id=event.job.cell_id,
        status_code=event.error.status,
        error_class=type(event.error).__name__,
        message=event.error.message,
        retry_after_s=event.error.retry_after,
    )
