"""A model run that goes on while everything is killed: begun, left without its worker, held to one answer a cell."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING

from bench.servers import Servers

if TYPE_CHECKING:
    from bench.chaos import Report
    from survey.models import Study

IN_FLIGHT = 6  # few, so that the run lasts as long as the crowd


class ModelRun:
    """One run of one model over HTTP, by a real worker."""

    def __init__(self, servers: Servers, study: Study, n_cells: int, latency: float) -> None:
        from bench.llm import MockServer, make_run
        from pact_site.celery import app  # noqa: F401  # to whose workers the run goes
        from survey.llm.tasks import launch

        self.servers, self.share = servers, 0.0
        self.url = servers.start_models(latency)
        port = int(self.url.rpartition(":")[2])
        self.run = make_run(study, "chaos", MockServer(port), n_cells, max_in_flight=IN_FLIGHT)
        servers.start_workers()
        launch(self.run.pk)

    def progress(self) -> float:
        """Tell the share of questions that have ended; as told last while PostgreSQL is away."""
        from django.db import InterfaceError, OperationalError

        from survey.llm.enums import CellState
        from survey.llm.models import Cell

        try:
            n_done = Cell.objects.filter(run=self.run, state=CellState.DONE).count()
            self.share = n_done / self.run.n_cells
        except (OperationalError, InterfaceError):
            self.reconnect()
        return self.share

    def is_done(self) -> bool:
        from survey.llm.enums import RunState
        from survey.llm.models import Run

        return self.progress() == 1.0 and Run.objects.filter(pk=self.run.pk, state=RunState.DONE).exists()

    def has_worker_died(self, *, is_short: bool) -> bool:
        """Kill the worker and start another; say whether it had questions in its hands."""
        from django.db.models.functions import Now

        from survey.llm.enums import CellState
        from survey.llm.models import Cell

        self.reconnect()
        self.servers.restart_worker()
        left = Cell.objects.filter(run=self.run, state=CellState.LEASED)
        n_left = left.update(lease_until=Now()) if is_short else left.count()
        return n_left > 0

    def reconnect(self) -> None:
        """PostgreSQL may have restarted since we asked it last."""
        from django.db import connection

        connection.close()

    def judge(self, report: Report, deadline: float) -> None:
        """Wait for the run's end, then hold every cell to one answer."""
        from django.db.models import Count, Q

        from survey.llm.enums import CellState
        from survey.llm.models import Cell

        self.reconnect()
        while not self.is_done() and time.monotonic() < deadline:
            time.sleep(0.2)
        if not self.is_done():
            self.run.refresh_from_db()
            report.model_faults.append(f"the run is {self.run.state}: {self.run.error}")
        cells = Cell.objects.filter(run=self.run).annotate(n=Count("completions"))
        report.asked_of_model = cells.count()
        wrong = cells.exclude(Q(state=CellState.DONE) & Q(n=1)).values_list("pk", "state", "n")
        report.model_faults += [f"cell {pk} is {state} with {n} answers" for pk, state, n in wrong]
        with urllib.request.urlopen(f"{self.url}/stats", timeout=5) as reply:
            report.calls_of_model = json.load(reply)["answered"]
