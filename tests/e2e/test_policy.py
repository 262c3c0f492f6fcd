"""The content security policy in a real browser: it stops what it should, and stops nothing of ours."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from tests.factories import make_session, make_study
from tests.staff import make_staff, note_login
from tests.survey.test_flow_pages import Walker
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.effectiveDirective));
"""
ATTACKS = {
    "script-src-elem": "add('script', {textContent: 'window.ran = 1'})",
    "script-src-attr": "document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.ran = 1\">x</b>')",
    "style-src-attr": "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')",
    "style-src-elem": "add('style', {textContent: 'p {color: red}'})",
    "img-src": "add('img', {src: 'https://evil.example/pixel.png'})",
    "connect-src": "fetch('https://evil.example/').catch(() => null)",
    "frame-src": "add('iframe', {src: 'https://evil.example/'})",
    "form-action": "add('form', {action: 'https://evil.example/'}).submit()",
    "base-uri": "add('base', {href: 'https://evil.example/'})",
}
ADD = "const add = (tag, set) => document.body.appendChild(Object.assign(document.createElement(tag), set));"


@pytest.fixture
def context(browser: Browser, live_server: LiveServer) -> BrowserContext:
    context = browser.new_context(base_url=live_server.url)
    context.set_default_timeout(15_000)
    context.add_init_script(LISTEN)
    return context


def violations(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.violations")
    return found


@pytest.mark.parametrize("path", ["/login/", "/s/{token}/"])
def test_policy_stops_each_kind_of_attack(context: BrowserContext, path: str) -> None:
    """The positive control: a violation is seen where there is one, and what it tried did not happen."""
    session = make_session(make_study())
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    for directive, attack in ATTACKS.items():
        heard.clear()
        page.goto(path.format(token=session.token))
        assert violations(page) == []
        page.evaluate(f"(() => {{ {ADD} {attack} }})()")
        # The console's word is what the walks through all pages listen for.
        wait_until(lambda: violations(page) != [] and any("Content Security Policy" in told for told in heard))
        assert set(violations(page)) == {directive}
        assert page.evaluate("window.ran") is None
    context.close()


def test_no_page_of_the_framework_violates_the_policy(context: BrowserContext, client: Client) -> None:
    """Raw records and the API's description; on our own pages of staff tests/e2e/test_every_page.py hears it."""
    session = make_session(make_study())
    staff = make_staff("staff")
    client.force_login(staff)
    note_login(client, staff)
    page = context.new_page()
    page.goto("/login/")
    base = page.evaluate("location.origin")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base}])
    lists = [reverse(f"admin:{name}_changelist") for name in ("survey_response", "survey_surveysession", "llm_run")]
    one = reverse("admin:survey_surveysession_change", args=[session.pk])
    for path in ("/admin/", *lists, one, "/api/docs/", "/nowhere/"):
        reply = page.goto(path)
        assert reply is not None
        assert "default-src 'none'" in reply.headers["content-security-policy"], path
        assert reply.status == (404 if path == "/nowhere/" else 200), path
        assert page.url.removeprefix(base) == path
        assert violations(page) == [], path
    context.close()


def test_no_page_of_participants_violates_the_policy(context: BrowserContext) -> None:
    walker = Walker(make_session(make_study()))
    page = context.new_page()
    n_pages = len(walker.session.plan)
    for position in range(n_pages + 1):
        page.goto(walker.url)
        assert violations(page) == [], page.title()
        if position < n_pages:
            walker.post(**walker.answers(walker.kind()))
    walker.session.refresh_from_db()
    assert walker.session.status == "complete"
    for path in ("/withdraw/", f"{walker.url}trouble/", f"{walker.url}stop/", "/s/nonsense/", "/join/s1/XX/"):
        page.goto(path)
        assert violations(page) == [], path
    context.close()
