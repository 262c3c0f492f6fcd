"""`python -m pact_site.demo`: the whole site on this machine, filled with simulated data, until Ctrl-C."""

import argparse
import http.client
import io
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pact_site import embedded
from pact_site.processes import Child, Echo, Family, InUseError, LaunchError, hold, last_lines, say


class Step(NamedTuple):
    """One numbered part of the start; `{…}` in the command and the hint is filled from the demo's values."""

    title: str
    name: str
    command: tuple[str, ...]
    hint: str


class Service(NamedTuple):
    """A process that stays; `ready` is the text in its log that says so, empty for one that answers HTTP."""

    title: str
    name: str
    command: tuple[str, ...]
    ready: str
    hint: str


PYTHON = sys.executable
MANAGE = (PYTHON, "manage.py")
CELERY = (PYTHON, "-m", "celery", "-A", "pact_site")
WEB = (
    *(PYTHON, "-m", "gunicorn", "pact_site.wsgi:application", "--preload", "--no-control-socket"),
    *("--worker-class", "pact_site.web_worker.Worker"),
)
AFRESH = "If the data are damaged, begin afresh: python3 run.py demo --reset"
LOGS = "The whole log is in {var}/."

STEPS: tuple[Step | Service, ...] = (
    Step("database tables", "migrate", (*MANAGE, "migrate", "--no-input", "--verbosity", "0"), AFRESH),
    Step("study, items, login", "setup_demo", (*MANAGE, "setup_demo"), AFRESH),
    Service(
        "web server",
        "web",
        (*WEB, "--bind", "127.0.0.1:{port}", "--workers", "2", "--threads", "4"),
        "",
        "If another program holds the port: python3 run.py demo --port 8100",
    ),
    Service(
        "background worker",
        "worker",
        (
            *CELERY,
            "worker",
            "--loglevel",
            "INFO",
            "--concurrency",
            "2",
            "--without-gossip",
            "--without-mingle",
        ),
        "ready.",
        LOGS,
    ),
    Service(
        "timer",
        "beat",
        (*CELERY, "beat", "--loglevel", "INFO", "--pidfile=", "--schedule", "{var}/beat-schedule"),
        "Starting",
        LOGS,
    ),
    Step(
        "simulated participants",
        "simulate_participants",
        (*MANAGE, "simulate_participants", "--base-url", "{base_url}", "--n", "{participants}"),
        LOGS,
    ),
    Step("simulated language models", "run_llm", (*MANAGE, "run_llm", "--demo"), LOGS),
    Step("analysis", "analyse", (*MANAGE, "analyse", "--study", "pact-demo", "--wait"), LOGS),
)
PROBE_PATH = "/healthz"
READY_WITHIN = 60.0  # seconds a service may take
QUICK_CRASH = 20.0  # seconds: a service that lived shorter crashed "quickly"
GIVE_UP_AFTER = 5  # quick crashes in a row
FIRST_PAUSE = 0.5  # seconds before a crashed service starts again; doubled each time
TICK = 0.05
WORD_EVERY = 5.0  # seconds between two lines of how far a step is
SERVERS = ("postgres", "valkey")


class StoppedError(Exception):
    """The user asked to stop."""


class DemoError(LaunchError):
    """A part of the demo does not work; the message ends with what to do."""


@dataclass
class Crashes:
    """Quick crashes in a row of one service, and when it may start again."""

    in_a_row: int = 0
    restart_at: float = 0.0


@dataclass
class Demo:
    """Performs the steps and keeps the services alive."""

    family: Family
    env: dict[str, str]
    values: dict[str, str]
    received: list[int]
    crashes: dict[Service, Crashes] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)

    def perform(self, step: Step | Service) -> None:
        """Do one step to its end, or bring one service up."""
        if isinstance(step, Step):
            self._run(step)
        else:
            self._bring_up(step)

    def tick(self) -> None:
        """Let a moment pass; heed signals and mind the servers and services."""
        time.sleep(TICK)
        if self.received:
            raise StoppedError
        for child in list(self.family.children):
            if child.exit_code() is not None:
                self._handle_end(child)
        for service, crashes in self.crashes.items():
            if self._child(service) is None and time.monotonic() >= crashes.restart_at:
                self._start(service)

    def _child(self, part: Step | Service) -> Child | None:
        return next((child for child in self.family.children if child.name == part.name), None)

    def _start(self, part: Step | Service) -> Child:
        command = [word.format(**self.values) for word in part.command]
        return self.family.start(part.name, command, env=self.env, cwd=embedded.ROOT)

    def _run(self, step: Step) -> None:
        self.family.log_of(step.name).unlink(missing_ok=True)
        child = self._start(step)
        next_word, told = time.monotonic() + WORD_EVERY, ""
        while child.exit_code() is None:
            self.tick()
            if time.monotonic() > next_word:
                word = "".join(last_lines(child.log, 1))[:90].strip()
                if word not in ("", told):
                    say(f"\n      {word} …", end=" ")
                next_word, told = next_word + WORD_EVERY, word or told
        self.family.forget(child)
        if child.exit_code():
            raise self._failure(step, f"ended with code {child.exit_code()}")
        self.results[step.name] = _result(child.log)

    def _bring_up(self, service: Service) -> None:
        offset = len(_content(self.family.log_of(service.name)))
        child = self._start(service)
        while not self._is_ready(service, _content(child.log)[offset:]):
            if child.exit_code() is not None:
                raise self._failure(service, f"ended with code {child.exit_code()}")
            if time.monotonic() > child.started + READY_WITHIN:
                raise self._failure(service, f"is not ready after {READY_WITHIN:.0f} s")
            self.tick()
        self.crashes[service] = Crashes()

    def _is_ready(self, service: Service, log: str) -> bool:
        return service.ready in log if service.ready else _answers(int(self.values["port"]))

    def _handle_end(self, child: Child) -> None:
        """Arrange the restart of a crashed service; without a server, or after many crashes, give up."""
        if child.name in SERVERS:
            raise DemoError(_told(child.name, "stopped unexpectedly", child.log, LOGS.format(**self.values)))
        found = next(((s, c) for s, c in self.crashes.items() if s.name == child.name), None)
        if found is None:
            return  # still coming up, or a step: whoever waits for it sees its end
        service, crashes = found
        self.family.forget(child)
        quick = time.monotonic() - child.started < QUICK_CRASH
        crashes.in_a_row = crashes.in_a_row + 1 if quick else 1
        if crashes.in_a_row >= GIVE_UP_AFTER:
            raise self._failure(service, f"crashed {crashes.in_a_row} times in a row")
        pause = FIRST_PAUSE * 2 ** (crashes.in_a_row - 1)
        crashes.restart_at = time.monotonic() + pause
        say(f"\n!! {service.title} ended with code {child.exit_code()}; starting it again in {pause:g} s")

    def _failure(self, part: Step | Service, what: str) -> DemoError:
        return DemoError(_told(part.title, what, self.family.log_of(part.name), part.hint.format(**self.values)))


def _told(title: str, what: str, log: Path, hint: str) -> str:
    lines = "\n".join(f"    {line}" for line in last_lines(log))
    return f"{title} {what}. The end of {log}:\n{lines}\nWhat to do: {hint}"


def _content(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def _result(log: Path) -> str:
    """Return what a command reported: its last line of JSON, else its last line."""
    lines = [line for line in _content(log).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("{")), lines[-1] if lines else "")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", PROBE_PATH)
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port(first: int) -> int:
    """Return the first port from `first` on that nobody serves."""
    for port in range(first, min(first + 100, 65536)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise DemoError(f"No free port from {first} on; name another one: python3 run.py demo --port 9000")


@contextmanager
def _numbered(number: int, title: str) -> Iterator[None]:
    """Announce a step, then say how long it took."""
    say(f"[{number}/{len(STEPS) + 1}] {title} …", end=" ")
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        say()
        raise
    say(f"{time.monotonic() - begun:.1f} s")


def summary(demo: Demo) -> str:
    """Return what there is to open and what the commands reported."""
    base = demo.values["base_url"]
    lines = [f"PACT Site runs at {base}"]
    for step in STEPS:
        if result := demo.results.get(step.name):
            lines += ["", f"{step.title}:", *_shown(result, base)]
    return "\n".join(lines)


def _shown(result: str, base: str) -> list[str]:
    try:
        value = json.loads(result)
    except json.JSONDecodeError:
        return [f"  {result}"]
    return list(_outline(value, base, "  "))


def _outline(value: object, base: str, indent: str) -> Iterator[str]:
    """Yield a JSON object as indented lines, its paths as whole addresses."""
    if not isinstance(value, dict):
        yield f"{indent}{value}"
        return
    for key, entry in value.items():
        if isinstance(entry, dict):
            yield f"{indent}{key}"
            yield from _outline(entry, base, indent + "  ")
        else:
            text = f"{base}{entry}" if isinstance(entry, str) and entry.startswith("/") else str(entry)
            yield f"{indent}{key:<{20 - len(indent)}} {text}"


def _catch_signals() -> list[int]:
    """Collect stop signals in a list; a hang-up that nohup silenced stays silent."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda got, _: received.append(got))
    return received


def reached_at(base_url: str, env: dict[str, str]) -> dict[str, str]:
    """Have links in mails lead to this port; an address set by hand wins."""
    return {"SITE_URL": base_url, **env}


def reset(var: Path) -> None:
    """Stop whoever uses the data folder, then delete the data in it."""
    asked = 0
    deadline = time.monotonic() + 60
    while var.exists():
        try:
            with hold(var):
                Family(var).sweep()
                embedded.erase(var)
                return
        except InUseError as busy:
            if time.monotonic() > deadline:
                raise
            if busy.pid != asked:
                say(f"Stopping process {busy.pid}, which uses {var} …")
                os.kill(busy.pid, signal.SIGTERM)
                asked = busy.pid
            time.sleep(TICK)


def run(options: argparse.Namespace, received: list[int]) -> None:
    """Bring everything up; stay until a signal unless `--once`."""
    var = embedded.default_var()
    if options.reset:
        reset(var)
    begun = time.monotonic()
    with ExitStack() as stack:
        with _numbered(1, "database and queue"):
            servers = stack.enter_context(embedded.servers(var))
            stack.callback(say, "Stopping …")
        port = free_port(options.port)
        values = {"var": str(var), "port": str(port), "base_url": f"http://127.0.0.1:{port}"}
        values["participants"] = str(options.participants)
        env = reached_at(values["base_url"], embedded.environment(var, servers.database, servers.redis))
        demo = Demo(servers.family, env, values, received)
        for number, step in enumerate(STEPS, start=2):
            with _numbered(number, step.title):
                demo.perform(step)
        say(f"\n{summary(demo)}\n\nReady after {time.monotonic() - begun:.1f} s.", end=" ")
        if not options.once:
            stay(demo)


def stay(demo: Demo) -> None:
    """Show what of the logs needs a look, and keep the services alive until a signal."""
    say(f"Press Ctrl-C to stop. Data and logs stay in {demo.family.var}; warnings show here, too.\n")
    echo = Echo([child.log for child in demo.family.children])
    with suppress(StoppedError):
        while True:
            echo.show()
            demo.tick()


def main(arguments: list[str] | None = None) -> int:
    """Read the options; return the exit code."""
    parser = argparse.ArgumentParser(prog="run.py demo", description="The whole site with simulated data.")
    parser.add_argument("--reset", action="store_true", help="delete the demo's data first")
    parser.add_argument("--once", action="store_true", help="do everything, print the result, stop")
    parser.add_argument("--port", type=int, default=8000, help="first port to try (8000)")
    parser.add_argument("--participants", type=int, default=100, help="simulated participants (100)")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "…" is no reason to stop
    try:
        run(options, _catch_signals())
    except StoppedError:
        say("Stopped before everything was up.")
        return 130
    except LaunchError as error:
        say(f"\n{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
