"""Second factors in a real browser, with Chromium's own virtual authenticator; the strict policy holds throughout."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import LazySettings
from playwright.sync_api import Page

from tests.e2e.conftest import NewPage
from tests.e2e.test_staff import log_in, look_over
from tests.staff import make_staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def asked(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    make_staff("staff", password="a long pass phrase")


def add_authenticator(page: Page) -> None:
    """Give the browser a built-in authenticator that knows its user, as phones and laptops have one."""
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    client.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()


@pytest.mark.parametrize("width", [360, 1280])
def test_passkey_is_set_up_and_logs_in_without_a_password(new_page: NewPage, width: int) -> None:
    page = new_page(width=width)
    add_authenticator(page)
    log_in(page, "/runs/")
    page.get_by_text("Set up a second factor to go on").wait_for()
    look_over(page, width)
    page.get_by_role("link", name="Add a passkey").click()
    look_over(page, width)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    look_over(page, width)
    log_out(page)
    look_over(page, width)
    page.goto("/login/?next=/runs/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/runs/")
    log_out(page)
    log_in(page, "/runs/")
    page.get_by_role("heading", name="Your second factor").wait_for()
    look_over(page, width)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/runs/")
    assert Authenticator.objects.filter(type="webauthn").count() == 1


def test_passkey_confirms_who_one_is(new_page: NewPage, settings: LazySettings) -> None:
    page = new_page()
    add_authenticator(page)
    log_in(page, "/")
    page.goto("/account/passkeys/add/")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    settings.CONFIRM_AFTER_MINUTES = 0.02
    time.sleep(1.5)
    page.goto("/account/recovery-codes/new/")
    page.get_by_role("heading", name="Confirm who you are").wait_for()
    look_over(page, 360)
    page.get_by_role("link", name="Use a passkey").click()
    settings.CONFIRM_AFTER_MINUTES = 15
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account/recovery-codes/new/")


def test_code_app_and_recovery_codes(new_page: NewPage) -> None:
    page = new_page()
    log_in(page, "/")
    page.get_by_role("link", name="Set up a code app").click()
    look_over(page, 360)
    secret = page.locator("main code").inner_text()
    box = page.locator("svg.qr").bounding_box()
    assert box is not None
    assert box["width"] > 200

    def code(steps: int) -> str:
        return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))

    page.get_by_label("Code", exact=True).fill(code(0))
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    kept = re.findall(r"\b\d{8}\b", page.locator("ul.codes").inner_text())
    log_out(page)
    log_in(page, "/runs/")
    page.get_by_label("Code", exact=True).fill(code(1))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/runs/")
    for is_first in (True, False):
        log_out(page)
        log_in(page, "/runs/")
        page.get_by_label("Code", exact=True).fill(kept[0])
        page.get_by_role("button", name="Log in").click()
        if is_first:
            page.wait_for_url("**/runs/")
        else:
            page.get_by_text("Incorrect code").wait_for()
            page.get_by_label("Code", exact=True).fill(kept[1])
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/runs/")
