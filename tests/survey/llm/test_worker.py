"""Real Celery worker processes, a real queue, a real model server; and workers that are killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from survey.llm import domain
from survey.llm.enums import CellState, PersonaSetting, RunState
from survey.llm.models import Cell, Completion, ModelSpec, Run
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, answer

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 90
pytestmark = pytest.mark.django_db(transaction=True)


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


@pytest.fixture
def workers() -> Iterator[Workers]:
    url = own_queue(os.environ["REDIS_URL"])
    client = redis.Redis.from_url(url.replace("redis+socket://", "unix://").replace("virtual_host=", "db="))
    client.flushdb()
    started = Workers(os.environ | {"DATABASE_URL": own_database(os.environ["DATABASE_URL"]), "REDIS_URL": url})
    yield started
    started.stop_all()
    client.flushdb()
    client.close()


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
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            counts = Counter(Cell.objects.values_list("state", flat=True))
            pytest.fail(f"still not after {PATIENCE_SECONDS} s: {Run.objects.values_list('state', 'error')} {counts}")
        time.sleep(0.05)


def is_done(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, state=RunState.DONE).exists()


def assert_one_completion_each(run: Run) -> None:
    cells = Cell.objects.filter(run=run).annotate(n=Count("completions"))
    assert set(cells.values_list("state", "n")) == {(CellState.DONE, 1)}
    assert Completion.objects.count() == run.n_cells


def test_two_workers_finish_a_run_of_two_models_with_one_completion_each(
    study: Study, endpoint_spec: ModelSpec, make_spec: Callable[..., ModelSpec], model_server: ModelServer,
    workers: Workers,
) -> None:  # fmt: skip
    run = make_run(study, endpoint_spec, make_spec())
    workers.start()
    workers.start()
    workers.send("start_run", run.pk)
    wait_until(lambda: is_done(run))
    assert_one_completion_each(run)
    assert len(model_server.bodies) == run.n_cells / 2
    assert model_server.most_in_flight <= endpoint_spec.max_in_flight


def test_killed_worker_costs_repeats_but_no_cell(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, workers: Workers
) -> None:
    model_server.usual = answer(delay=0.05)
    run = make_run(study, endpoint_spec)
    victim = workers.start()
    workers.send("start_run", run.pk)
    wait_until(lambda: len(model_server.bodies) >= 20)
    workers.kill(victim)
    left = Cell.objects.filter(run=run, state=CellState.LEASED)
    assert left.exists()

    left.update(lease_until=timezone.now() - timedelta(seconds=1))
    workers.start()
    workers.send("sweep")
    wait_until(lambda: is_done(run))
    assert_one_completion_each(run)
    assert len(model_server.bodies) >= run.n_cells


def test_same_work_queued_many_times_asks_nothing_twice(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, workers: Workers
) -> None:
    run = domain.create_alignment_run(study, specs=[endpoint_spec], persona=[PersonaSetting.PERSONA])
    domain.begin_run(run)
    for _ in range(3):
        workers.send("work", endpoint_spec.pk)
    workers.start()
    workers.start()
    wait_until(lambda: is_done(run))
    assert_one_completion_each(run)
    assert len(model_server.bodies) == run.n_cells
