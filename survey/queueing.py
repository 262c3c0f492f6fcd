"""How work goes to the workers. Apart from `survey.broker`, which participants' pages load: Celery is not for them."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def send_or_leave(task: Task[..., Any], *args: object) -> None:
    """Queue a task; with the broker away what it is about is left to the sweep, which beat sends."""
    try:
        task.delay(*args)
    except OperationalError as error:
        logger.warning("%s%s waits for the broker: %s", task.name, args, error)
