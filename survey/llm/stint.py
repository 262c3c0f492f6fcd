"""A worker's turn at one model: lease cells, have them asked, write what comes back.

Two threads: an event loop calls (`calls`, `pump`), the task's own thread leases and writes.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from survey.llm import domain, trouble
from survey.llm.calls import Calls
from survey.llm.domain import Held, Result
from survey.llm.enums import CellState
from survey.llm.models import Attempt, ModelSpec, Run
from survey.llm.providers.contract import BadRequest
from survey.llm.pump import MOST_REFUSALS, Answered, Blocked, Doubted, Event, GaveUp, Job, Stopped, Tried, Troubled
from survey.llm.queries import are_asking, has_answered, running_runs
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
PATIENCE_S = 600.0  # with an endpoint to which nothing gets through
FIRST_PATIENCE_S = 60.0  # with one that has not answered anything yet: it may never have been there

logger = logging.getLogger(__name__)
# Set when the worker is asked to end: the signal reaches its parent process, the stints run in forked children.
leaving = multiprocessing.Event()
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
        self.refused: set[Held] = set()  # those of them that are only held until it is known whom to blame
        self.supply = Supply(spec)
        self.is_dry = False  # nothing is left to lease
        self.is_blocked = False
        self.has_stopped = False  # for a reason that somebody must mend
        self.renewed_at = self.began_at = time.monotonic()

    def work(self) -> bool:
        """Ask and record until nothing is left, the time is over, or it must stop; say whether to go on later."""
        since = self.spec.trouble_since
        calls = Calls(
            self.spec,
            max_in_flight=self.max_in_flight,
            is_proven=has_answered(self.spec),
            troubled_s=None if since is None else max(0.0, (timezone.now() - since).total_seconds()),
        )
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
        while not self.is_dry and not self._is_time_over() and self._n_to_ask() <= self.n_to_hold // 2:
            leased = self._lasting(self.supply.lease, self.n_to_hold - self._n_to_ask())
            if leased and (leased.jobs or leased.known):
                self.held.update(_held(job) for job in leased.jobs)
                calls.feed(leased.jobs)
                if leased.known:
                    self._lasting(domain.record_completions, leased.known)
                    return
            elif leased is None or not self._n_to_ask():
                self.is_dry = True
                calls.feed_no_more()
            else:
                return  # what is in flight may leave room in a budget

    def _n_to_ask(self) -> int:
        return len(self.held) - len(self.refused)

    # --- Answers out -------------------------------------------------------------------------------

    def _record(self, events: Sequence[Event]) -> None:
        tried = [event for event in events if isinstance(event, Tried)]
        results = [self._result(event) for event in events if isinstance(event, Answered | GaveUp)]
        if tried:
            failed = {event.job.cell_id: event.n_failed for event in tried if event.n_failed > event.job.n_failed}
            self._lasting(domain.record_attempts, [_attempt(event) for event in tried], failed)
        self.refused.update(_held(event.job) for event in tried if isinstance(event.error, BadRequest))
        self._end(results)
        for event in events:
            if isinstance(event, Stopped):
                self._stop(self.supply.runs.values(), event.error.message)
            elif isinstance(event, Doubted):
                self._doubt(event)
            elif isinstance(event, Blocked):
                self.is_blocked = True
                logger.warning(
                    "%s waits: %s, %.0f s", self.spec.tag, event.reason, event.seconds, extra={"model": self.spec.tag}
                )
        if (latest := next((e for e in reversed(events) if isinstance(e, Answered | Troubled)), None)) is not None:
            self._weigh(latest)

    def _end(self, results: Sequence[Result]) -> None:
        if results:
            self._lasting(domain.record_completions, results)
            self.held.difference_update(result.held for result in results)
            self.refused &= self.held

    def _result(self, event: Answered | GaveUp) -> Result:
        held = _held(event.job)
        if isinstance(event, GaveUp):
            return Result(held, CellState.ERROR, None)
        completion = read_completion(self.spec, event)
        completion.cost = self.supply.charge(completion)
        return Result(held, state_after(completion.parse_stage), completion)

    # --- An endpoint in trouble --------------------------------------------------------------------

    def _weigh(self, latest: Answered | Troubled) -> None:
        """Show what the model's runs wait for, as long as they do; stop asking when that has taken too long."""
        if isinstance(latest, Answered):
            if self.spec.trouble_since is not None:
                self._lasting(trouble.end_trouble, self.spec)
                self.spec.trouble_since = None
            return
        if self.has_stopped:
            return
        said = latest.error.message
        waited = self._lasting(trouble.note_trouble, self.spec, said)
        self.spec.trouble_since = self.spec.trouble_since or timezone.now()
        if waited > (PATIENCE_S if self._lasting(has_answered, self.spec) else FIRST_PATIENCE_S):
            reason = f"{self.spec.tag}: nothing got through for {_in_words(waited)}: {said}"
            self._stop(self._lasting(running_runs, self.spec), reason, latest.error.mend)

    def _doubt(self, doubted: Doubted) -> None:
        """Take refusals for the endpoint's word on all requests, unless it has answered others meanwhile."""
        if len(doubted.jobs) < MOST_REFUSALS and self._lasting(has_answered, self.spec):
            self._end([self._result(GaveUp(job)) for job in doubted.jobs])
            return
        how = f" (HTTP {doubted.error.status})" if doubted.error.status else ""
        reason = f"{self.spec.tag} took none of {len(doubted.jobs)} requests in a row{how}: {doubted.error.message}"
        self._stop(self.supply.runs.values(), reason, doubted.error.mend)

    def _stop(self, runs: Iterable[Run], *reasons: str) -> None:
        """Have runs ask the model nothing more until somebody has mended what is wrong."""
        self.has_stopped = True
        reason = " ".join(_sentence(reason) for reason in reasons if reason)
        if "resume the run" not in reason:
            reason += " Then resume the run."
        for run in runs:
            self._lasting(trouble.stop_model, run, self.spec, reason)
        self._lasting(trouble.end_trouble, self.spec)

    # --- Staying entitled --------------------------------------------------------------------------

    def _renew(self) -> None:
        if time.monotonic() - self.renewed_at > RENEW_SECONDS:
            self._lasting(domain.renew_leases, self.held)
            self.renewed_at = time.monotonic()

    def _must_stop(self) -> bool:
        """Tell whether the time is over, or a run that cells are held of was paused or cancelled, or asks no more."""
        return self._is_time_over() or not self._lasting(are_asking, self.supply.runs, self.spec)

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


def _held(job: Job) -> Held:
    return Held(job.cell_id, job.lease)


def _in_words(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} seconds"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


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
