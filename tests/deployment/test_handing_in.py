"""Files of staff on their way through the proxy, and who else sends much or slowly."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from analysis.imports.uploads import LARGEST
from pact_site.uploads import BESIDE
from tests.deployment.proxying import Proxy, read_caddyfile
from tests.deployment.running import Answer, Site
from tests.e2e.conftest import FLAGS, find_browser

MB = 1024 * 1024
LOG_IN = """
import time
import django; django.setup()
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
user = User.objects.filter(username="ana").first() or User.objects.create_superuser("ana")
ways = [{"method": method, "at": time.time()} for method in ("password", "mfa")]
session = SessionStore()
session.update({
    "_auth_user_id": str(user.pk), "_auth_user_backend": "pact_site.access.RoleBackend",
    "_auth_user_hash": user.get_session_auth_hash(),
    "account_authentication_methods": ways, "account_authentication_methods_user": str(user.pk),
})
session.save()
print(session.session_key)
"""
TOKEN = "a" * 32
THREADS = 8  # of the web server, by the compose file


@pytest.fixture(scope="module")
def cookies(site: Site) -> str:
    """Cookies of an owner of the site who has logged in."""
    site.await_healthy("web")
    env = site.environment("web") | {"DJANGO_SETTINGS_MODULE": "pact_site.settings"}
    told = subprocess.run([sys.executable, "-c", LOG_IN], cwd=site.app, env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return f"other=1; sessionid={told.stdout.strip()}; csrftoken={TOKEN}"


def hand_in(proxy: Proxy, path: str, cookies: str, content: bytes, **headers: str) -> Answer:
    """Send a file as a browser does."""
    named = b"--x\r\nContent-Disposition: form-data; name="
    token = named + b'"csrfmiddlewaretoken"\r\n\r\n' + TOKEN.encode() + b"\r\n"
    file = named + b'"files"; filename="answers.csv"\r\nContent-Type: text/csv\r\n\r\n' + content + b"\r\n--x--\r\n"
    whose = {"Cookie": cookies, "Content_Type": "multipart/form-data; boundary=x", "Referer": "https://localhost/"}
    return proxy.ask(path, token + file, **whose | headers)


def test_file_of_staff_comes_through_and_lies_on_the_volume(site: Site, proxy: Proxy, cookies: str) -> None:
    line = b"p1,GB,item-1,personal,follow\n"
    content = b"person,country,item,question,choice\n" + line * (20 * MB // len(line))
    answer = hand_in(proxy, "/imports/", cookies, content)
    assert (answer.status, bool(re.fullmatch(r"/imports/\d+/", answer.headers["Location"]))) == (302, True)
    kept = list(Path(site.addresses["RELEASES_DIR"]).glob("imports/*/answers.csv"))
    assert [path.read_bytes() == content for path in kept] == [True]
    assert list(site.tmp.rglob("*.upload")) == []


@pytest.mark.parametrize(
    ("path", "size", "told"),
    [
        ("/new-study/", 20 * MB, "takes up to 10.0 MB"),
        ("/studies/x/reconciliation/upload/", 3 * MB, "takes up to 2.0 MB"),
        ("/login/", 3 * MB, "larger than this site takes"),
    ],
)
def test_browser_shows_what_a_page_takes(
    proxy: Proxy, cookies: str, tmp_path: Path, path: str, size: int, told: str
) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    form = f'<form method="post" enctype="multipart/form-data" action="{path}"><input type="file" name="f"><button>'
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        context = browser.new_context(ignore_https_errors=True)
        pairs = [pair.split("=") for pair in cookies.split("; ")]
        context.add_cookies([{"name": name, "value": value, "url": "https://localhost"} for name, value in pairs])
        page = context.new_page()
        page.goto(f"https://localhost:{proxy.https_port}/login/")
        page.evaluate("form => { document.body.innerHTML = form }", form)
        page.set_input_files("input", tmp_path / "file")
        with page.expect_navigation() as navigation:
            page.click("button")
        status, text = navigation.value.status, page.inner_text("body").replace("\xa0", " ")
        browser.close()
    assert (status, told in text, "Nothing was stored" in text) == (413, True, True)


@pytest.mark.parametrize(
    ("path", "cookie", "size"),
    [
        ("/login/", "sessionid=x", 1_000_000),
        ("/s/x/", "", 1_000_000),
        ("/imports/", "csrftoken=x", 1_000_000),
        ("/imports/", "sessionid=x", 600_000_000),
        ("/imports/", "sessionid=x", 1_000_000_000),
    ],
)
def test_proxy_says_what_is_too_large(proxy: Proxy, path: str, cookie: str, size: int) -> None:
    beginning = b"x" * 400_000  # newer proxies wait for the first 256 kB
    answer = proxy.ask(path, beginning, Content_Length=str(size), Cookie=cookie)
    assert (answer.status, answer.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert "Nothing was stored" in answer.body.decode()


def test_what_is_too_large_and_does_not_say_so_is_cut(proxy: Proxy) -> None:
    with proxy.open() as line:
        line.sendall(b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):  # it hung up
            for _ in range(20):
                line.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
            pytest.fail("20 MB were taken in")


@pytest.mark.parametrize(
    ("path", "size", "at_once"),
    [
        ("/login/", 1000, 10),
        ("/s/x/", 1000, 10),
        ("/s/x/", 900_000, 70_000),
        ("/login/", 900_000, 70_000),
        ("/imports/", 100 * MB, 70_000),
        ("/api/studies/", 900_000, 70_000),
    ],
)
def test_whoever_sends_slowly_holds_no_thread(proxy: Proxy, path: str, size: int, at_once: int) -> None:
    """However little the threads of the web server are, and whatever somebody claims to be."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid=x; csrftoken={TOKEN}\r\nReferer: https://localhost/\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {size}\r\n\r\n"
    )
    with ExitStack() as lines:
        for _ in range(2 * THREADS):
            lines.enter_context(proxy.open()).sendall(head.encode() + b"x" * at_once)
        time.sleep(1)
        begun = time.monotonic()
        assert {proxy.ask("/login/").status for _ in range(2 * THREADS)} == {200}
        assert time.monotonic() - begun < 10


def test_line_of_a_researchers_home_has_time_for_the_largest_file(caddy: str) -> None:
    config = json.dumps(read_caddyfile(caddy, os.environ | {"SITE_HOST": "localhost"}))
    seconds = {int(found) / 1e9 for found in re.findall(r'"read_timeout": (\d+)', config)}
    assert min(seconds) >= 8 * LARGEST / 5_000_000  # 5 Mbit/s
    sizes = {int(found) for found in re.findall(r'"max_size": (\d+)', config)}
    assert max(sizes) == 600_000_000 > LARGEST + BESIDE
