"""Counts of very many sessions, kept for a while: watching a study costs about the same at any size.

A count goes through all sessions of a study. Small studies are counted whenever somebody asks; of a large one all who
watch share a count, and the page says how old it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

from django.core.cache import caches
from django.utils import timezone

from analysis.watched import Watched
from survey.models import Study

T = TypeVar("T")
MANY = 20_000  # sessions; fewer are counted in about a tenth of a second
PER_SECOND = 5_000  # a count is kept one second for so many sessions, which take some hundredths of a second to count
LAYOUT = 1  # of what is kept: raised when that changes, so that two releases side by side do not read each other's
REMEMBERED = 3600  # seconds that a process knows a study to be large


class Kept(NamedTuple, Generic[T]):
    """A count, when it was made and for how many seconds it serves: 0 where it is made anew for whoever asks."""

    value: T
    at: datetime
    seconds: int


def kept(study: Study, watched: Watched, name: str, *, read: Callable[[], T], size: Callable[[T], int]) -> Kept[T]:
    """Give a count of a study's sessions, of which ``size`` says how many it went through.

    That a study is large each process finds out by counting it once: a small one's pages ask the database nothing more.
    """
    large, shared = caches["process"], caches["default"]
    is_large = f"many-sessions:{study.pk}"
    key = f"count:{LAYOUT}:{name}:{study.pk}:{sha256(watched.query.encode()).hexdigest()}"
    found: Kept[T] | None = shared.get(key) if large.get(is_large) else None
    if found is None:
        value = read()
        n = size(value)
        found = Kept(value, timezone.now(), int(n / PER_SECOND) if n >= MANY else 0)
        if found.seconds:
            large.set(is_large, True, REMEMBERED)
            shared.set(key, found, found.seconds)
    return found
