"""How fast completes come in, and when the rest will have come if it goes on so. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOOK_BACK = DAY  # whole days, so that the nights of all countries are in it
LEAST_HOURS = 1.0
Z = 1.96
FARTHEST = timedelta(days=365)


class Projection(NamedTuple):
    """When the targets will be reached at the recent pace: a guess, with the ends of a range around it."""

    n_recent: int
    hours: float
    n_missing: int
    likely: datetime
    early: datetime
    late: datetime | None  # None: more than a year away


def project(by_hour: Mapping[datetime, int], *, n_missing: int, now: datetime, since: datetime) -> Projection | None:
    """Project the end from the completes of the last day, or since the study opened where that is less.

    The number of completes in the window, k, varies like a Poisson count whose variance is widened by how unevenly
    they fell into its hours (phi, at least 1). The range divides what is missing by k·exp(±1.96·√(phi/k)).
    None where nobody came, or the study is younger than an hour.
    """
    window = min(LOOK_BACK, now - since)
    hours = window / HOUR
    start = now - window
    recent = {hour: n for hour, n in by_hour.items() if hour > start - HOUR and hour <= now}
    k = sum(recent.values())
    if hours < LEAST_HOURS or not k or n_missing <= 0:
        return None
    spread = math.exp(Z * math.sqrt(_dispersion(list(recent.values()), max(1, round(hours))) / k))
    after = timedelta(hours=n_missing * hours / k)
    late = after * spread
    return Projection(k, hours, n_missing, now + after, now + after / spread, now + late if late <= FARTHEST else None)


def _dispersion(counts: list[int], n_hours: int) -> float:
    """Give variance over mean of the hours' counts, hours without any included; at least 1."""
    counts = [*counts, *[0] * (n_hours - len(counts))]
    mean = sum(counts) / len(counts)
    if len(counts) < 2 or not mean:
        return 1.0
    variance = sum((n - mean) ** 2 for n in counts) / (len(counts) - 1)
    return max(1.0, variance / mean)


def by_day(by_hour: Mapping[datetime, int]) -> list[tuple[date, int]]:
    """Add up the hours to days (UTC), from the first to the last with none left out."""
    days: dict[date, int] = {}
    for hour, n in by_hour.items():
        days[hour.date()] = days.get(hour.date(), 0) + n
    if not days:
        return []
    first, last = min(days), max(days)
    return [(day, days.get(day, 0)) for day in (first + DAY * n for n in range((last - first).days + 1))]
