"""Background work with the panels. What is to be done stands in the database: every task may be lost or repeated."""

from __future__ import annotations

from celery import shared_task

from survey.domain.acts import perform_due
from survey.domain.panels import process_events, refresh_live


@shared_task(expires=15)
def work_with_panels() -> None:
    """Act on the events that came in, and do at the panels what is due."""
    process_events()
    perform_due()


@shared_task(expires=300)
def ask_panels() -> None:
    """Look at the panels' own lists: what an event failed to tell is put right by it."""
    refresh_live()
