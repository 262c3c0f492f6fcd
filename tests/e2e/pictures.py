"""Draws the pictures of the guide anew, from a running demo: `python -m tests.e2e.pictures ADDRESS PASSWORD`.

Three pictures want data that the demo does not make: `release` a release (`release pact-demo --simulated label …`),
`imports` an import (`import_study tests/reference/pact_synthetic --code others`), and `reconciliation`, drawn last, the
made-up visits of `tests.e2e.test_staff.add_visits`, called in `manage.py shell`.
Everything else in them is simulated and says so; dates and numbers are those of the demo that is looked at.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.conftest import FLAGS, find_browser

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
STUDY = "/studies/pact-demo"
MOST_BYTES = 150_000
COLOURS = 128  # enough for flat pages; a third of the bytes
WIDE, NARROW = 1280, 360


class Picture(NamedTuple):
    """One page of the demo as it stands in the guide: where it is, from which words on, and how much of it."""

    name: str
    path: str
    heading: str = ""  # the page is scrolled to the heading that has these words
    height: int = 800
    width: int = WIDE


PICTURES = (
    Picture("studies", "/", height=480),
    Picture("dashboard", f"{STUDY}/", height=1100),
    Picture("new-study", "/new-study/", height=680),
    Picture("setup", f"{STUDY}/setup/", height=1000),
    Picture("country", f"{STUDY}/setup/countries/BR/", height=1000),
    Picture("translations", f"{STUDY}/translations/", height=900),
    Picture("preview", f"{STUDY}/preview/", height=900),
    Picture("test-run", "TEST RUN", width=NARROW, height=740),
    Picture("registration", f"{STUDY}/setup/registration/", height=660),
    Picture("participant-pt-BR", f"{STUDY}/preview/BR/pt-BR/SCENARIO/", width=NARROW, height=1020),
    Picture("participant-hi-IN", f"{STUDY}/preview/IN/hi-IN/SCENARIO/", width=NARROW, height=1020),
    Picture("review", f"{STUDY}/review/?kind=simulated", height=900),
    Picture("session", "SESSION", height=1000),
    Picture("new-run", "/runs/new/?study=pact-demo", height=1000),
    Picture("model-run", "/runs/1/", height=1000),
    Picture("results", "/results/LATEST/rates/", height=1100),
    Picture("explorer", f"{STUDY}/items/BR01/", height=1000),
    Picture("planning", "/planning/?study=pact-demo", heading="Answer", height=720),
    Picture("exports", f"{STUDY}/exports/", height=900),
    Picture("release", f"{STUDY}/exports/", heading="Publish", height=800),
    Picture("imports", "/imports/", height=560),
    Picture("compare", "/compare/?a=people:pact-demo&a_country=BR&b=people:pact-demo&b_country=US", height=1100),
    Picture("reconciliation", f"{STUDY}/reconciliation/", height=1000),
)


def draw(address: str, password: str, names: Sequence[str] = ()) -> None:
    """Open every page, or those named, and keep what is seen."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        page = log_in(browser, address, password)
        for picture in PICTURES:
            if not names or picture.name in names:
                data = shrink(shoot(page, picture))
                if len(data) > MOST_BYTES:
                    raise SystemExit(f"{picture.name} has {len(data)} bytes: show less of the page")
                (FOLDER / f"{picture.name}.png").write_bytes(data)
                print(f"{picture.name}: {len(data) // 1000} kB")
        browser.close()


def log_in(browser: Browser, address: str, password: str) -> Page:
    page = browser.new_page(base_url=address, color_scheme="light", reduced_motion="reduce")
    page.goto("/login/")
    page.fill("input[name=login]", "demo")
    page.fill("input[name=password]", password)
    page.click("main button[type=submit], main button")
    page.wait_for_load_state()
    return page


def shoot(page: Page, picture: Picture) -> bytes:
    """Look at a page as a reader would, without what blinks."""
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    reply = page.goto(address_of(page, picture.path))
    if reply is None or not reply.ok:
        raise SystemExit(f"{picture.name}: {picture.path} does not answer")
    if picture.heading:
        page.locator("h2", has_text=picture.heading).first.evaluate("one => one.scrollIntoView()")
    return page.screenshot(animations="disabled", caret="hide")


def address_of(page: Page, path: str) -> str:
    """Fill in what differs from demo to demo: the newest analysis, a flagged session, a new test run."""
    if "LATEST" in path:
        return path.replace("LATEST", max(linked(page, f"{STUDY}/results/", r"/results/(\d+)/"), key=int))
    if path == "TEST RUN":
        page.goto(f"{STUDY}/setup/")
        page.get_by_role("button", name="Begin a test run").click()
        page.wait_for_load_state()
        return page.url
    if path == "SESSION":
        found = linked(page, f"{STUDY}/review/?kind=simulated&flag=any", r"/review/sessions/(\d+)/")
        return f"{STUDY}/review/sessions/{found[0]}/"
    if "SCENARIO" in path:
        _, country, locale = re.findall(r"/preview/((\w+)/([\w-]+))/", path)[0]
        found = linked(page, f"{STUDY}/preview/?country={country}&locale={locale}", r"/(scenario-[\w.-]+)/")
        return path.replace("SCENARIO", found[1])
    return path


def linked(page: Page, path: str, pattern: str) -> list[str]:
    """Find what a page links to, in the order of the page."""
    page.goto(path)
    return list(dict.fromkeys(re.findall(pattern, page.content())))


def shrink(data: bytes) -> bytes:
    """Keep the colours that count."""
    image = Image.open(io.BytesIO(data)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("address", help="of the demo, such as http://127.0.0.1:8000")
    reader.add_argument("password", help="that the demo printed")
    reader.add_argument("names", nargs="*", help="only these pictures")
    given = reader.parse_args()
    draw(given.address.rstrip("/"), given.password, given.names)


if __name__ == "__main__":
    main()
