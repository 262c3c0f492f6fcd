"""A real Chromium on the live site; every page must be silent: no console error, no request elsewhere."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

PLACES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NewPage = Callable[..., Page]


def find_browser() -> str:
    found = next((path for name in PLACES if (path := shutil.which(name))), str(MAC) if MAC.exists() else "")
    if not found:
        message = "no Chromium here; install one, for example: apt-get install chromium libatomic1"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="package")  # not longer: its event loop is in the way of other tests' own
def browser() -> Iterator[Browser]:
    executable = find_browser()
    # Playwright's event loop runs in this thread; Django would otherwise refuse the tests' own queries.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser, live_server: LiveServer) -> Iterator[NewPage]:
    """Open pages that note every complaint; none may be left at the end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(*, width: int = 360, **options: object) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 740},
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith(live_server.url) else complaints.append(request.url),
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    # A form that is sent back with an error is answered 422, which Chromium notes in its console.
    unexpected = [text for text in complaints if "422" not in text]
    assert unexpected == []
