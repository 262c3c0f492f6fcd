"""How fast a run is and how long it may take. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

BIN = timedelta(seconds=10)  # as the database counts
WINDOWS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
LEAST = timedelta(seconds=5)  # over less than this a rate says nothing


class Rates(NamedTuple):
    """Questions that ended a minute: in the last minute, in the last five, in the last thirty, since the first."""

    minute: float
    five_minutes: float
    half_hour: float
    overall: float


class Left(NamedTuple):
    """The minutes that a run may still take, by its fastest and its slowest recent pace."""

    low: float
    high: float


def bin_start(at: datetime) -> datetime:
    """Give the beginning of the ten seconds that a moment is in."""
    return at - (at - EPOCH) % BIN


def rates(counts: Mapping[datetime, int], *, first: datetime | None, last: datetime, n: int, now: datetime) -> Rates:
    """Compute rates from what ended in each ten seconds of the last half hour.

    A window begins with whole ten seconds, and with the first answer where that came later. `n` questions have ended
    between `first` and `last`.
    """
    if first is None:
        return Rates(0.0, 0.0, 0.0, 0.0)
    starts = [max(bin_start(now) - window, first) for window in WINDOWS]
    recent = [_a_minute(sum(count for at, count in counts.items() if at >= start), now - start) for start in starts]
    return Rates(recent[0], recent[1], recent[2], _a_minute(n, last - first))


def _a_minute(n: int, time: timedelta) -> float:
    return n * 60 / max(time, LEAST).total_seconds()


def time_left(models: Iterable[tuple[int, Rates]]) -> Left | None:
    """Estimate from each model's open questions and rates; None where one that has any was silent for five minutes.

    Models are asked side by side, so the slowest one decides.
    """
    found: Sequence[Left | None] = [_left(n_open, paces) for n_open, paces in models if n_open]
    known = [left for left in found if left]
    if not known or len(known) < len(found):
        return None
    return Left(max(left.low for left in known), max(left.high for left in known))


def _left(n_open: int, paces: Rates) -> Left | None:
    if not paces.five_minutes:
        return None
    recent = [pace for pace in (paces.minute, paces.five_minutes, paces.half_hour) if pace]
    return Left(n_open / max(recent), n_open / min(recent))


def minutes_text(minutes: float) -> str:
    """Write a time: `40 s`, `12 min`, `3.5 h`, `2.1 days`."""
    if minutes < 1.5:
        return f"{max(minutes * 60, 1):.0f} s"
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"


def left_text(left: Left) -> str:
    """Write a range, or one time where its ends look the same."""
    low, high = minutes_text(left.low), minutes_text(left.high)
    return f"about {low}" if low == high else f"{low} to {high}"
