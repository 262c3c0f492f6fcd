"""Where Redis is, in the words of its own client."""

from __future__ import annotations


def client_address(broker_url: str) -> str:
    """Turn Celery's way of naming a socket into the Redis client's."""
    if not broker_url.startswith("redis+socket://"):
        return broker_url
    return "unix://" + broker_url.removeprefix("redis+socket://").replace("virtual_host=", "db=")
