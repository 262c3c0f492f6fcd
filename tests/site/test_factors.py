"""The second factor: asked of everybody, sealed, counted, reset; and who one is, asked again before what matters."""

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from pact_site.accounts import sealing
from pact_site.roles import CONFIRMING, FOR_ANYBODY, NEEDED, SETTING_UP, Fresh, Role, asks_fresh, needed_for
from survey.domain.audit import verify_log
from survey.models import AuditEntry
from tests.factories import make_study
from tests.staff import make_staff, note_login, sign_in

PASSWORD = "nine blue kettles hum"
SAMPLES = {"int": "1", "slug": "BR", "str": "x", "path": "x", "name": "x"}
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # many logins


def staff_addresses() -> dict[str, str]:
    """Give an address for every name that is not for anybody; what it is about need not exist."""
    found: dict[str, str] = {}

    def walk(resolver: URLResolver, space: str, before: str) -> None:
        for part in resolver.url_patterns:
            route = before + re.sub(r"<(?:(\w+):)?\w+>", lambda m: SAMPLES[m[1] or "str"], str(part.pattern))
            if isinstance(part, URLResolver):
                walk(part, f"{part.namespace}:" if part.namespace else space, route)
            elif isinstance(part, URLPattern) and part.name and not re.search(r"[\^$(?]", route):
                found.setdefault(f"{space}{part.name}", f"/{route}")

    walk(get_resolver(), "", "")
    return {name: path for name, path in found.items() if name not in FOR_ANYBODY and not name.startswith("api:")}


ADDRESSES = staff_addresses()
FRESH = sorted(name for name in ADDRESSES if asks_fresh(name, "GET") or asks_fresh(name, "POST"))


def code_of(secret: str, *, steps: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps)))


def with_code_app(name: str = "ada", *roles: Role) -> tuple[User, str]:
    user = make_staff(name, *roles, password=PASSWORD)
    secret = generate_totp_secret()
    authenticator = TOTP.activate(user, sealing.seal(secret)).instance
    authenticator.data = {"secret": sealing.seal(secret)}
    authenticator.save()
    RecoveryCodes.activate(user)
    return user, secret


def give_password(client: Client, name: str = "ada", password: str = PASSWORD, **more: str) -> Any:
    return client.post("/login/", {"login": name, "password": password, **more})


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


# --- At login --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(ADDRESSES) - CONFIRMING - SETTING_UP - {"schema"}))
def test_nothing_opens_before_a_factor_is_set_up(name: str) -> None:
    user = make_staff("newcomer")
    user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    for method in ("get", "post"):
        reply = getattr(client, method)(ADDRESSES[name])
        assert (reply.status_code, reply["Location"]) == (302, "/account/"), (name, method)


def test_session_at_the_api_needs_the_factor_too() -> None:
    client = sign_in(name="newcomer")
    assert client.get("/api/studies/").status_code == 403
    basic = Client(headers={"Authorization": "Basic YWRhOm5pbmUgYmx1ZSBrZXR0bGVzIGh1bQ=="})
    assert basic.get("/api/studies/").status_code == 401


def test_admin_has_no_door_of_its_own() -> None:
    user, _ = with_code_app()
    User.objects.update(is_superuser=True)
    client = Client()
    reply = client.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert (reply.status_code, reply["Location"].split("?")[0]) == (302, "/login/")
    assert not is_in(client)
    assert Authenticator.objects.filter(user=user).exists()
    note_only_password = Client()
    note_only_password.force_login(user)
    assert note_only_password.get("/admin/")["Location"].startswith("/account/confirm/code/")
    note_login(note_only_password, user, method="mfa")
    assert note_only_password.get("/admin/mfa/authenticator/").status_code == 404


def test_newcomer_sets_up_a_code_app_and_goes_on() -> None:
    make_staff("ada", password=PASSWORD)
    client = Client()
    assert give_password(client)["Location"] == "/"
    assert client.get("/")["Location"] == "/account/"
    page = client.get("/account/").content.decode()
    assert "Set up a second factor to go on" in page
    form = client.get("/account/code-app/").content.decode()
    assert '<svg class="qr"' in form
    assert "data:" not in form
    assert "style=" not in form
    secret = re.search(r"<code>(\w+)</code>", form)
    assert secret is not None
    wrong = client.post("/account/code-app/", {"code": "000000"})
    assert "Incorrect code. A code holds for half a minute and once: type the next one." in wrong.content.decode()
    done = client.post("/account/code-app/", {"code": code_of(secret[1])}, follow=True)
    codes = re.findall(r"<li><code>(\d{8})</code>", done.content.decode())
    assert len(codes) == 10
    assert re.findall(r"<li><code>(\d{8})</code>", client.get("/account/recovery-codes/").content.decode()) == []
    assert is_in(client)
    stored = Authenticator.objects.get(type="totp").data["secret"]
    assert secret[1] not in stored


def test_password_alone_lets_nobody_in_who_has_a_factor() -> None:
    _, secret = with_code_app()
    client = Client()
    assert give_password(client, next="/runs/")["Location"] == "/login/code/"
    assert not is_in(client)
    assert "Incorrect code" in client.post("/login/code/", {"code": "000000"}).content.decode()
    assert client.post("/login/code/", {"code": code_of(secret)})["Location"] == "/runs/"
    assert is_in(client)


def test_code_holds_once() -> None:
    _, secret = with_code_app()
    code = code_of(secret)
    first, second = Client(), Client()
    give_password(first)
    first.post("/login/code/", {"code": code})
    give_password(second)
    assert "Incorrect code" in second.post("/login/code/", {"code": code}).content.decode()
    assert (is_in(first), is_in(second)) == (True, False)


def test_recovery_code_holds_once() -> None:
    user, _ = with_code_app()
    code = RecoveryCodes(Authenticator.objects.get(user=user, type="recovery_codes")).get_unused_codes()[0]
    first, second = Client(), Client()
    give_password(first)
    assert first.post("/login/code/", {"code": code}).status_code == 302
    give_password(second)
    assert "Incorrect code" in second.post("/login/code/", {"code": code}).content.decode()
    assert (is_in(first), is_in(second)) == (True, False)


def test_wrong_codes_lock_the_account_like_wrong_passwords(settings: LazySettings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}  # leaves the counting to the lock
    _, secret = with_code_app()
    client = Client()
    give_password(client)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        client.post("/login/code/", {"code": "000000"})
    assert "locked for a while" in client.post("/login/code/", {"code": code_of(secret)}).content.decode()
    assert give_password(Client()).status_code == 429
    assert not is_in(client)


def test_codes_are_counted_for_the_account_by_the_library_too() -> None:
    _, secret = with_code_app()
    client = Client()
    give_password(client)
    for _ in range(8):
        client.post("/login/code/", {"code": "000000"})
    assert client.post("/login/code/", {"code": code_of(secret)}).status_code == 200
    assert not is_in(client)


def test_closed_account_stays_out() -> None:
    _, secret = with_code_app()
    client = Client()
    give_password(client)
    User.objects.update(is_active=False)
    client.post("/login/code/", {"code": code_of(secret)})
    assert not is_in(client)


def test_old_session_without_the_factor_is_asked_for_it() -> None:
    user, secret = with_code_app()
    client = Client()
    client.force_login(user)
    assert client.get("/account/passkeys/add/")["Location"].startswith("/account/confirm/code/")
    assert client.get("/runs/")["Location"] == "/account/confirm/code/?next=%2Fruns%2F"
    client.post("/account/confirm/?next=/runs/", {"password": PASSWORD})
    assert client.get("/runs/").status_code == 302
    assert client.post("/account/confirm/code/?next=/runs/", {"code": code_of(secret)})["Location"] == "/runs/"
    assert client.get("/runs/").status_code == 200


def test_last_factor_stays() -> None:
    user, secret = with_code_app()
    client = Client()
    give_password(client)
    client.post("/login/code/", {"code": code_of(secret)})
    assert "last second factor" in client.post("/account/code-app/remove/").content.decode()
    assert Authenticator.objects.filter(user=user, type="totp").exists()


def test_demo_asks_no_newcomer(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = False
    make_staff("ada", password=PASSWORD)
    client = Client()
    give_password(client)
    assert is_in(client)


def test_only_wanted_pages_of_the_library_exist() -> None:
    client = Client()
    for path in (
        "/signup/",
        "/accounts/signup/",
        "/account/signup/",
        "/account/email/",
        "/account/recovery-codes/download/",
    ):
        assert client.get(path).status_code == 404, path


# --- Sealed secrets ----------------------------------------------------------------------------------


def test_secrets_open_with_the_sites_secret_alone(settings: LazySettings) -> None:
    sealed = sealing.seal("JBSWY3DP")
    assert "JBSWY3DP" not in sealed
    assert sealing.unseal(sealed) == "JBSWY3DP"
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    assert "JBSWY3DP" not in {sealing.unseal(sealed), ""}
    assert sealing.unseal(sealed) != sealing.unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert sealing.unseal(sealed) == "JBSWY3DP"


# --- Lost devices ------------------------------------------------------------------------------------


def test_lost_device_is_reset_by_a_pi_and_logged() -> None:
    user, secret = with_code_app("neha", Role.VIEWER)
    neha, pi = Client(), Client()
    give_password(neha, "neha")
    neha.post("/login/code/", {"code": code_of(secret)})
    assert is_in(neha)
    boss = make_staff("pi")
    pi.force_login(boss)
    note_login(pi, boss, method="mfa")
    told = pi.post(reverse("team_reset_factors", args=[user.pk]), follow=True).content.decode()
    assert "neha is logged out everywhere" in told
    assert not is_in(neha)
    assert not Authenticator.objects.exists()
    acts = list(AuditEntry.objects.order_by("number").values_list("by", "act", "subject"))
    assert ("pi", "reset_factors", {"user": "neha"}) in acts
    assert verify_log()[1] == ""
    own = pi.post(reverse("team_reset_factors", args=[boss.pk]), follow=True).content.decode()
    assert "reset on the server" in own
    assert give_password(neha, "neha")["Location"] == "/"
    assert neha.get("/")["Location"] == "/account/"


def test_others_reset_nobody() -> None:
    user, _ = with_code_app("neha", Role.VIEWER)
    analyst = make_staff("analyst", Role.ANALYST)
    client = Client()
    client.force_login(analyst)
    note_login(client, analyst, method="mfa")
    assert client.post(reverse("team_reset_factors", args=[user.pk])).status_code == 403
    assert Authenticator.objects.filter(user=user).count() == 2


def test_command_resets_and_logs(capsys: pytest.CaptureFixture[str]) -> None:
    user, _ = with_code_app("owner")
    client = Client()
    client.force_login(user)
    call_command("reset_factors", "owner", "--by", "Ana on the server")
    assert capsys.readouterr().out == "owner: 2 factor(s) forgotten, logged out everywhere\n"
    assert not Session.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.act, entry.subject) == ("Ana on the server", "reset_factors", {"user": "owner"})


# --- Confirming who one is -----------------------------------------------------------------------------


def test_these_ask_again() -> None:
    always = {part for part, needed in NEEDED.items() if needed.fresh is Fresh.ALWAYS}
    changes = {part for part, needed in NEEDED.items() if needed.fresh is Fresh.CHANGES}
    assert {
        "analysis:unblind",
        "analysis:release",
        "survey:reconciliation",
        "survey:submission",
        "admin:",
        "mfa_",
    } <= always
    assert {"team"} <= changes
    assert needed_for("team_log").fresh is Fresh.NEVER  # type: ignore[union-attr]


@pytest.mark.parametrize("name", FRESH)
@pytest.mark.parametrize("second_factor", [True, False])
def test_every_action_marked_fresh_asks_again(name: str, second_factor: bool, settings: LazySettings) -> None:
    settings.SECOND_FACTOR = second_factor  # the demo asks, too
    owner = User.objects.create_superuser("owner")
    client = Client()
    client.force_login(owner)
    methods = [method for method in ("GET", "POST") if asks_fresh(name, method)]
    for method in methods:
        note_login(client, owner, method="mfa", minutes_ago=14.9)
        let = client.generic(method, ADDRESSES[name])
        assert "/account/confirm/" not in let.get("Location", ""), (name, method)
        note_login(client, owner, method="mfa", minutes_ago=15.1)
        held = client.generic(method, ADDRESSES[name])
        assert held.status_code == 302, (name, method)
        assert held["Location"].startswith("/account/confirm/?next="), (name, method)
    assert methods


def test_form_waits_and_is_sent_when_confirmed() -> None:
    study = make_study()
    user, _ = with_code_app()
    client = Client()
    client.force_login(user)
    note_login(client, user, method="mfa", minutes_ago=60)
    address = reverse("analysis:unblind", args=[study.code])
    held = client.post(address, {"sure": "on", "reason": 'all "in"', "csrfmiddlewaretoken": "x"})
    assert held["Location"] == "/account/confirm/?next=%2Faccount%2Fconfirm%2Fgo-on%2F"
    assert not AuditEntry.objects.exists()
    assert "incorrect" in client.post(held["Location"], {"password": "x"}).content.decode().lower()
    confirmed = client.post(held["Location"], {"password": PASSWORD})
    assert confirmed["Location"] == "/account/confirm/go-on/"
    page = client.get(confirmed["Location"]).content.decode()
    assert f'action="{address}"' in page
    assert '<input type="hidden" name="reason" value="all &quot;in&quot;">' in page
    assert 'value="x"' not in page
    client.post(address, {"sure": "on", "reason": 'all "in"'})
    study.refresh_from_db()
    assert study.unblinded_at is not None


def test_secrets_and_files_do_not_wait() -> None:
    user, _ = with_code_app()
    client = Client()
    client.force_login(user)
    note_login(client, user, method="mfa", minutes_ago=60)
    client.post("/admin/auth/user/1/password/", {"password1": "x"}, headers={"Referer": "http://testserver/admin/"})
    assert "held_form" not in client.session
    elsewhere = client.post("/admin/x/", {"password1": "x"}, headers={"Referer": "https://elsewhere.example/"})
    assert elsewhere["Location"] == "/account/confirm/?next=%2F"
