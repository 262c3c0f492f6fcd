"""Page events in a browser: what a real walk stores, and that a walk without them is as good."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route
from pytest_django.live_server_helper import LiveServer

from survey.enums import Locale, Status
from survey.enums import Page as PageName
from survey.models import PageEvent, Response, Study, SurveySession
from tests.e2e.conftest import NewPage
from tests.e2e.test_survey import walk
from tests.factories import make_study
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADDRESS = re.compile(r"/s/[^/]+/events/$")


@pytest.fixture
def study() -> Study:
    return make_study("e2e")


def kinds_by_page(session: SurveySession) -> dict[str, list[tuple[str, str]]]:
    """Give each page's events in the order they were sent, by the kind of page."""
    found: dict[str, list[tuple[str, str]]] = {}
    for position, kind, detail in PageEvent.objects.filter(session=session).values_list("position", "kind", "detail"):
        found.setdefault(session.plan[position]["kind"], []).append((kind, detail))
    return found


def await_events(page: Page, kind: PageName, n: int) -> None:
    """Wait until so many are stored: of a report that a page sends as it goes the browser need not tell the reply."""

    def are_stored() -> bool:
        page.wait_for_timeout(20)  # the browser goes on meanwhile
        return len(kinds_by_page(SurveySession.objects.get()).get(kind, [])) >= n

    wait_until(are_stored)


def test_walk_of_three_pages_stores_their_events(study: Study, new_page: NewPage) -> None:
    page = new_page(width=360)
    steps = walk(page, "/join/e2e/GB/", Locale.EN_GB.value)
    next(steps)  # consent is asked for
    next(steps)  # screening
    for kind in (PageName.SCREENING, PageName.INSTRUCTIONS, PageName.COMPREHENSION):
        page.wait_for_load_state()  # the script is deferred: it listens from then on
        next(steps)
        await_events(page, kind, 2)
    asked = ("country", "fluency", "age_band", "gender")
    start = [("page_shown", "narrow"), ("first_interaction", "")]
    found = kinds_by_page(SurveySession.objects.get())
    changes = sorted(detail for kind, detail in found[PageName.SCREENING] if kind == "answer_change")
    assert changes == sorted(asked)
    assert found[PageName.SCREENING][:2] == start
    assert len(found[PageName.SCREENING]) == 6
    assert found[PageName.INSTRUCTIONS] == start
    assert found[PageName.COMPREHENSION] == [*start, ("answer_change", "comprehension")]
    assert len(found) == 3


def test_turning_away_and_back_is_noted(study: Study, new_page: NewPage) -> None:
    page = new_page(width=1280)
    steps = walk(page, "/join/e2e/GB/", Locale.EN_GB.value)
    next(steps)
    next(steps)
    page.wait_for_load_state()  # the script is deferred: it listens from then on
    turn(page, "hidden")
    await_events(page, PageName.SCREENING, 2)
    turn(page, "visible")
    next(steps)
    await_events(page, PageName.SCREENING, 8)
    events = kinds_by_page(SurveySession.objects.get())[PageName.SCREENING]
    assert events[:4] == [("page_shown", "wide"), ("hidden", ""), ("visible", ""), ("first_interaction", "")]


def turn(page: Page, state: str) -> None:
    """Tell the page that it is hidden or visible, as the browser does when tabs change."""
    page.evaluate(
        """state => {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_survey_is_complete_when_no_event_gets_through(study: Study, browser: Browser, live_server: LiveServer) -> None:
    complaints: list[str] = []
    aborted: list[str] = []

    def abort(route: Route) -> None:
        aborted.append(route.request.url)
        route.abort()

    with browser.new_context(base_url=live_server.url) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route(ADDRESS, abort)
        list(walk(page, "/join/e2e/GB/", Locale.EN_GB.value))
        page.wait_for_timeout(200)  # for what the last page sends as it goes
    session = SurveySession.objects.get()
    assert session.status == Status.COMPLETE
    assert Response.objects.count() == 36
    assert len(aborted) == len(session.plan) - 1  # all pages but the consent
    assert [text for text in complaints if "net::ERR_FAILED" not in text] == []
    assert not PageEvent.objects.exists()
