"""What researchers do on their pages, by keyboard; how each page looks, test_every_page holds."""

import pytest
from playwright.sync_api import Page

from analysis.alarms.domain import add_receiver, check_study, set_rule
from analysis.alarms.kinds import Kind
from analysis.alarms.models import Receiver
from survey.enums import Outcome, PanelName, SubmissionStatus
from survey.models import PanelAct, Study
from tests.e2e.accessibility import find_breaches
from tests.e2e.conftest import NewPage
from tests.factories import make_session, make_study
from tests.staff import make_staff
from tests.survey.test_flow_pages import Walker
from tests.survey.visits import CODES, SETTINGS, make_visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study() -> Study:
    study = make_study("e2e")
    for country in ("BR", "US"):
        Walker(make_session(study, country)).finish()
    make_session(study, "IN")
    return study


def add_visits(study: Study) -> None:
    """Have a panel send people to one country, some of whom do not agree with what it says."""
    study.arms.filter(country="GB").update(panel=PanelName.PROLIFIC, exit_codes=CODES, panel_settings=SETTINGS)
    waiting = SubmissionStatus.AWAITING_REVIEW
    make_visit(study, "5f1e9c0a77d24b0012ab34cd", waiting, Outcome.COMPLETE, time_taken_s=640, code="CDONE")
    make_visit(study, "6a1e9c0a77d24b0012ab34ce", waiting, Outcome.FAILED_COMPREHENSION, code="CNO")
    make_visit(study, "6b1e9c0a77d24b0012ab34cf", SubmissionStatus.TIMED_OUT, Outcome.COMPLETE, time_taken_s=3000)


def ring(study: Study) -> None:
    """Have alarms open, and somebody told of them."""
    set_rule(study, Kind.QUOTA_NEARLY_FULL, limit=0.1, is_on=True)
    for channel, address in (("email", "a@example.org"), ("webhook", "https://example.org/a/long/path/to/a/hook")):
        add_receiver(study, Receiver.Channel(channel), address, kinds=[], tells_closing=True, by="staff")
    assert check_study(study)


def log_in(page: Page, address: str) -> None:
    page.goto(address)
    assert "/login/" in page.url
    page.get_by_label("User name").fill("staff")
    page.get_by_label("Password").fill("a long pass phrase")
    page.get_by_role("button", name="Log in").click()


def look_over(page: Page, width: int) -> None:
    """Hold a page against its width and the accessibility rules."""
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
    assert find_breaches(page) == [], page.url


def test_title_of_one_long_word_stays_within_a_phone(study: Study, new_page: NewPage) -> None:
    Study.objects.filter(pk=study.pk).update(title="Wertschätzungsbereitschaftsuntersuchung" * 4)
    make_staff("staff", password="a long pass phrase")
    page = new_page(width=360, bypass_csp=True)  # axe comes in as a script
    log_in(page, "/planning/?study=e2e")
    page.get_by_text("Filled in with the design of").wait_for()
    look_over(page, 360)


@pytest.mark.parametrize("width", [360, 1280])
def test_visits_are_settled_with_the_keyboard(study: Study, new_page: NewPage, width: int) -> None:
    make_staff("staff", password="a long pass phrase")
    add_visits(study)
    page = new_page(width=width, bypass_csp=True)  # axe comes in as a script
    log_in(page, "/studies/e2e/reconciliation/")
    box = page.get_by_role("checkbox", name="visit-6a1e9c0a77d24b0012ab34ce")
    box.focus()
    page.keyboard.press("Space")
    assert box.is_checked()
    page.get_by_role("button", name="Request return …").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Request return: 1 visit").wait_for()
    look_over(page, width)
    assert not PanelAct.objects.exists()
    page.get_by_role("button", name="Request return: 1").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 written down").wait_for()
    assert PanelAct.objects.count() == 1
    look_over(page, width)
    page.get_by_text("Upload the panel's list").click()
    rows = b"Submission id,Participant id,Status\nvisit-6b1e9c0a77d24b0012ab34cf,,APPROVED\nx,,LOST\n"
    page.get_by_label("File", exact=True).set_input_files({"name": "list.csv", "mimeType": "text/csv", "buffer": rows})
    look_over(page, width)
    page.get_by_role("button", name="Look at it").click()
    page.get_by_text("Nothing is stored yet").wait_for()
    look_over(page, width)
    page.get_by_role("button", name="Store 1 row").click()
    page.get_by_text("1 row(s) stored").wait_for()
