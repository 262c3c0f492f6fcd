"""What the proxy does for the site and keeps from it: Caddy as it is deployed, before real servers and stand-ins."""

from __future__ import annotations

import gzip
import json
import re
import time

from tests.deployment.files import ROOT
from tests.deployment.proxying import Proxy

TOKEN = "a-token-that-nobody-may-read"


def test_proxy_answers_over_tls_and_compresses_pages(proxy: Proxy) -> None:
    answer = proxy.ask("/login/", Accept_Encoding="gzip")
    assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
    assert b"<!doctype html>" in gzip.decompress(answer.body)[:100].lower()


def test_proxy_leads_plain_http_to_https(proxy: Proxy) -> None:
    answer = proxy.ask_plainly(proxy.http_port, "/login/?next=/")
    assert answer.status in {301, 308}
    assert answer.headers["Location"].startswith("https://localhost")


def test_proxy_passes_its_health_check(proxy: Proxy) -> None:
    answer = proxy.ask_plainly(proxy.health_port, "/")
    assert (answer.status, answer.body) == (200, b"ok")


def test_proxy_shows_what_is_for_the_inside_to_nobody_outside(proxy: Proxy) -> None:
    assert {proxy.ask(path).status for path in ("/metrics", "/readyz", "/livez", "/healthz")} == {404}


def test_proxy_counts_requests_for_prometheus(proxy: Proxy) -> None:
    proxy.ask("/login/")
    answer = proxy.ask_plainly(proxy.health_port, "/metrics")
    assert answer.status == 200
    rules = (ROOT / "docs" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\bcaddy_\w+", rules))
    assert asked
    assert {name for name in asked if name.encode() not in answer.body} == set()


def test_proxy_holds_a_request_while_the_web_server_is_away(stand_in: Proxy) -> None:
    assert stand_in.child.exit_code() is None  # the fixture's own request waited for the server


def test_proxy_says_itself_how_a_request_came_and_keeps_addresses_back(stand_in: Proxy) -> None:
    lies = {"X_Forwarded_Proto": "http", "X_Forwarded_For": "192.0.2.1", "X_Client_Network": "192.0.2.0/24"}
    received = json.loads(stand_in.ask("/", None, **lies).body)
    assert received["X-Forwarded-Proto"] == "https"
    assert received["X-Client-Network"] == "127.0.0.0/24"
    assert "127.0.0.1" not in str(received)
    assert "X-Forwarded-For" not in received


def test_proxy_hangs_up_on_whoever_sends_headers_too_slowly(proxy: Proxy) -> None:
    """Or nothing more. Whoever sends a form slowly holds nothing of the site: tests/deployment/test_handing_in.py."""
    begun = time.monotonic()
    with proxy.open() as line:
        line.settimeout(20)
        line.sendall(b"GET /login/ HTTP/1.1\r\nHost: localhost\r\nX-Slow")
        line.recv(4096)  # an error page, or the end
    assert 5 < time.monotonic() - begun < 20


def test_proxy_refuses_oversized_headers(proxy: Proxy) -> None:
    assert proxy.ask("/login/", X_Long="x" * 30_000).status == 431


def test_proxy_says_what_to_do_where_the_web_server_died_under_a_form(stand_in: Proxy) -> None:
    answer = stand_in.ask(f"/s/{TOKEN}/trouble/", b"choice=1")
    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert (answer.headers["Cache-Control"], answer.headers["Retry-After"]) == ("no-store", "10")
    page = answer.body.decode()
    assert page.count('<a href="">') == 3
    assert all(f'lang="{locale}"' in page for locale in ("en", "pt-BR", "hi-IN"))


def test_proxy_counts_failed_requests_and_keeps_their_addresses_out_of_its_log(stand_in: Proxy) -> None:
    assert stand_in.ask(f"/s/{TOKEN}/trouble/", b"choice=1").status == 502
    counts = stand_in.ask_plainly(stand_in.health_port, "/metrics").body.decode()
    assert "caddy_http_request_errors_total" in counts
    assert "serving initial configuration" in stand_in.log()
    assert TOKEN not in stand_in.log()
