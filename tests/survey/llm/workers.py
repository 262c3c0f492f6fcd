"""Real Celery workers for tests: started on the test's own database and queue, killed, waited for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Count

from survey.llm import domain
from survey.llm.enums import CellState, RunState
from survey.llm.models import Cell, Completion, ModelSpec, Run
from survey.models import Study
from tests import waiting

ROOT = Path(__file__).resolve().parents[3]


class Workers:
    """Starts Celery commands on the test's own database and its own queue."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, concurrency: int = 1) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "pact_site", "worker", "--concurrency", str(concurrency)]
        command += ["--hostname", f"w{len(self.running)}@t", "--loglevel", "WARNING"]
        process = subprocess.Popen(command, cwd=ROOT, env=self.environment, start_new_session=True)
        self.running.append(process)
        return process

    def send(self, task: str, *args: Any) -> None:
        command = [sys.executable, "-m", "celery", "-A", "pact_site", "call", f"survey.llm.tasks.{task}"]
        subprocess.run(
            [*command, "--args", str(list(args))], cwd=ROOT, env=self.environment, check=True, capture_output=True
        )

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a worker and its children with no chance to clean up."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        for process in self.running:
            if process.poll() is None:
                self.kill(process)


def own_queue(url: str) -> str:
    """Give each pytest-xdist worker a database number of its own, apart from the one that other tests use."""
    number = str(1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))
    if "virtual_host=" in url:
        return re.sub(r"virtual_host=\d+", f"virtual_host={number}", url)
    return re.sub(r"(/\d*)?$", f"/{number}", url, count=1)


def own_database(url: str) -> str:
    """Name the test's database instead of the one the tests were started on."""
    return re.sub(r"[^/?]*(\?.*)?$", str(connection.settings_dict["NAME"]), url, count=1)


def make_run(study: Study, *specs: ModelSpec) -> Run:
    return domain.create_alignment_run(study, specs=specs)


def wait_until(is_so: Callable[[], bool]) -> None:
    waiting.wait_until(is_so, tell=how_runs_are)


def how_runs_are() -> str:
    return f"{Run.objects.values_list('state', 'error')} {Counter(Cell.objects.values_list('state', flat=True))}"


def is_done(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, state=RunState.DONE).exists()


def assert_one_completion_each(run: Run) -> None:
    cells = Cell.objects.filter(run=run).annotate(n=Count("completions"))
    assert set(cells.values_list("state", "n")) == {(CellState.DONE, 1)}
    assert Completion.objects.count() == run.n_cells
