"""Redis for the web process: where it is, and a client that waits for it hardly at all."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE_S = 0.25


def client_address(broker_url: str) -> str:
    """Turn Celery's way of naming a socket into the Redis client's."""
    if not broker_url.startswith("redis+socket://"):
        return broker_url
    return "unix://" + broker_url.removeprefix("redis+socket://").replace("virtual_host=", "db=")


def connect(broker_url: str) -> redis.Redis:
    """Make a client; a connection that the server closed meanwhile is opened again, once."""
    return redis.Redis.from_url(
        client_address(broker_url),
        socket_connect_timeout=PATIENCE_S,
        socket_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 1),
    )
