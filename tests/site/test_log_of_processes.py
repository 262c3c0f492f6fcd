"""With LOG_FORMAT=json every line of the site's processes is JSON: gunicorn and Celery, started as in production."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.servers import asks, free_port
from tests.deployment.files import FILLED_IN, ROOT, services

OWN_QUEUE = re.sub(r"\d+$", "7", os.environ["REDIS_URL"])  # no task of another test is taken
PRINTING = (
    "import sys, warnings; print('printed \\udc80'); warnings.warn('warned'); sys.stderr.write('half '); print(1 / 0)\n"
)


class Started:
    """A service of the compose file by its own command, with its two outputs in one file, as a collector reads it."""

    def __init__(self, name: str, folder: Path, **environment: str) -> None:
        program, *words = services(FILLED_IN)[name]["command"]
        here = {"/tmp/beat-schedule": str(folder / "beat"), "/tmp/upkeep": str(folder / "upkeep")}
        started = [] if program == "python" else ["-m", program]
        command = [sys.executable, *started, *(here.get(word, word) for word in words)]
        self.log = folder / f"{name}.log"
        env = {**os.environ, "PACT_DEMO": "1", "LOG_FORMAT": "json", "REDIS_URL": OWN_QUEUE, **environment}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)

    def await_(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not is_there():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def says(self, text: str) -> bool:
        return text in self.log.read_text()

    def end(self) -> list[dict[str, Any]]:
        """Stop it as systemd and Docker do; read every line it wrote."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def begin(name: str, **environment: str) -> Started:
        started.append(Started(name, tmp_path, **environment))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()


def messages(lines: list[dict[str, Any]]) -> str:
    for line in lines:
        assert {"time", "level", "logger", "message", "process"} <= set(line), line
        assert not line["message"].startswith(("{", "[20")), line  # in one form, not one within the other
    return "\n".join(line["message"] for line in lines)


def test_web_server(start: Callable[..., Started]) -> None:
    port = free_port()
    web = start("web", PORT=str(port))
    web.await_(lambda: asks(port, "/healthz"))
    assert not asks(port, "/nowhere/")
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    os.kill(next(pid for pid, parent in pairs if parent == web.process.pid), signal.SIGKILL)
    web.await_(lambda: web.says("was sent SIGKILL"))
    web.process.send_signal(signal.SIGHUP)  # gunicorn sets its log up again
    web.await_(lambda: web.says("Hang up"))
    web.await_(lambda: asks(port, "/healthz"))
    lines = web.end()
    told = messages(lines)
    for text in ("Starting gunicorn", "Listening at", "Booting worker", "Worker exiting", "Shutting down: Master"):
        assert text in told
    assert {line["logger"] for line in lines} == {"gunicorn.error", "django.request"}
    assert told.count("Not Found: /nowhere/") == 1
    assert "healthz" not in told  # no access log


def test_web_server_that_cannot_start(start: Callable[..., Started]) -> None:
    web = start("web", PORT=str(free_port()), PACT_DEMO="0", SECRET_KEY="")
    assert web.process.wait(60) != 0
    assert "SECRET_KEY is not set" in messages(web.end())


def test_worker(start: Callable[..., Started]) -> None:
    worker = start("worker")
    worker.await_(lambda: worker.says(" ready."))
    lines = worker.end()
    told = messages(lines)
    assert "Connected to redis" in told
    assert "worker: Warm shutdown (MainProcess)" in told
    assert {"celery.apps.worker", "celery.worker"} <= {line["logger"] for line in lines}


def test_timer(start: Callable[..., Started]) -> None:
    beat = start("beat")
    beat.await_(lambda: beat.says("Scheduler: Sending due task"))
    assert "beat: Starting..." in messages(beat.end())


def test_upkeep(start: Callable[..., Started], tmp_path: Path) -> None:
    """What it starts speaks as it does; there is no database here, and both jobs complain of that."""
    nowhere = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "EMAIL_URL": "dummymail://"}
    upkeep = start("upkeep", BACKUP_DIR=str(tmp_path / "backups"), **nowhere)
    upkeep.await_(lambda: upkeep.says("backup failed") and upkeep.says("The alarms could not be looked at"))
    lines = upkeep.end()
    messages(lines)
    assert {"analysis.upkeep", "stderr"} <= {line["logger"] for line in lines}


def test_what_is_printed_comes_as_json() -> None:
    code = f"from pact_site.logs import catch_prints; catch_prints()\n{PRINTING}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    printed, complained = ([json.loads(line) for line in text.splitlines()] for text in (done.stdout, done.stderr))
    assert [(line["logger"], line["message"]) for line in printed] == [("stdout", "printed \udc80")]
    told = messages(complained)
    assert {(line["logger"], line["level"]) for line in complained} == {("stderr", "WARNING")}
    assert "UserWarning: warned" in told
    assert "half Traceback (most recent call last):" in told
    assert told.endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("name", ["celery.task", "multiprocessing"])
def test_celery_adds_no_form_of_its_own(name: str) -> None:
    code = f"""
import logging
from pact_site.celery import app
import django
django.setup()
app.log.setup(loglevel="INFO")
logging.getLogger("{name}").error("told")
"""
    env = {**os.environ, "PACT_DEMO": "1", "LOG_FORMAT": "json"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["told"]
