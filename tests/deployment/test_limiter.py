"""The proxy's limit on requests by network: Caddy and HAProxy as they are deployed, before a stand-in of the site."""

import base64
import hashlib
import http.client
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.utils import translation

from pact_site.processes import Family
from survey.views.faults import BUSY
from tests.deployment.files import FILLED_IN, LIMITER, ROOT, services
from tests.deployment.proxying import MOST_IN_TEN_SECONDS, Proxy, start_limiter, start_proxy

MOST = 100  # in the place of 2,000, which a slow machine would not reach


class Mirror(BaseHTTPRequestHandler):
    """Stands in for the web server: sends back what it got, on lines that stay open."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the receipt of its headers

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Stand:
    """A proxy, its limiter and what they stand before."""

    def __init__(self, family: Family, proxy: Proxy) -> None:
        self.family, self.proxy = family, proxy

    def statuses(self, n: int, path: str) -> Counter[int]:
        """Send so many requests over four lines; count what was answered."""

        def send(n: int) -> list[int]:
            line = http.client.HTTPSConnection("localhost", self.proxy.https_port, timeout=30, context=self.proxy.trust)
            found = []
            for _ in range(n):
                line.request("GET", path)
                response = line.getresponse()
                response.read()
                found.append(response.status)
            line.close()
            return found

        with ThreadPoolExecutor(4) as pool:
            return Counter(status for part in pool.map(send, [n // 4] * 4) for status in part)

    def stop_limiter(self) -> None:
        child = next(child for child in self.family.children if child.name.startswith("limiter"))
        child.process.terminate()
        child.process.wait(30)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    programs = {name: shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("caddy", "haproxy")}
    if missing := [name for name, found in programs.items() if not found]:
        pytest.skip(f"no {' and no '.join(missing)} here; install, for example: apt-get install {' '.join(missing)}")
    family = Family(tmp_path)
    try:
        with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server, ThreadPoolExecutor() as pool:
            pool.submit(server.serve_forever)
            try:
                limiter = start_limiter(family, tmp_path, str(programs["haproxy"]), MOST)
                proxy = start_proxy(family, tmp_path, str(programs["caddy"]), server.server_port, limiter)
                yield Stand(family, proxy)
            finally:
                server.shutdown()
    finally:
        family.stop_all()


def test_network_that_floods_is_turned_away_at_the_proxy_until_it_slows_down(stand: Stand) -> None:
    assert stand.statuses(MOST - 20, "/s/x/") == {200: MOST - 20}
    assert set(stand.statuses(2 * MOST, "/s/x/")) == {200, 429}
    answer = stand.proxy.ask("/s/x/", b"choice=1")
    assert (answer.status, answer.headers["Retry-After"], answer.headers["Cache-Control"]) == (429, "10", "no-store")
    assert "Answers that you have sent are stored" in answer.body.decode()
    assert stand.statuses(40, "/static/site.css") == {200: 40}


def test_what_the_limiter_lets_through_arrives_whole(stand: Stand) -> None:
    answer = stand.proxy.ask("/s/x/", b"choice=" + b"1" * 100_000, X_Long="x" * 12_000)
    assert (answer.status, len(answer.body)) == (200, 100_007)


def test_nobody_waits_while_the_limiter_is_away(stand: Stand) -> None:
    assert stand.proxy.ask("/s/x/", b"before").body == b"before"
    stand.stop_limiter()
    assert stand.proxy.ask("/s/x/", b"after").body == b"after"
    assert stand.statuses(2 * MOST, "/s/x/") == {200: 2 * MOST}


def test_page_of_the_limiter_says_it_as_the_site_does() -> None:
    page = (LIMITER / "too-often.html").read_text(encoding="utf-8")
    for locale in ("en-gb", "pt-br", "hi-in"):
        with translation.override(locale):
            assert re.search(rf"<h\d[^>]*>{re.escape(str(BUSY))}</h\d>", page), locale
    style = re.findall("<style>(.*)</style>", page)
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in (LIMITER / "haproxy.cfg").read_text()


def test_limit_is_the_one_that_the_docs_name() -> None:
    assert f"presetenv REQUESTS_IN_TEN_SECONDS {MOST_IN_TEN_SECONDS}\n" in (LIMITER / "haproxy.cfg").read_text()
    assert services(FILLED_IN)["limiter"]["environment"] == {"REQUESTS_IN_TEN_SECONDS": str(MOST_IN_TEN_SECONDS)}
    assert f"{MOST_IN_TEN_SECONDS:,} requests in ten seconds" in (ROOT / "docs" / "security.md").read_text(
        encoding="utf-8"
    )


def test_haproxy_accepts_its_settings() -> None:
    found = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        pytest.skip("no haproxy here; install it, for example: apt-get install haproxy")
    command = [found, "-c", "-f", str(LIMITER / "haproxy.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
