"""The demo's launcher, with short steps of its own and, once, with the site's real processes."""

import os
import re
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from pact_site import demo, embedded
from tests.launcher.conftest import Launcher, alive, queue, sql
from tests.waiting import wait_until

PROLOGUE = """
import sys
from pact_site import demo
from pact_site.demo import Service, Step
PYTHON = sys.executable
def step(name, code):
    return Step(name, name, (PYTHON, "-c", code), "look at {var}")
WEB = Service("web", "web", (PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "{port}"), "", "try another port")
TIMER_CODE = "import time; print('ready.', flush=True); time.sleep(99)"
TIMER = Service("timer", "beat", (PYTHON, "-c", TIMER_CODE), "ready.", "-")
"""
EPILOGUE = """
sys.exit(demo.main())
"""
NOBODY_READS = """
import os, sys
reader, writer = os.pipe()
os.dup2(writer, 1)
os.close(writer)
os.close(reader)
sys.stdout = os.fdopen(1, "w", closefd=False)
"""
REAL_SITE = """
import sys
from pact_site import demo
demo.STEPS = tuple(step for step in demo.STEPS if step.name in ("web", "worker", "beat"))
sys.exit(demo.main())
"""

Launch = Callable[..., Launcher]


def with_steps(steps: str) -> str:
    return f"{PROLOGUE}\ndemo.STEPS = ({steps})\n{EPILOGUE}"


def test_demo_once_tells_what_to_open(var: Path, launch: Launch) -> None:
    reported = (
        """print('noise'); print('{{"dashboard": "/studies/", "survey": {{"BR": "/join/BR/"}}, "user": "demo"}}')"""
    )
    launcher = launch(with_steps(f"WEB, step('setup', {reported!r})"), "--once", "--port", "8400")
    assert launcher.end() == 0
    shown = launcher.shown()
    assert re.search(r"^\[1/3\] database and queue … \d+\.\d s$", shown, re.MULTILINE)
    assert re.search(r"^\[3/3\] setup … \d+\.\d s$", shown, re.MULTILINE)
    base = re.findall(r"runs at (\S+)", shown)[0]
    assert re.search(rf"^  dashboard +{base}/studies/$", shown, re.MULTILINE)
    assert re.search(rf"^    BR +{base}/join/BR/$", shown, re.MULTILINE)
    assert re.search(r"^  user +demo$", shown, re.MULTILINE)
    assert launcher.children() == {}


def test_demo_tells_how_far_a_long_step_is_when_there_is_news(launch: Launch) -> None:
    slow = "import time; time.sleep(0.6); print('half of it', flush=True); time.sleep(1.2)"
    launcher = launch(
        with_steps(f"step('long', {slow!r}),").replace("sys.exit", "demo.WORD_EVERY = 0.2\nsys.exit"), "--once"
    )
    assert launcher.end() == 0
    assert re.search(r"^\[2/2\] long … \n      half of it … \d+\.\d s$", launcher.shown(), re.MULTILINE)


def test_demo_reports_a_failing_step_and_stops(var: Path, launch: Launch) -> None:
    launcher = launch(with_steps("WEB, step('boom', 'print(6 * 7); raise SystemExit(3)'), step('never', '')"))
    assert launcher.end() == 1
    shown = launcher.shown()
    assert "boom ended with code 3" in shown
    assert "    42\n" in shown
    assert f"What to do: look at {var}" in shown
    assert "never" not in shown
    assert launcher.children() == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_demo_stops_every_child_on_a_signal(launch: Launch, number: signal.Signals) -> None:
    launcher = launch(with_steps("WEB, TIMER"))
    launcher.wait_for("Press Ctrl-C")
    children = launcher.children()
    assert alive(children) == {"postgres", "valkey", "web", "beat"}
    assert launcher.end(number) == 0
    assert alive(children) == set()


def test_demo_stops_during_a_step(launch: Launch) -> None:
    launcher = launch(with_steps("step('long', 'import time; time.sleep(99)'),"))
    launcher.wait_for("[2/2]")
    wait_until(lambda: "long" in launcher.children())
    children = launcher.children()
    assert launcher.end(signal.SIGTERM) == 130
    assert alive(children) == set()


def test_demo_starts_a_crashed_service_again(launch: Launch) -> None:
    launcher = launch(with_steps("WEB,"))
    launcher.wait_for("Press Ctrl-C")
    first = launcher.children()["web"]
    os.kill(first, signal.SIGKILL)
    launcher.wait_for("web ended with code -9; starting it again in 0.5 s")
    wait_until(lambda: launcher.children().get("web", first) != first)
    assert launcher.end(signal.SIGTERM) == 0


def test_demo_gives_up_on_a_service_that_keeps_crashing(launch: Launch) -> None:
    crashing = "Service('bad', 'bad', (PYTHON, '-c', 'print(\"ready.\"); print(\"why\")'), 'ready.', 'mend it')"
    launcher = launch(f"{PROLOGUE}\ndemo.GIVE_UP_AFTER = 2\ndemo.STEPS = ({crashing},)\n{EPILOGUE}")
    assert launcher.end() == 1
    shown = launcher.shown()
    assert "bad crashed 2 times in a row" in shown or "bad ended with code 0" in shown
    assert "What to do: mend it" in shown
    assert launcher.children() == {}


def test_demo_ends_when_the_database_is_gone(launch: Launch) -> None:
    launcher = launch(with_steps("WEB,"))
    launcher.wait_for("Press Ctrl-C")
    children = launcher.children()
    os.kill(children["valkey"], signal.SIGKILL)
    assert launcher.end() == 1
    assert "valkey stopped unexpectedly" in launcher.shown()
    assert alive(children) == set()


def test_demo_outlives_its_terminal(var: Path, launch: Launch) -> None:
    launcher = launch(f"{NOBODY_READS}\n{with_steps('WEB, TIMER')}")
    wait_until(lambda: "beat" in launcher.children())
    children = launcher.children()
    assert launcher.end(signal.SIGTERM) in (0, 130)
    assert alive(children) == set()
    assert launcher.children() == {}


def test_demo_reset_stops_the_running_one_and_begins_afresh(var: Path, launch: Launch) -> None:
    with embedded.servers(var) as running:
        sql(running.database, "CREATE TABLE IF NOT EXISTS old (n int)")
        queue(running.redis).set("old", "1")
    first = launch(with_steps("TIMER,"))
    first.wait_for("Press Ctrl-C")
    second = launch(with_steps("TIMER,"), "--once", "--reset")
    assert second.end() == 0
    assert first.end() == 0
    with embedded.servers(var) as running:
        assert sql(running.database, "SELECT to_regclass('old')") == [(None,)]
        assert queue(running.redis).get("old") is None


def test_free_port_passes_over_one_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert demo.free_port(port) > port


def test_demo_brings_up_the_real_site(launch: Launch) -> None:
    launcher = launch(REAL_SITE, "--port", "8500")
    launcher.wait_for("Press Ctrl-C")
    base = re.findall(r"runs at (\S+)", launcher.shown())[0]
    with urllib.request.urlopen(f"{base}/healthz") as response:
        assert response.read() == b"ok\nbroker ok\n"
    children = launcher.children()
    assert alive(children) == {"postgres", "valkey", "web", "worker", "beat"}
    assert launcher.end(signal.SIGINT) == 0
    assert alive(children) == set()


def test_links_in_mails_lead_to_the_demo_s_port_unless_an_address_was_set() -> None:
    assert demo.reached_at("http://127.0.0.1:8123", {"A": "b"}) == {"A": "b", "SITE_URL": "http://127.0.0.1:8123"}
    by_hand = {"SITE_URL": "https://study.example.org"}
    assert demo.reached_at("http://127.0.0.1:8123", by_hand) == by_hand
