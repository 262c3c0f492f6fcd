"""Redis as the site finds it: a client that waits for it hardly at all, and tasks that can wait until it is back."""

from __future__ import annotations

import logging
from typing import Any

import redis
from celery import Task
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

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


def send_or_leave(task: Task[..., Any], *args: object) -> None:
    """Queue a task; with the broker away what it is about is left to the sweep, which beat sends."""
    try:
        task.delay(*args)
    except OperationalError as error:
        logger.warning("%s%s waits for the broker: %s", task.name, args, error)
