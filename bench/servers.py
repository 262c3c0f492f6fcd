"""Servers of a bench's own, as in production to be killed: PostgreSQL with durable writes, gunicorn, Valkey, Celery."""

from __future__ import annotations

import http.client
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.pooler import start_pooler
from pact_site import embedded
from pact_site.postgres import data_folders, start_postgres
from pact_site.processes import Account, Child, Family, LaunchError, await_ready, clean_environment, database_account

if TYPE_CHECKING:
    from tests.deployment.proxying import Proxy  # which knows what the deployment's tests run

STOPPED_BY = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}  # as `pg_ctl stop` does
LEAST_CADDY = (2, 11, 2)  # an older one answers 502 to a form that comes while the web server restarts
NO_REDIS = "redis://127.0.0.1:1/0"
WEB = (
    *("-m", "gunicorn", "pact_site.wsgi:application", "--preload", "--no-control-socket"),
    *("--worker-class", "pact_site.web_worker.Worker"),
    *("--workers", "2", "--threads", "4", "--keep-alive", "75", "--max-requests", "1000"),
    *("--max-requests-jitter", "500"),
)
CELERY = ("-m", "celery", "-A", "pact_site")
WORKER = ("worker", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "WARNING")


@dataclass
class Servers:
    """The processes and what they need to start again."""

    family: Family
    sockets: Path
    account: Account | None
    environment: dict[str, str]
    port: int
    web_environment: dict[str, str] = field(default_factory=dict)  # where it differs: behind a pooler
    other_ports: list[int] = field(default_factory=list)  # of further web hosts

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def migrate(self) -> None:
        command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(command, cwd=embedded.ROOT, env=self.environment, check=True)

    @property
    def web_names(self) -> dict[str, int]:
        """Name each web host's process, with its port."""
        return {"web": self.port} | {f"web-{port}": port for port in self.other_ports}

    def start_web(self, hosts: int = 1) -> None:
        """Start a gunicorn for each host; they share nothing but the database (and Redis, where it runs)."""
        self.other_ports = [free_port() for _ in range(hosts - 1)]
        for name, port in self.web_names.items():
            self.serve(name, port)

    def serve(self, name: str, port: int) -> None:
        command = [sys.executable, *WEB, "--bind", f"127.0.0.1:{port}"]
        child = self.family.start(name, command, cwd=embedded.ROOT, env=self.environment | self.web_environment)
        await_ready(child, partial(asks, port, "/healthz"))

    def renew_web(self) -> None:
        """Stop the web server gently and start it anew, as an update of the code does; its proxy waits meanwhile."""
        child = self.child("web")
        child.process.terminate()
        child.process.wait(60)
        self.family.forget(child)
        self.serve("web", self.port)

    def start_proxy(self) -> Proxy:
        """Put Caddy with the shipped Caddyfile in front of the web server."""
        from tests.deployment.proxying import start_proxy

        caddy = shutil.which("caddy")
        if not caddy or not has_caddy():
            least = ".".join(map(str, LEAST_CADDY))
            raise LaunchError(f"Caddy {least} or newer is not installed: https://caddyserver.com/docs/install")
        return start_proxy(self.family, self.family.var, caddy, self.port)

    def proxy_name(self) -> str:
        caddy = shutil.which("caddy")
        return "Caddy " + ".".join(map(str, caddy_version(caddy))) if caddy else ""

    def start_pooler(self, mode: str) -> None:
        """Have the web hosts that start from now on reach the database through PgBouncer."""
        address = start_pooler(self.family, self.sockets, self.account, mode, free_port())
        self.web_environment = {"DATABASE_URL": address, "DB_POOL_MAX": "0"}
        if mode == "transaction":
            self.web_environment["DB_PREPARE"] = "0"

    def child(self, name: str) -> Child:
        return next(child for child in self.family.children if child.name == name)

    def kill_a_worker(self, rng: random.Random) -> bool:
        """Kill -9 one of gunicorn's workers, in the middle of whatever it does."""
        parent = self.child(rng.choice(list(self.web_names))).pid
        listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
        workers = [pid for pid, ppid in pairs if ppid == parent]
        if not workers:
            return False
        with suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
        return True

    def restart_database(self, how: str) -> None:
        """Stop PostgreSQL in one of its ways and start it again on the same data."""
        child = self.child("postgres")
        child.process.send_signal(STOPPED_BY[how])
        child.process.wait(60)
        self.family.forget(child)
        self.start_database()

    def start_database(self) -> str:
        """Start PostgreSQL; after a kill it refuses for as long as a process of the old one lives."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return start_postgres(self.family, self.sockets, self.account, durable=True)
            except LaunchError:
                if time.monotonic() > deadline:
                    raise
                self.family.forget(self.child("postgres"))
                time.sleep(0.2)

    def start_redis(self) -> None:
        """Start Valkey, which keeps its queue in a file as in production; whatever starts from now on uses it."""
        self.environment["REDIS_URL"] = embedded.start_valkey(self.family, self.sockets)

    def restart_redis(self, away: float) -> None:
        """Kill Valkey and start it again on what it has written, after so many seconds."""
        self.kill("valkey")
        time.sleep(away)
        self.start_redis()

    def start_models(self, latency: float) -> str:
        """Start the stand-in for an endpoint of models; give its address."""
        port = free_port()
        command = [sys.executable, "-m", "bench.model_server", "--port", str(port), "--latency", str(latency)]
        child = self.family.start("models", command, cwd=embedded.ROOT, env=self.environment)
        await_ready(child, lambda: asks(port, "/stats"))
        return f"http://127.0.0.1:{port}"

    def start_workers(self) -> None:
        """Start Celery's worker, and its timer, which sweeps up after workers that died."""
        self.start_worker()
        self.start_beat()

    def start_beat(self) -> None:
        beat = (*CELERY, "beat", "--pidfile=", "--schedule", str(self.family.var / "beat"), "--loglevel", "WARNING")
        self.family.start("beat", [sys.executable, *beat], cwd=embedded.ROOT, env=self.environment)

    def start_worker(self) -> None:
        environment = {**self.environment, "DB_POOL_MAX": "0"}
        self.family.start("worker", [sys.executable, *CELERY, *WORKER], cwd=embedded.ROOT, env=environment)

    def restart_worker(self) -> None:
        """Kill Celery's worker with all its processes, in the middle of whatever they do, and start another."""
        self.kill("worker")
        self.start_worker()

    def start_again_what_ended(self) -> bool:
        """Start Celery's processes again where they ended by themselves, as compose and systemd do; tell of it.

        Its transport for Redis sometimes takes the worker down when the broker goes away under it.
        """
        ended = [
            each for each in self.family.children if each.name in ("worker", "beat") and each.exit_code() is not None
        ]
        for child in ended:
            self.family.forget(child)
            (self.start_worker if child.name == "worker" else self.start_beat)()
        return bool(ended)

    def kill(self, name: str) -> None:
        child = self.child(name)
        child.process.kill()
        child.process.wait(60)
        self.family.forget(child)  # with what is left of its processes

    def tracebacks(self) -> list[str]:
        """List what the web server logged as an error of ours."""
        ends = ("Internal Server Error", "Error handling request")
        return [line for line in self.logged("") if ends[0] in line or line.endswith(ends[1])]

    def logged(self, words: str) -> list[str]:
        """List the lines of the web servers' logs that have these words."""
        logs = [self.child(name).log.read_text(errors="replace") for name in self.web_names]
        return [line for log in logs for line in log.splitlines() if words in line]


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Start PostgreSQL in a folder that is gone afterwards; the web server waits for `start_web`."""
    var = Path(tempfile.mkdtemp(prefix="pact-bench-"))
    var.chmod(0o711)  # under root the database runs as another account and must get in
    (var / embedded.MARKER).touch()
    account = database_account(data_folders(var))
    sockets = embedded.socket_folder(var, account)
    family = Family(var)
    servers = Servers(family, sockets, account, {}, free_port())
    try:
        database = servers.start_database()
        servers.environment = {
            **{name: value for name, value in clean_environment().items() if name != "PACT_VAR"},
            "DATABASE_URL": database,
            "REDIS_URL": NO_REDIS,
            "PACT_DEMO": "1",
            "SECRET_KEY": "for-the-bench-only",
            "DJANGO_SETTINGS_MODULE": "pact_site.settings",
            "LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
        }
        yield servers
    finally:
        family.stop_all()
        shutil.rmtree(sockets, ignore_errors=True)
        embedded.erase(var)
        shutil.rmtree(var, ignore_errors=True)


def caddy_version(caddy: str) -> tuple[int, ...]:
    told = subprocess.run([caddy, "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told)[:3])


def has_caddy() -> bool:
    """Say whether a Caddy is installed that loses no form while the web server restarts."""
    caddy = shutil.which("caddy")
    return caddy is not None and caddy_version(caddy) >= LEAST_CADDY


def asks(port: int, path: str) -> bool:
    """Say whether a server answers at an address, and well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number
