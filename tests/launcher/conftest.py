"""Real servers and a real launcher, each in a short temporary data folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environ
import psycopg
import pytest
import redis

from pact_site import embedded
from pact_site.processes import birth_mark
from survey.broker import client_address
from tests.waiting import wait_until

PATIENCE = 90.0


@pytest.fixture(autouse=True)
def _own_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the servers of the test run, so that each test starts its own."""
    for name in ("DATABASE_URL", "REDIS_URL", "PACT_VAR"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def data_folder() -> Iterator[Path]:
    """Make a data folder that other accounts can enter, as pytest's own folders cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="pact-launch-"))
    folder.chmod(0o711)
    (folder / embedded.MARKER).touch()
    yield folder
    embedded.erase(folder)
    shutil.rmtree(folder)


@pytest.fixture
def fresh() -> Iterator[Path]:
    """An empty data folder."""
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def var() -> Iterator[Path]:
    """A data folder that the tests use one after the other, so that the cluster is made once."""
    with data_folder() as folder:
        yield folder


@pytest.fixture
def launch(var: Path, tmp_path: Path) -> Iterator[Callable[..., "Launcher"]]:
    """Start Python code that uses the data folder, as a launcher of its own; it ends with the test."""
    started = []

    def start(code: str, *arguments: str) -> Launcher:
        script = tmp_path / "launcher.py"
        script.write_text(code)
        launcher = Launcher(var, script, tmp_path / "screen.txt", arguments)
        started.append(launcher)
        return launcher

    yield start
    for launcher in started:
        launcher.process.kill()
        launcher.process.wait()


class Launcher:
    """A launcher in its own process, with its screen in a file."""

    def __init__(self, var: Path, script: Path, screen: Path, arguments: tuple[str, ...]) -> None:
        self.var = var
        self.screen = screen
        environment = os.environ | {"PACT_VAR": str(var), "PYTHONPATH": str(embedded.ROOT), "PYTHONUNBUFFERED": "1"}
        with screen.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(script), *arguments],
                cwd=embedded.ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def shown(self) -> str:
        return self.screen.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until the screen shows a text."""
        wait_until(lambda: text in self.shown() or self.process.poll() is not None)
        assert text in self.shown(), self.shown()

    def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if any, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def children(self) -> dict[str, int]:
        """Return the recorded processes by name."""
        return {record.stem: json.loads(record.read_text())["pid"] for record in (self.var / "run").glob("*.pid")}


def alive(pids: dict[str, int]) -> set[str]:
    """Return the names of the processes that still run."""
    return {name for name, pid in pids.items() if birth_mark(pid)}


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement at the address that Django would use."""
    parts = environ.Env.db_url_config(url)
    with psycopg.connect(host=parts["HOST"], dbname=parts["NAME"], user=parts["USER"]) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def queue(url: str) -> redis.Redis:
    return redis.Redis.from_url(client_address(url))
