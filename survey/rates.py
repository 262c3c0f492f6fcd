"""How often somebody may come: counted by the minute in Redis, for all web processes together.

Counted are networks, people of panels, and tokens and their owners, under keyed hashes that change with every minute; a
count is gone after two.
Nothing asks the database. Where Redis is away nobody is counted, and nobody waits.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from functools import cache
from time import time as clock
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import RedisError

from survey.broker import connect

log = logging.getLogger(__name__)

LEFT_ALONE_S = 10.0  # after it did not answer


class Rate(NamedTuple):
    """So many in so many seconds."""

    name: str
    most: int
    seconds: int = 60


# By network: a university's lecture hall shares one, and everybody in it opens the link at once.
ENTRIES = Rate("entries", settings.ENTRIES_A_MINUTE)
RECEIPTS = Rate("receipts", 60)
LOGINS = Rate("logins", 120)
FORGED_EVENTS = Rate("forged-events", 60)
# By person of a panel: whoever reloads and reloads.
VISITS = Rate("visits", 30)


def network_of(request: HttpRequest) -> str:
    """Give the network that a request came from, as our proxy tells it; without a proxy nobody is told apart."""
    return request.headers.get("X-Client-Network", "")[:64] if settings.BEHIND_PROXY else ""


def seconds_to_wait(rate: Rate, who: str, *, adding: int = 1) -> int:
    """Count somebody's coming, and give the seconds after which they may come again; 0: they may now.

    Nobody is counted whose name is empty. `adding=0` only looks.
    """
    return counts(settings.REDIS_URL).seconds_to_wait(rate, who, adding) if who else 0


@cache
def counts(address: str) -> Counts:
    return Counts(address)


class Counts:
    """The counts in one Redis, which is left alone for a while once it did not answer."""

    def __init__(self, address: str) -> None:
        self.redis = connect(address)
        self.away_until = 0.0

    def seconds_to_wait(self, rate: Rate, who: str, adding: int) -> int:
        if time.monotonic() < self.away_until:
            return 0
        window, spent = divmod(int(clock()), rate.seconds)
        try:
            with self.redis.pipeline(transaction=False) as pipe:
                pipe.incrby(name := key(rate, window, who), adding)
                pipe.expire(name, 2 * rate.seconds)
                n = int(pipe.execute()[0])
        except (RedisError, OSError) as error:
            log.warning("nobody is counted for a while, Redis does not answer: %s", error)
            self.away_until = time.monotonic() + LEFT_ALONE_S
            return 0
        return rate.seconds - spent if n > rate.most or (not adding and n == rate.most) else 0


def key(rate: Rate, window: int, who: str) -> str:
    """Name a count so that nobody can read who it is of, nor follow them into the next minute."""
    told = f"{rate.name} {window} {who}".encode()
    return "rate:" + hmac.new(settings.SECRET_KEY.encode(), told, hashlib.sha256).hexdigest()[:32]
