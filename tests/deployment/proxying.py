"""Caddy with our Caddyfile in front of a running site."""

import http.client
import json
import os
import socket
import ssl
import subprocess
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from pact_site.processes import Child, await_ready
from tests.deployment.files import CADDYFILE, FILLED_IN, services
from tests.deployment.running import Answer, Site, ask, free_port


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
        try:
            for port in (self.http_port, self.health_port):
                socket.create_connection(("127.0.0.1", port)).close()
            with socket.create_connection(("127.0.0.1", self.https_port)) as plain:
                self.trust.wrap_socket(plain, server_hostname="localhost").close()
        except OSError:
            return False
        return True

    def log(self) -> str:
        return self.child.log.read_text()


def start_proxy(site: Site, caddy: str, upstream_port: int) -> Proxy:
    """Start Caddy before the site at a port, and wait until it has its certificate."""
    home = site.tmp / f"caddy-{upstream_port}"
    home.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    env |= services(FILLED_IN)["proxy"]["environment"]
    ports = (free_port(), free_port(), free_port())
    file = home / "caddy.json"
    file.write_text(json.dumps(_on_these_ports(_read_caddyfile(caddy, env), upstream_port, *ports)))
    command = [caddy, "run", "--config", str(file)]
    child = site.family.start(f"proxy-{upstream_port}", command, cwd=home, env=env)
    authority = home / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    certificate = home / "caddy" / "certificates" / "local" / "localhost" / "localhost.crt"
    await_ready(child, certificate.exists)  # written after the authority's own
    proxy = Proxy(*ports, ssl.create_default_context(cafile=str(authority)), child)
    await_ready(child, proxy.is_up)
    return proxy


def _read_caddyfile(caddy: str, env: dict[str, str]) -> dict[str, Any]:
    command = [caddy, "adapt", "--config", str(CADDYFILE)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    config: dict[str, Any] = json.loads(done.stdout)
    return config


def _on_these_ports(
    config: dict[str, Any], upstream_port: int, http_port: int, https_port: int, health_port: int
) -> dict[str, Any]:
    """Change nothing but ports and the upstream's name."""
    app = config["apps"]["http"]
    listens = {":443": [f"127.0.0.1:{https_port}"], ":2020": [f"127.0.0.1:{health_port}"]}
    for server in app["servers"].values():
        server["listen"] = listens[server["listen"][0]]
    app |= {"http_port": http_port, "https_port": https_port}
    text = json.dumps(config)
    if text.count('"web:8000"') != 1:
        raise ValueError("the Caddyfile does not lead to web:8000")
    moved: dict[str, Any] = json.loads(text.replace('"web:8000"', f'"127.0.0.1:{upstream_port}"'))
    return moved


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
