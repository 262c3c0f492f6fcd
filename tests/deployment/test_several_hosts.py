"""The examples for several web hosts: the proxy before two of them, and PgBouncer before PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pact_site import embedded
from pact_site.postgres import data_folders
from pact_site.processes import Family, await_ready, database_account
from tests.deployment.files import CADDYFILE, ROOT
from tests.deployment.proxying import Proxy, is_open, start_proxy
from tests.deployment.running import free_port

FOLDER = ROOT / "docs" / "several-hosts"
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


class Host(BaseHTTPRequestHandler):
    """Stands in for a web host: says its port, and whether it is ready."""

    asked: list[tuple[str, str]]
    is_ready: bool

    def do_GET(self) -> None:
        if self.path.startswith("/readyz"):
            type(self).asked.append((self.path, self.headers["Host"]))
        self.send_response(200 if self.is_ready or not self.path.startswith("/readyz") else 503)
        self.end_headers()
        self.wfile.write(str(self.server.server_port).encode())  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        pass


class Stand:
    """Two web hosts and the proxy before them."""

    def __init__(self, hosts: list[type[Host]], servers: list[ThreadingHTTPServer], proxy: Proxy) -> None:
        self.hosts, self.servers, self.proxy = hosts, servers, proxy

    def answers(self) -> Counter[str]:
        """Count who answers of twenty requests."""
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: self.proxy.ask("/s/x/"), range(20)))
        assert {one.status for one in found} == {200}
        return Counter(one.body.decode() for one in found)


def as_the_page_says(name: str) -> str:
    """Make the variant of the Caddyfile by the line of the page; what it imports stands beside it there."""
    line = re.search(r"^(sed .*balancing\.caddy.*) docker/Caddyfile > ", DEPLOYMENT, flags=re.MULTILINE)
    assert line
    command = ["sh", "-c", f"{line[1]} {CADDYFILE}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert text.count(f"import {name}") == 1
    return text.replace(f"import {name}", f"import {FOLDER / name}")


@pytest.fixture
def stand(tmp_path: Path, caddy: str) -> Iterator[Stand]:
    family = Family(tmp_path)
    hosts = [type(f"Host{n}", (Host,), {"asked": [], "is_ready": True}) for n in range(2)]
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        stack.callback(family.stop_all)
        servers = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), host)) for host in hosts]
        for server in servers:
            pool.submit(server.serve_forever)
            stack.callback(server.shutdown)
        ports = {f"10.0.0.{n}:8000": server.server_port for n, server in zip((11, 12), servers, strict=True)}
        yield Stand(
            hosts, servers, start_proxy(family, tmp_path, caddy, ports, text=as_the_page_says("balancing.caddy"))
        )


def test_host_that_is_not_ready_gets_no_traffic_until_it_is(stand: Stand) -> None:
    ports = {str(server.server_port) for server in stand.servers}
    assert set(stand.answers()) == ports
    stand.hosts[0].is_ready = False
    await_ready(stand.proxy.child, lambda: set(stand.answers()) == {str(stand.servers[1].server_port)})
    stand.hosts[0].is_ready = True
    await_ready(stand.proxy.child, lambda: set(stand.answers()) == ports)
    assert {asked for host in stand.hosts for asked in host.asked} == {("/readyz?database=optional", "localhost")}


def test_nobody_notices_that_a_host_went_away(stand: Stand) -> None:
    stand.answers()
    stand.servers[0].shutdown()
    stand.servers[0].server_close()
    assert set(stand.answers()) == {str(stand.servers[1].server_port)}


READY = """
import os
import django; django.setup()
from django.db import connection
from django.test import Client
assert [Client(SERVER_NAME="localhost").get("/readyz").content for _ in range(20)] == [b"ready\\n"] * 20
with connection.cursor() as cursor:
    for _ in range(20):
        cursor.execute("SELECT 1")
"""


def test_site_is_ready_behind_the_pooler() -> None:
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("no PgBouncer here: apt-get install pgbouncer")
    with embedded.throwaway() as servers:
        port, at = free_port(), urlsplit(servers.database)
        sockets, _, name = at.path.removeprefix("/").rpartition("/")
        text = (FOLDER / "pgbouncer.ini").read_text(encoding="utf-8")
        for pattern, here, n in (
            (r"host=db\.internal port=5432 dbname=pact", f"host={sockets} dbname={name} user={at.username}", 2),
            (r"listen_addr = \*", "listen_addr = 127.0.0.1", 1),
            (r"listen_port = 6432", f"listen_port = {port}", 1),
            (r"auth_type = scram-sha-256\nauth_file = .*", "auth_type = any", 1),
        ):
            text, found = re.subn(pattern, here, text)
            assert found == n, pattern
        file = servers.family.var / "pgbouncer.ini"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
        account = database_account(data_folders(servers.family.var))
        child = servers.family.start("pgbouncer", [program, str(file)], account=account, cwd=Path(os.sep))
        await_ready(child, lambda: is_open(port))
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        env |= {"SECRET_KEY": "x", "DB_POOL_MAX": "0", "DJANGO_SETTINGS_MODULE": "pact_site.settings", "HTTPS": "off"}
        address = f"postgres://{at.username}@127.0.0.1:{port}/"
        for database, more, words in (
            ("pact", {}, ["manage.py", "migrate", "--no-input", "--verbosity", "0"]),
            ("pact_pages", {"DB_PREPARE": "off", "DB_LOCK_TIMEOUT": "3"}, ["-c", READY]),
        ):
            told = {**env, **more, "DATABASE_URL": f"{address}{database}"}
            done = subprocess.run([sys.executable, *words], cwd=ROOT, env=told, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
