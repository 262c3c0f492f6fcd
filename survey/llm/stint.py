"""A worker's turn at one model: lease cells, have them asked, write what comes back.

Two threads: an event loop calls (`calls`, `pump`), the task's own thread leases and writes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

from survey.llm import domain
from survey.llm.calls import Calls
from survey.llm.domain import Held, Result
from survey.llm.enums import CellState
from survey.llm.models import Attempt, ModelSpec
from survey.llm.pump import Answered, Blocked, Event, GaveUp, Stopped, Tried
from survey.llm.queries import are_running
from survey.llm.requests import read_completion, state_after
from survey.llm.supply import Supply

STINT_SECONDS = 30.0  # then other models have their turn
HELD_PER_CALL = 2  # a call's next job is at hand when it ends
MOST_HELD_PER_CALL = 10
LEAST_HELD = 200
FLUSH_SIZE = 100
FLUSH_SECONDS = 1.0
RENEW_SECONDS = 15.0
DATABASE_PATIENCE_SECONDS = 120.0

logger = logging.getLogger(__name__)
leaving = threading.Event()  # set when the worker is asked to end
P = ParamSpec("P")
T = TypeVar("T")


class Stint:
    """The cells of one turn, until each has been recorded or given back."""

    def __init__(self, spec: ModelSpec, *, max_in_flight: int, keep_seat: Callable[[], bool] = lambda: True) -> None:
        """`keep_seat` is asked after the database was away: may this worker still call this model?"""
        self.spec = spec
        self.max_in_flight = max_in_flight
        self.keep_seat = keep_seat
        self.n_to_hold = min(max(LEAST_HELD, max_in_flight * HELD_PER_CALL), max_in_flight * MOST_HELD_PER_CALL)
        self.held: set[Held] = set()
        self.supply = Supply(spec)
        self.is_dry = False  # nothing is left to lease
        self.is_blocked = False
        self.renewed_at = self.began_at = time.monotonic()

    def work(self) -> bool:
        """Ask and record until nothing is left, the time is over, or it must stop; say whether to go on later."""
        calls = Calls(self.spec, max_in_flight=self.max_in_flight)
        try:
            while not calls.is_over:
                if self._must_stop():
                    calls.stop()
                else:
                    self._refill(calls)
                self._record(calls.next_events(min(FLUSH_SIZE, max(1, self.n_to_hold // 2)), FLUSH_SECONDS))
                self._renew()
        finally:
            calls.close()
            while not calls.is_over:
                self._record(calls.next_events(FLUSH_SIZE, 0.0))
            self._lasting(domain.release_cells, self.held)
        if calls.failure:
            raise calls.failure
        return not (self.is_dry or self.is_blocked)

    # --- Cells in ----------------------------------------------------------------------------------

    def _refill(self, calls: Calls) -> None:
        """Lease what may soon be asked."""
        while not self.is_dry and not self._is_time_over() and len(self.held) <= self.n_to_hold // 2:
            leased = self._lasting(self.supply.lease, self.n_to_hold - len(self.held))
            if leased and (leased.jobs or leased.known):
                self.held.update(Held(job.cell_id, job.lease) for job in leased.jobs)
                calls.feed(leased.jobs)
                if leased.known:
                    self._lasting(domain.record_completions, leased.known)
                    return
            elif leased is None or not self.held:
                self.is_dry = True
                calls.feed_no_more()
            else:
                return  # what is in flight may leave room in a budget

    # --- Answers out -------------------------------------------------------------------------------

    def _record(self, events: Sequence[Event]) -> None:
        attempts = [_attempt(event) for event in events if isinstance(event, Tried)]
        results = [self._result(event) for event in events if isinstance(event, Answered | GaveUp)]
        if attempts:
            self._lasting(domain.record_attempts, attempts)
        if results:
            self._lasting(domain.record_completions, results)
        self.held.difference_update(result.held for result in results)
        for event in events:
            if isinstance(event, Stopped):
                for run in self.supply.runs.values():
                    self._lasting(domain.stop_run, run, event.error.message)
            elif isinstance(event, Blocked):
                self.is_blocked = True
                logger.warning("%s waits: %s, %.0f s", self.spec.tag, event.reason, event.seconds)

    def _result(self, event: Answered | GaveUp) -> Result:
        held = Held(event.job.cell_id, event.job.lease)
        if isinstance(event, GaveUp):
            return Result(held, CellState.ERROR, None)
        completion = read_completion(self.spec, event)
        completion.cost = self.supply.charge(completion)
        return Result(held, state_after(completion.parse_stage), completion)

    # --- Staying entitled --------------------------------------------------------------------------

    def _renew(self) -> None:
        if time.monotonic() - self.renewed_at > RENEW_SECONDS:
            self._lasting(domain.renew_leases, self.held)
            self.renewed_at = time.monotonic()

    def _must_stop(self) -> bool:
        """Tell whether the time is over, or a run that cells are held of was paused, cancelled or stopped."""
        return self._is_time_over() or not self._lasting(are_running, self.supply.runs)

    def _is_time_over(self) -> bool:
        return leaving.is_set() or time.monotonic() - self.began_at > STINT_SECONDS

    def _lasting(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what may safely be done twice, if need be again until a database that restarts is back."""
        deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
        while True:
            try:
                return act(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if connection.in_atomic_block or time.monotonic() > deadline:
                    raise
                logger.warning("%s waits for the database: %s", self.spec.tag, error)
                connection.close()
                time.sleep(0.5)
                self._take_seat_again()

    def _take_seat_again(self) -> None:
        """The lock went with the connection; end the stint where somebody else has it now."""
        try:
            if not self.keep_seat():
                self.began_at = -STINT_SECONDS
        except (OperationalError, InterfaceError):
            connection.close()


def _attempt(event: Tried) -> Attempt:
    return Attempt(
        cell_id=event.job.cell_id,
        status_code=event.error.status,
        error_class=type(event.error).__name__,
        message=event.error.message,
        body=event.error.raw,
        retry_after_s=event.error.retry_after,
        request_id=event.error.request_id,
        latency_ms=event.latency_ms,
    )
