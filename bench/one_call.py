"""For comparison only: a Celery task per call, as one would first write it. `celery -A bench.one_call worker`."""

from __future__ import annotations

import asyncio

import django
from celery import shared_task

from pact_site.celery import app  # noqa: F401  # the application that the worker runs; it names the settings

django.setup()

from survey.llm.models import Cell  # noqa: E402
from survey.llm.providers import open_provider  # noqa: E402
from survey.llm.providers.contract import ChatRequest  # noqa: E402
from survey.llm.pump import Answered, Job  # noqa: E402
from survey.llm.requests import build_request, read_completion  # noqa: E402
from survey.llm.wire import Reply  # noqa: E402


@shared_task(name="bench.ask_one")
def ask_one(cell_id: int) -> None:
    """Ask one cell and store its completion."""
    cell = Cell.objects.select_related("item", "spec", "run__study").get(pk=cell_id)
    request = build_request(cell.spec, cell, cell.run.study.version_id)

    async def call() -> Reply:
        async with open_provider(cell.spec) as provider:
            return await provider.complete(ChatRequest(request.body, request.ask, request.seed))

    reply = asyncio.run(call())
    read_completion(cell.spec, Answered(Job(cell.pk, 0, request), reply, 0)).save()
