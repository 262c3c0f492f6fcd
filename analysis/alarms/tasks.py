"""Background work of alarms. Every task may be lost or repeated: what rings, and who was told, is in the database."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task, shared_task
from django.db import DatabaseError
from kombu.exceptions import OperationalError

from analysis.alarms import domain, sending
from survey.models import Study

logger = logging.getLogger(__name__)


@shared_task(expires=50)
def watch_studies(is_thorough: bool = False) -> None:
    """Look at every study that something can ring of; a fault in one keeps nobody from the others."""
    domain.give_sign_of_life("celery")
    for study in domain.studies_to_watch():
        check(study, is_thorough=is_thorough)
    sending.bundle_notices()


@shared_task(expires=300)
def watch_study(code: str) -> None:
    """Look at one study, after somebody has changed something about it."""
    study = Study.objects.filter(code=code).select_related("version__instrument").first()
    if study is not None and domain.check_study(study):
        deliver()


@shared_task(expires=15)
def deliver() -> None:
    """Take notices to whom they concern."""
    sending.bundle_notices()
    sending.send_due()


@shared_task(expires=120)
def give_sign_of_life(queue: str) -> None:
    """Note that this queue has a worker: run by one of its own."""
    domain.give_sign_of_life(queue)


def watch_soon(code: str) -> None:
    """Have a study looked at now; with the broker away the timer's next look does it."""
    _queue(watch_study, code)


def deliver_soon() -> None:
    """Have notices sent now; with the broker away they wait."""
    _queue(deliver)


def _queue(task: Task[..., Any], *arguments: str) -> None:
    """As `survey.queueing.send_or_leave`, but never twice: somebody waits for the page, and the timer looks anyway."""
    try:
        task.apply_async(arguments, retry=False)
    except OperationalError as error:
        logger.warning("%s waits for the broker: %s", task.name, error)


def check(study: Study, *, is_thorough: bool) -> bool:
    """Look at a study unless a fault of its own forbids it; say whether that went well."""
    try:
        domain.check_study(study, is_thorough=is_thorough)
    except DatabaseError:
        raise  # nothing can be written now: the next look is a minute away
    except Exception:
        logger.exception("the look at study %s failed", study.code)
        return False
    return True
