"""Web sessions of staff: their cookies, and that nobody can plant or keep one."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from tests.staff import make_staff

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"
COOKIE = settings.SESSION_COOKIE_NAME


@pytest.fixture
def ada() -> User:
    return make_staff("ada", password=PASSWORD)


def log_in(client: Client) -> str:
    """Log in through the form; give the session's key."""
    reply = client.post("/login/", {"login": "ada", "password": PASSWORD})
    assert reply.status_code == 302, reply.content.decode()
    return client.cookies[COOKIE].value


def test_session_planted_before_the_login_opens_nothing_after_it(ada: User, settings: object) -> None:
    settings.SECOND_FACTOR = False  # type: ignore[attr-defined]
    victim, attacker = Client(), Client()
    victim.get("/account/")  # turned away, perhaps with a session
    planted = victim.session
    planted["planted"] = True
    planted.save()
    key = planted.session_key or ""
    victim.cookies[COOKIE] = attacker.cookies[COOKIE] = key
    assert log_in(victim) != key != ""
    assert victim.get("/").status_code == 200
    assert attacker.get("/").status_code == 302


def test_session_ends_with_the_logout_for_whoever_copied_it(ada: User, settings: object) -> None:
    settings.SECOND_FACTOR = False  # type: ignore[attr-defined]
    client, thief = Client(), Client()
    thief.cookies[COOKIE] = log_in(client)
    assert thief.get("/").status_code == 200
    client.post("/logout/")
    assert thief.get("/").status_code == 302


def test_cookies_of_staff_are_out_of_reach_of_scripts_and_other_sites(ada: User) -> None:
    client = Client()
    log_in(client)
    session = client.cookies[COOKIE]
    assert (session["httponly"], session["samesite"], session["max-age"]) == (True, "Lax", 8 * 3600)
    assert client.cookies["csrftoken"]["samesite"] == "Lax"
