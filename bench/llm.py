"""How fast model runs are: `python -m bench.llm [--only NAME …]` prints one line of JSON and a table.

Real Celery workers, PostgreSQL (fsync on) and Valkey, and a mock server in a process of its own, all on this machine,
started and stopped here. Every part is bounded in calls and in time. Linux only (memory is read from /proc).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import kept
from pact_site import embedded

ROOT = Path(__file__).resolve().parent.parent
LATENCY_S = 0.5
IN_FLIGHT = 200
LIMITED_RATE = 100
PATIENCE_S = 240
CELERY = [sys.executable, "-m", "celery", "-A"]
WORKER = ["worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--hostname"]


# --- Processes -------------------------------------------------------------------------------------


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a session of its own; end all of it."""
    child = subprocess.Popen(command, cwd=ROOT, start_new_session=True, text=True, **options)
    try:
        yield child
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if child.stdout:
            child.stdout.close()


class MockServer:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/stats", timeout=5) as reply:
            seen: dict[str, Any] = json.load(reply)
            return seen


@contextmanager
def mock_server(*, latency: float, rate: float = 0.0) -> Iterator[MockServer]:
    command = [sys.executable, "-m", "bench.model_server", "--latency", str(latency), "--rate", str(rate)]
    with process(command, stdout=subprocess.PIPE) as child:
        assert child.stdout
        yield MockServer(int(child.stdout.readline()))


@contextmanager
def workers(*arguments: str, app: str = "pact_site") -> Iterator[subprocess.Popen[str]]:
    """Start a worker and wait until it answers."""
    with process([*CELERY, app, *WORKER, "bench@b", *arguments], stderr=subprocess.STDOUT) as child:
        from pact_site.celery import app as celery_app

        wait_until(lambda: bool(celery_app.control.ping(timeout=0.5)), 60)
        yield child


def memory_mb(pid: int) -> float:
    """Give the resident memory of a process and all below it."""
    total = _rss_kb(pid)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            total += _rss_kb(int(path.parent.name))
    return round(total / 1024, 1)


def _rss_kb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"not done within {seconds} s")
        time.sleep(0.05)


# --- Runs ------------------------------------------------------------------------------------------


def make_study() -> Any:
    from survey.domain.instruments import load_instrument
    from survey.domain.studies import create_study
    from survey.enums import PanelName
    from survey.instruments.loader import SHIPPED, read_instrument

    version = load_instrument(read_instrument(SHIPPED)).version
    return create_study(code="bench", title="Bench", version=version, panel=PanelName.DIRECT, target_per_cell=1)


def make_run(study: Any, tag: str, server: MockServer, n_cells: int, **fields: Any) -> Any:
    """Make a run of exactly so many cells: the usual design, repeated and cut."""
    from django.db import connection

    from survey.llm.domain import create_alignment_run
    from survey.llm.models import Cell, ModelSpec

    spec = ModelSpec.objects.create(tag=tag, base_url=f"{server.url}/v1", model=tag, **fields)
    run = create_alignment_run(study, specs=[spec])
    columns = [field.column for field in Cell._meta.fields if field.column not in ("id", "repeat")]
    repeats = -(-n_cells // run.n_cells) - 1
    with connection.cursor() as cursor:
        names = ", ".join(str(column) for column in columns)
        cursor.execute(
            f"INSERT INTO llm_cell ({names}, repeat) SELECT {names}, n FROM llm_cell, generate_series(1, %s) AS n"
            " WHERE run_id = %s ORDER BY n, id",
            [repeats, run.pk],
        )
    ids = list(Cell.objects.filter(run=run).order_by("pk").values_list("pk", flat=True))
    Cell.objects.filter(pk__in=ids[n_cells:]).delete()
    run.n_cells = n_cells
    run.save()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return run


def follow(run: Any, at_each: Callable[[int], None] = lambda n: None) -> float:
    """Have a run done; give the seconds that took."""
    from survey.llm.enums import RunState
    from survey.llm.models import Run
    from survey.llm.tasks import launch

    begun = time.monotonic()
    launch(run.pk)

    def is_done() -> bool:
        at_each(run.pk)
        state = Run.objects.values_list("state", flat=True).get(pk=run.pk)
        if state not in (RunState.QUEUED, RunState.RUNNING, RunState.DONE):
            raise SystemExit(f"the run is {state}: {Run.objects.get(pk=run.pk).error}")
        return state == RunState.DONE

    wait_until(is_done)
    return time.monotonic() - begun


def assert_once(run: Any) -> None:
    """Refuse a figure that stands for anything but one completion per cell."""
    from survey.llm.models import Cell, Completion

    n_done = Cell.objects.filter(run=run, state="done").count()
    n_completions = Completion.objects.filter(cell__run=run).count()
    if not n_done == n_completions == run.n_cells:
        raise SystemExit(f"{n_done} cells done, {n_completions} completions, {run.n_cells} asked for")


# --- What is measured ------------------------------------------------------------------------------


def in_flight(study: Any) -> dict[str, Any]:
    """Many calls in flight, everything on, against the ideal of calls in flight over latency."""
    n_cells = 8000
    with mock_server(latency=LATENCY_S) as server, workers("--concurrency", "2"):
        run = make_run(study, "ours", server, n_cells, max_in_flight=IN_FLIGHT)
        seconds = follow(run)
        stats = server.stats()
    assert_once(run)
    ideal = IN_FLIGHT / LATENCY_S
    per_second = n_cells / seconds
    return {
        "cells": n_cells, "per_second": round(per_second, 1), "ideal": ideal, "share": round(per_second / ideal, 3),
        "most_in_flight": stats["most_in_flight"],
    }  # fmt: skip


def one_call_per_task(study: Any) -> dict[str, Any]:
    """The same with a Celery task per call and two processes."""
    n_cells = 60
    with mock_server(latency=LATENCY_S) as server, workers("--concurrency", "2", app="bench.one_call"):
        run = make_run(study, "tasks", server, n_cells, max_in_flight=IN_FLIGHT)
        from bench.one_call import ask_one
        from survey.llm.models import Completion

        begun = time.monotonic()
        for cell_id in run.cells.values_list("pk", flat=True):
            ask_one.delay(cell_id)
        wait_until(lambda: Completion.objects.filter(cell__run=run).count() == n_cells)
        seconds = time.monotonic() - begun
    return {"cells": n_cells, "per_second": round(n_cells / seconds, 1)}


def limited(study: Any, **fields: Any) -> dict[str, Any]:
    """A server that lets 100 calls a second through and answers 429 beyond."""
    n_cells = 3000
    tag = "known" if fields else "unknown"
    with mock_server(latency=LATENCY_S, rate=LIMITED_RATE) as server, workers("--concurrency", "2"):
        run = make_run(study, tag, server, n_cells, max_in_flight=IN_FLIGHT, **fields)
        seconds = follow(run)
        stats = server.stats()
    assert_once(run)
    wasted = stats.get("limited", 0)
    return {
        "cells": n_cells, "per_second": round(n_cells / seconds, 1), "ideal": LIMITED_RATE,
        "share": round(n_cells / seconds / LIMITED_RATE, 3), "n_429": wasted,
        "wasted": round(wasted / (wasted + stats["answered"]), 4),
    }  # fmt: skip


def known_limit(study: Any) -> dict[str, Any]:
    return limited(study, requests_per_minute=LIMITED_RATE * 60)


def unknown_limit(study: Any) -> dict[str, Any]:
    return limited(study)


def long_run(study: Any) -> dict[str, Any]:
    """50,000 cells from a quick server: rate and memory of the workers at every 10,000."""
    from survey.llm.models import Completion

    n_cells, step = 50_000, 10_000
    marks: list[dict[str, Any]] = []
    with mock_server(latency=0.02) as server, workers("--concurrency", "2") as worker:
        run = make_run(study, "long", server, n_cells, max_in_flight=IN_FLIGHT)
        last = time.monotonic()

        def mark(run_id: int) -> None:
            nonlocal last
            if Completion.objects.filter(cell__run=run_id).count() >= step * (len(marks) + 1):
                now = time.monotonic()
                memory = memory_mb(worker.pid)
                marks.append({"per_second": round(step / (now - last), 1), "memory_mb": memory})
                last = now
            time.sleep(0.2)

        seconds = follow(run, mark)
    assert_once(run)
    return {"cells": n_cells, "per_second": round(n_cells / seconds, 1), "each_10000": marks}


Part = Callable[[Any], dict[str, Any]]
PARTS: list[Part] = [in_flight, one_call_per_task, known_limit, unknown_limit, long_run]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=[part.__name__ for part in PARTS])
    options = parser.parse_args()
    chosen = [part for part in PARTS if not options.only or part.__name__ in options.only]
    with tempfile.TemporaryDirectory(prefix="pact-bench-") as folder:
        var = Path(folder)
        var.chmod(0o711)  # under root the database runs as another account and must get in
        with embedded.servers(var) as running:
            os.environ.update(embedded.environment(var, running.database, running.redis), DB_POOL_MAX="0")
            results = measure(chosen)
            from django.db import connection

            connection.close()
        embedded.erase(var)
    print(json.dumps({"machine": kept.machine(), "results": results}))
    for name, result in results.items():
        print(f"{name:20} " + "  ".join(f"{key} {value}" for key, value in result.items()))


def measure(chosen: list[Part]) -> dict[str, Any]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "pact_site.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    study = make_study()
    results = {}
    for part in chosen:
        results[part.__name__] = part(study)
        print(f"{part.__name__}: {results[part.__name__]}", file=sys.stderr)
    return results


if __name__ == "__main__":
    main()
