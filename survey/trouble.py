"""Why participants' pages had to be refused lately: noted in Redis, since the database is what is in trouble."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import closing, suppress
from enum import StrEnum

from django.conf import settings
from redis.exceptions import RedisError

from survey.broker import connect

log = logging.getLogger(__name__)

LATELY_S = 600
TOLD_S = 3600


class Trouble(StrEnum):
    """What kept a page from being stored or shown, however long its reader waited."""

    DISK_FULL = "database disk full"
    AWAY = "database away"

    @property
    def key(self) -> str:
        return f"trouble:{self.name.lower()}"


def note(trouble: Trouble) -> None:
    """Remember a trouble for ten minutes; where Redis is away too, the log alone tells of it."""
    try:
        with closing(connect(settings.REDIS_URL)) as redis:
            redis.set(trouble.key, "1", ex=LATELY_S)
    except (RedisError, OSError) as error:
        log.warning("%s could not be noted: %s", trouble, error)


def lately() -> list[Trouble]:
    """Give what pages were refused for in the last ten minutes."""
    try:
        with closing(connect(settings.REDIS_URL)) as redis:
            found = redis.mget([trouble.key for trouble in Trouble])
    except (RedisError, OSError):
        return []
    return [trouble for trouble, noted in zip(Trouble, found, strict=True) if noted]


def untold(troubles: Collection[Trouble]) -> list[Trouble]:
    """Give those that nobody was told of in the last hour; all, where Redis is away too."""
    try:
        with closing(connect(settings.REDIS_URL)) as redis:
            told = redis.mget([f"{trouble.key}:told" for trouble in troubles])
    except (RedisError, OSError):
        return list(troubles)
    return [trouble for trouble, noted in zip(troubles, told, strict=True) if not noted]


def note_told(troubles: Collection[Trouble]) -> None:
    with suppress(RedisError, OSError), closing(connect(settings.REDIS_URL)) as redis:
        for trouble in troubles:
            redis.set(f"{trouble.key}:told", "1", ex=TOLD_S)
