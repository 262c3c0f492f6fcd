"""The survey on a 2G line, and while the database is away."""

import time

import pytest
from django.db import OperationalError
from playwright.sync_api import Browser, Page, Request, expect
from pytest_django.live_server_helper import LiveServer

from survey.enums import Page as PageName
from survey.models import Response
from survey.views import faults
from tests.e2e.conftest import NewPage
from tests.e2e.test_survey import SMALLEST, check_page, groups_on, wish
from tests.factories import make_session, make_study
from tests.survey.test_flow_pages import Walker
from tests.survey.test_page_weight import FIRST_VIEW, LATER_VIEW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

GPRS = {"offline": False, "latency": 1300, "downloadThroughput": 35_000 / 8, "uploadThroughput": 35_000 / 8}
N_PAGES = 5  # consent, screening, instructions, comprehension, first scenario
SHIFT = """new Promise(done => new PerformanceObserver(list => done(
    list.getEntries().reduce((sum, one) => sum + (one.hadRecentInput ? 0 : one.value), 0)
)).observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done(0), 100))"""


def throttle(page: Page) -> None:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", GPRS)


def test_pages_come_through_a_2g_line(new_page: NewPage) -> None:
    make_study("e2e")
    page = new_page()
    page.set_default_timeout(60_000)
    received: list[tuple[int, str, int]] = []  # page number, kind of resource, bytes before the proxy's compression
    steps = 0

    def note(request: Request) -> None:
        received.append((steps, request.resource_type, request.sizes()["responseBodySize"]))

    page.on("requestfinished", note)
    throttle(page)
    begun = time.monotonic()
    page.goto("/join/e2e/BR/")
    for step in range(N_PAGES):
        steps, shift = step, page.evaluate(SHIFT)
        assert shift == 0, step
        for name in groups_on(page):
            page.locator(f"label:has(input[name={name}][value='{wish(name, 1, 'pt-BR')}'])").click()
        with page.expect_navigation():
            page.get_by_role("button").click()
    assert time.monotonic() - begun > N_PAGES * 2 * GPRS["latency"] / 1000  # it was a slow line
    assert Response.objects.count() == 2
    by_page = [sum(size for at, _, size in received if at == number) for number in range(N_PAGES)]
    assert by_page[0] <= FIRST_VIEW
    assert max(by_page[1:]) <= 2 * LATER_VIEW  # which compression halves at least
    assert {kind for _, kind, _ in received} <= {"document", "stylesheet", "script", "other", "ping", "fetch"}


@pytest.mark.parametrize("scripts", [True, False])
def test_page_that_could_not_be_stored_is_sent_again_by_its_button(
    browser: Browser, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, scripts: bool
) -> None:
    session = make_session(make_study("e2e"), "IN")
    walker = Walker(session)
    walker.post(locale="hi-IN")
    walker.walk_to(PageName.SCENARIO)
    monkeypatch.setattr(faults, "PATIENCE", 0.0)
    with browser.new_context(base_url=live_server.url, java_script_enabled=scripts, locale="pt-BR") as context:
        page = context.new_page()
        page.set_viewport_size({"width": SMALLEST, "height": 740})
        page.goto(f"/s/{session.token}/")
        for name in ("personal", "norm"):
            page.locator(f"input[name={name}][value=culture]").check()
        with monkeypatch.context() as patch:
            patch.setattr("survey.views.participant.record_answers_at_once", lose_the_database)
            page.get_by_role("button").click()
            expect(page.locator("h1")).to_have_text("हम अभी यह पेज दर्ज नहीं कर पाए")  # as the page was, not the browser
            if scripts:
                check_page(page, "not stored")
        page.get_by_role("button").click()
        expect(page.locator(".scenario")).to_be_visible()
    assert set(Response.objects.values_list("question", "choice")) == {("personal", "culture"), ("norm", "culture")}


def lose_the_database(*args: object, **kwargs: object) -> None:
    raise OperationalError("the connection is lost")
