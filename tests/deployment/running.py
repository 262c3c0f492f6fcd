"""The services of docker-compose.yml as processes: their own commands, on a copy of what the image holds."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import NamedTuple

from pact_site import embedded
from pact_site.processes import Child, Family, await_ready
from tests.deployment.files import FILLED_IN, ROOT, copied, image_variables, services, site_commands


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    headers: HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Site:
    """The site as it is deployed: where its code lies, its only writable folder, its servers and their logs."""

    app: Path
    tmp: Path
    port: int
    family: Family
    addresses: dict[str, str]

    def environment(self, name: str) -> dict[str, str]:
        """Return what a container's process would find, with the addresses of this machine's servers."""
        image = {key: self.local(value) for key, value in image_variables().items()}
        programs = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        container = {"HOSTNAME": socket.gethostname(), "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        asked: dict[str, str] = services(FILLED_IN)[name]["environment"]
        return image | programs | container | asked | self.addresses

    def local(self, word: str) -> str:
        """Put this site's folder in the place of a container's /tmp."""
        return f"{self.tmp}{word.removeprefix('/tmp')}" if f"{word}/".startswith("/tmp/") else word

    def start(self, name: str) -> Child:
        """Run the `command:` of a service."""
        program, *words = (self.local(word) for word in services(FILLED_IN)[name]["command"])
        env = self.environment(name)
        found = shutil.which(program, path=env["PATH"]) or program
        return self.family.start(name, [found, *words], cwd=self.app, env=env)

    def check(self, name: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """Run the health check of a service."""
        kind, *words = map(self.local, services(FILLED_IN)[name]["healthcheck"]["test"])
        command = {"CMD": words, "CMD-SHELL": ["sh", "-c", *words]}[kind]
        env = self.environment(name) | changed
        return subprocess.run(command, cwd=self.app, env=env, capture_output=True, text=True, check=False, timeout=60)

    def await_healthy(self, name: str) -> subprocess.CompletedProcess[str]:
        """Wait until a service passes its health check; return the check's last run."""
        child = next(child for child in self.family.children if child.name == name)
        checks: list[subprocess.CompletedProcess[str]] = []

        def passes() -> bool:
            checks.append(self.check(name))
            return checks[-1].returncode == 0

        await_ready(child, passes)
        return checks[-1]

    def log(self, name: str) -> str:
        """Return what a service has written so far."""
        return (self.family.var / f"{name}.log").read_text()

    def get(self, path: str, **headers: str) -> Answer:
        """Ask the web server itself, as the proxy does."""
        return ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30), path, None, **headers)


def ask(connection: http.client.HTTPConnection, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """Send one request and read the answer; `_` in a header's name stands for `-`."""
    fields = {"Host": "localhost"} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET" if body is None else "POST", path, body=body, headers=fields)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def children_of(parent: int) -> list[int]:
    """List the processes that one has started."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, ppid in (line.split() for line in listed.splitlines()) if int(ppid) == parent]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@contextmanager
def deployed(app: Path, tmp: Path) -> Iterator[Site]:
    """Build, migrate and start, on servers of its own, everything that docker-compose.yml makes of our image."""
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, app / name)
        else:
            shutil.copy2(source, app / name)
    with embedded.throwaway() as servers:
        port = free_port()
        addresses = {"DATABASE_URL": servers.database, "REDIS_URL": servers.redis, "PORT": str(port)}
        addresses["RELEASES_DIR"] = str(tmp / "releases")
        addresses["METRICS_TOKEN"] = "for-prometheus-alone"
        addresses["BACKUP_DIR"] = str(tmp / "backups")
        addresses["GUNICORN_CMD_ARGS"] = f"--bind 127.0.0.1:{port}"  # not on every address of this machine
        site = Site(app, tmp, port, servers.family, addresses)
        migrating = site.start("migrate")
        _finish_image(site)
        code = migrating.process.wait(60)
        site.family.forget(migrating)
        if code:
            raise RuntimeError(f"migrate ended with code {code}:\n{site.log('migrate')}")
        for name in ("web", "worker", "models", "beat", "upkeep"):
            site.start(name)
        yield site


def _finish_image(site: Site) -> None:
    """Run the last commands of the image's build, which have no settings and no servers."""
    env = {name: value for name, value in site.environment("web").items() if name in {"PATH", "LANG"}}
    for command in site_commands():
        subprocess.run(["sh", "-euc", command], cwd=site.app, env=env, check=True, timeout=120)
