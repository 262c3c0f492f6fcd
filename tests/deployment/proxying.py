"""Caddy with our Caddyfile in front of a running site."""

import http.client
import json
import os
import socket
import ssl
import subprocess
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from pact_site.processes import Child, Family, await_ready
from tests.deployment.files import CADDYFILE, FILLED_IN, LIMITER, services
from tests.deployment.running import Answer, ask, free_port

MOST_IN_TEN_SECONDS = 2000
BUFFERS = "request_buffers 64KiB"  # docs/deployment.md translates it, too
OLD_BUFFERS = "buffer_requests\n\t\tmax_buffer_size 65536"


@dataclass(frozen=True)
class Proxy:
    """A running Caddy on free ports, with a certificate of its own making."""

    http_port: int
    https_port: int
    health_port: int
    trust: ssl.SSLContext
    child: Child

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send a request as a browser does, which checks the certificate."""
        connection = http.client.HTTPSConnection("localhost", self.https_port, timeout=30, context=self.trust)
        return ask(connection, path, body, **headers)

    def open(self) -> ssl.SSLSocket:
        """Open a line to the proxy over TLS, to send by hand."""
        plain = socket.create_connection(("127.0.0.1", self.https_port), timeout=30)
        return self.trust.wrap_socket(plain, server_hostname="localhost")

    def ask_plainly(self, port: int, path: str) -> Answer:
        """Send a request without TLS to one of the proxy's ports."""
        host = "127.0.0.1" if port == self.health_port else "localhost"
        return ask(http.client.HTTPConnection("127.0.0.1", port, timeout=30), path, Host=host)

    def is_up(self) -> bool:
        """Tell whether every port is open and the certificate is there."""
        if not (is_open(self.http_port) and is_open(self.health_port)):
            return False
        try:
            with socket.create_connection(("127.0.0.1", self.https_port)) as plain:
                self.trust.wrap_socket(plain, server_hostname="localhost").close()
        except OSError:
            return False
        return True

    def log(self) -> str:
        return self.child.log.read_text()


def start_proxy(
    family: Family,
    folder: Path,
    caddy: str,
    upstream: int | dict[str, int],
    limiter_port: int | None = None,
    text: str | None = None,
) -> Proxy:
    """Start Caddy before a web server at a port, and wait until it has its certificate; the limiter may be away.

    A variant of the Caddyfile has several web hosts: a port for each of their addresses.
    """
    upstreams = {"web:8000": upstream} if isinstance(upstream, int) else upstream
    name = "-".join(str(port) for port in upstreams.values())
    home = folder / f"caddy-{name}"
    home.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    env |= services(FILLED_IN)["proxy"]["environment"]
    ports = (free_port(), free_port(), free_port())
    places = {
        **upstreams,
        "limiter:8080": free_port() if limiter_port is None else limiter_port,
        "127.0.0.1:2020": ports[-1],
    }
    file = home / "caddy.json"
    file.write_text(json.dumps(_on_these_ports(read_caddyfile(caddy, env, text), places, *ports)))
    command = [caddy, "run", "--config", str(file)]
    child = family.start(f"proxy-{name}", command, cwd=home, env=env)
    authority = home / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    certificate = home / "caddy" / "certificates" / "local" / "localhost" / "localhost.crt"
    await_ready(child, certificate.exists)  # written after the authority's own
    proxy = Proxy(*ports, ssl.create_default_context(cafile=str(authority)), child)
    await_ready(child, proxy.is_up)
    return proxy


def read_caddyfile(caddy: str, env: dict[str, str], text: str | None = None) -> dict[str, Any]:
    """Read our Caddyfile, or a variant of it, in the words that this Caddy knows."""
    text = CADDYFILE.read_text(encoding="utf-8") if text is None else text
    if is_old(caddy):
        text = text.replace(BUFFERS, OLD_BUFFERS)
    command = [caddy, "adapt", "--config", "/dev/stdin", "--adapter", "caddyfile"]
    done = subprocess.run(command, env=env, input=text, capture_output=True, text=True, check=True, timeout=60)
    config: dict[str, Any] = json.loads(done.stdout)
    return config


def is_old(caddy: str) -> bool:
    """Tell whether a Caddy is one of before 2.7, as distributions have it, which takes forms in by other words."""
    told = subprocess.run([caddy, "version"], capture_output=True, text=True, check=True, timeout=60).stdout
    major, minor = told.removeprefix("v").split(".")[:2]
    return (int(major), int(minor)) < (2, 7)


def _on_these_ports(
    config: dict[str, Any], places: dict[str, int], http_port: int, https_port: int, health_port: int
) -> dict[str, Any]:
    """Change nothing but ports and the names of the servers behind."""
    app = config["apps"]["http"]
    listens = {":443": [f"127.0.0.1:{https_port}"], ":2020": [f"127.0.0.1:{health_port}"]}
    for server in app["servers"].values():
        server["listen"] = listens[server["listen"][0]]
    app |= {"http_port": http_port, "https_port": https_port}
    text = json.dumps(config)
    for place, port in places.items():
        if text.count(f'"dial": "{place}"') != 1:
            raise ValueError(f"the Caddyfile does not lead to {place}, or to it twice")
        text = text.replace(f'"dial": "{place}"', f'"dial": "127.0.0.1:{port}"')
    moved: dict[str, Any] = json.loads(text)
    return moved


def start_limiter(family: Family, folder: Path, haproxy: str, most: int) -> int:
    """Start HAProxy with our settings and a number of its own, on a free port of this machine; give the port."""
    port = free_port()
    for file in LIMITER.iterdir():
        text = file.read_text(encoding="utf-8").replace("bind :8080", f"bind 127.0.0.1:{port}")
        (folder / file.name).write_text(text, encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "REQUESTS_IN_TEN_SECONDS": str(most)}
    child = family.start(f"limiter-{port}", [haproxy, "-f", str(folder / "haproxy.cfg")], cwd=folder, env=env)
    await_ready(child, lambda: is_open(port))
    return port


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class Upstream(BaseHTTPRequestHandler):
    """Stands in for the web server: tells what it was sent, or hangs up in the middle of a form."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(self.headers)).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass
