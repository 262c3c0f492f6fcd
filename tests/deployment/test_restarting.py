"""The web server stopped and started under the proxy while forms come in: each waits, and none is lost."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pact_site.processes import Child, Family, await_ready
from tests.deployment.files import ROOT
from tests.deployment.proxying import Proxy, is_open, start_proxy
from tests.deployment.running import children_of, free_port
from tests.waiting import wait_until

N_SENDERS = 12


class Web:
    """Our worker under gunicorn at one port, with an application that takes 10 ms."""

    def __init__(self, family: Family) -> None:
        self.family, self.port = family, free_port()

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "tests.site.test_web_worker:application", "--no-control-socket"]
        command += ["--worker-class", "pact_site.web_worker.Worker", "--workers", "2", "--threads", "4"]
        command += ["--preload", "--keep-alive", "75", "--bind", f"127.0.0.1:{self.port}"]
        self.child: Child = self.family.start(f"web-{self.port}", command, cwd=ROOT)
        await_ready(self.child, lambda: is_open(self.port))

    def stop(self) -> None:
        self.child.process.send_signal(signal.SIGTERM)
        assert self.child.process.wait(30) == 0
        self.family.forget(self.child)


class Senders:
    """People who send one form after the other through the proxy, each on a connection of their own."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy, self.is_over = proxy, threading.Event()
        self.answers: Counter[int] = Counter()

    def send(self) -> Counter[int]:
        line = http.client.HTTPSConnection("localhost", self.proxy.https_port, timeout=40, context=self.proxy.trust)
        answers: Counter[int] = Counter()
        while not self.is_over.is_set():
            line.request("POST", "/s/token/?0.01", b"choice=1")
            answer = line.getresponse()
            answer.read()
            answers[answer.status] += 1
            self.answers[answer.status] += 1
        line.close()
        return answers

    def await_more(self, n: int) -> None:
        n_before = self.answers[200]
        wait_until(lambda: self.answers[200] > n_before + n)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    family = Family(tmp_path)
    yield family
    family.stop_all()


def version(caddy: str) -> tuple[int, ...]:
    told = subprocess.run([caddy, "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told)[:3])


@pytest.fixture
def newer_caddy(caddy: str) -> str:
    if version(caddy) < (2, 11, 2):
        pytest.skip("this Caddy closes a form at its first try (caddyserver/caddy#7546); the image has a newer one")
    return caddy


def restart(web: Web) -> None:
    web.stop()
    web.start()


def kill_workers(web: Web) -> None:
    for pid in children_of(web.child.pid):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("harm", [restart, kill_workers])
def test_no_form_is_lost_while_the_web_server_restarts_or_loses_its_workers(
    family: Family, tmp_path: Path, newer_caddy: str, harm: Callable[[Web], None]
) -> None:
    web = Web(family)
    web.start()
    senders = Senders(start_proxy(family, tmp_path, newer_caddy, web.port))
    with ThreadPoolExecutor(N_SENDERS) as pool:
        sent = [pool.submit(senders.send) for _ in range(N_SENDERS)]
        try:
            for _ in range(3):
                senders.await_more(100)
                harm(web)
            senders.await_more(100)
        finally:
            senders.is_over.set()
    answers = sum((one.result() for one in sent), Counter())
    assert set(answers) == {200}, (answers, senders.proxy.log()[-6000:])
