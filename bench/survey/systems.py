"""The systems that are compared: how each is made ready, started as its makers recommend, and asked what it stored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import psycopg

from bench.servers import Servers, asks, free_port
from bench.survey import potato
from pact_site import embedded
from pact_site.processes import Child, await_ready, clean_environment

HERE = Path(__file__).parent
GUNICORN = (
    *("--no-control-socket", "--worker-class", "pact_site.web_worker.Worker", "--keep-alive", "75", "--threads", "4"),
    *("--max-requests", "20000", "--max-requests-jitter", "5000"),
)
PEERS = {
    "otree": ("otree==6.0.15", "psycopg2-binary==2.9.13"),
    "potato": ("potato-annotation==2.12.1", "gunicorn==27.0.1"),
}


class System(ABC):
    """One system on the bench's PostgreSQL, in a folder of its own."""

    name: ClassVar[str]
    ready_at: ClassVar[str] = "/"

    def __init__(self, servers: Servers, spec: dict[str, Any], peers: Path) -> None:
        self.servers, self.spec, self.peers = servers, spec, peers
        self.folder = servers.family.var / self.name
        self.port = free_port()
        self.child: Child | None = None
        self.n_answers_before = 0

    def prepare(self, n_participants: int) -> None:
        """Make everything ready that outlives a start, for so many participants in all."""
        self.folder.mkdir()

    @abstractmethod
    def command(self, n_workers: int) -> list[str]:
        """Give the command that serves."""

    @abstractmethod
    def codes(self) -> Iterator[str]:
        """Give a name or key for everybody who comes."""

    @abstractmethod
    def n_stored(self) -> int:
        """Count the answers to items that are stored."""

    def environment(self) -> Mapping[str, str]:
        return {}

    def cwd(self) -> Path:
        return self.folder

    def start(self, n_workers: int = 1) -> Child:
        self.port = free_port()
        env = {**clean_environment(), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", **self.environment()}
        self.child = self.servers.family.start(self.name, self.command(n_workers), cwd=self.cwd(), env=env)
        await_ready(self.child, lambda: asks(self.port, self.ready_at), seconds=90)
        self.n_answers_before = self.n_stored()
        return self.child

    def stop(self) -> None:
        if self.child is not None:
            self.servers.family.stop(self.child)
            self.child = None

    def database(self, name: str) -> psycopg.Connection:
        return psycopg.connect(f"host={self.servers.sockets} user=pact dbname={name}", autocommit=True)

    def count(self, name: str, query: str) -> int:
        with self.database(name) as connection:
            row = connection.execute(query.encode()).fetchone()
        return int(row[0]) if row else 0

    def gunicorn(self, application: str, n_workers: int) -> list[str]:
        bind = ["--bind", f"127.0.0.1:{self.port}", "--workers", str(n_workers)]
        return [sys.executable, "-m", "gunicorn", application, "--preload", *GUNICORN, *bind]


class Ours(System):
    """PACT Site with the settings and the command of `docker-compose.yml`, plain HTTP, as behind its proxy."""

    name = "ours"
    ready_at = "/healthz"
    n_studies = 0

    def prepare(self, n_participants: int) -> None:
        super().prepare(n_participants)
        env = {**os.environ, **self.environment()}
        command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(command, cwd=embedded.ROOT, env=env, check=True)

    def environment(self) -> Mapping[str, str]:
        return {
            **self.servers.environment,
            "PACT_DEMO": "0",
            "HTTPS": "0",
            "STATIC_MANIFEST": "1",
            "LOG_LEVEL": "INFO",
            "DB_LOCK_TIMEOUT": "3",
            "DB_POOL_MAX": "0",
        }

    def cwd(self) -> Path:
        return embedded.ROOT

    def command(self, n_workers: int) -> list[str]:
        return self.gunicorn("pact_site.wsgi:application", n_workers)

    def start(self, n_workers: int = 1) -> Child:
        """Begin a study of its own at every start, so that none is fuller than another."""
        from bench.survey.study import open_study

        Ours.n_studies += 1
        self.spec["study"] = open_study(f"bench-{Ours.n_studies}")
        return super().start(n_workers)

    def codes(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield str(number)

    def n_stored(self) -> int:
        return self.count("pact", "SELECT count(*) FROM survey_response")


class Limit(System):
    """The bare application, on a copy of our tables in which the sessions are laid out already."""

    name = "limit"
    tokens: Iterator[str]

    def prepare(self, n_participants: int) -> None:
        from bench.survey.study import copy_sessions, open_study

        super().prepare(n_participants)
        (self.folder / "spec.json").write_text(json.dumps(self.spec), encoding="utf-8")
        code = open_study("templates", n_sessions=50)
        with self.database("postgres") as connection:
            connection.execute("CREATE DATABASE bare TEMPLATE pact")
        with self.database("bare") as connection:
            self.tokens = iter(copy_sessions(connection, code, n_participants))

    def environment(self) -> Mapping[str, str]:
        version = self.count("bare", "SELECT max(id) FROM survey_instrumentversion")
        return {
            "SPEC": str(self.folder / "spec.json"),
            "LIMIT_DSN": f"host={self.servers.sockets} user=pact dbname=bare",
            "VERSION": str(version),
        }

    def cwd(self) -> Path:
        return embedded.ROOT

    def command(self, n_workers: int) -> list[str]:
        return self.gunicorn("bench.survey.limit:application", n_workers)

    def codes(self) -> Iterator[str]:
        return self.tokens

    def n_stored(self) -> int:
        return self.count("bare", "SELECT count(*) FROM survey_response")


class Otree(System):
    """oTree's production server, one process as it comes, on PostgreSQL; participants made beforehand, as it wants."""

    name = "otree"
    participants: Iterator[str]

    def prepare(self, n_participants: int) -> None:
        shutil.copytree(HERE / "peers" / "otree", self.folder)
        for name in ("_static", "_templates"):
            (self.folder / name).mkdir()
        (self.folder / "spec.json").write_text(json.dumps(self.spec), encoding="utf-8")
        with self.database("postgres") as connection:
            connection.execute("CREATE DATABASE otree")
        self.otree("resetdb", "--noinput")
        for _ in range(-(-n_participants // 500)):
            self.otree("create_session", "survey", str(min(500, n_participants)))
        with self.database("otree") as connection:
            connection.execute("VACUUM ANALYZE")
            rows = connection.execute("SELECT code FROM otree_participant ORDER BY id").fetchall()
        self.participants = iter([code for (code,) in rows])

    def otree(self, *arguments: str) -> None:
        env = {**clean_environment(), **self.environment()}
        done = subprocess.run(
            [self.program(), *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"otree {arguments}: {done.stderr[-2000:]}")

    def program(self) -> str:
        return str(self.peers / "otree" / "bin" / "otree")

    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{self.peers / 'otree' / 'bin'}:{os.environ['PATH']}",
            "DATABASE_URL": f"postgresql://pact@/otree?host={self.servers.sockets}",
            "OTREE_PRODUCTION": "1",
            "OTREE_AUTH_LEVEL": "STUDY",
            "OTREE_ADMIN_PASSWORD": "for-the-bench-only",
        }

    def command(self, n_workers: int) -> list[str]:
        return [self.program(), "prodserver", f"127.0.0.1:{self.port}"]

    def codes(self) -> Iterator[str]:
        return self.participants

    def n_stored(self) -> int:
        return self.count("otree", "SELECT count(personal) + count(norm) FROM scenarios_player")


class Potato(System):
    """Potato under gunicorn with one worker, as its own container has it; it keeps its data in files."""

    name = "potato"
    n_starts = n_people = 0

    def cwd(self) -> Path:
        return self.folder / str(self.n_starts)

    def start(self, n_workers: int = 1) -> Child:
        """Begin in a new folder: what an earlier start left would be read into memory."""
        self.n_starts += 1
        potato.write_project(self.spec, self.cwd())
        return super().start(n_workers)

    def command(self, n_workers: int) -> list[str]:
        bind = ["--bind", f"127.0.0.1:{self.port}", "--workers", "1", "--threads", "8", "--keep-alive", "75"]
        program = str(self.peers / "potato" / "bin" / "gunicorn")
        return [program, "--no-control-socket", *bind, "potato.flask_server:create_app('config.yaml')"]

    def codes(self) -> Iterator[str]:
        while True:
            Potato.n_people += 1
            yield f"person-{Potato.n_people}"

    def n_stored(self) -> int:
        return sum(map(potato.n_answers, self.cwd().glob("annotation_output/*/user_state.json")))


SYSTEMS: dict[str, type[System]] = {one.name: one for one in (Ours, Otree, Potato, Limit)}


def install_peers(folder: Path, names: Iterable[str]) -> None:
    """Install peers at their pinned versions, each into an environment of its own, where it is missing."""
    for name in names:
        home = folder / name
        if not (home / "bin" / name).exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            subprocess.run([str(home / "bin" / "pip"), "install", "--quiet", *PEERS[name]], check=True)
