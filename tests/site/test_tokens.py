"""Tokens for programs: hashed, limited, ending; never more than their owner; bad ones are counted."""

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from pact_site.accounts.authentication import BAD_TOKENS
from pact_site.accounts.models import ApiToken
from pact_site.accounts.tokens import TokenFault, digest_of, find_token, is_token, make_token, revoke_token
from pact_site.roles import MATRIX, SCOPES, Right, Role, Scope, scope_for, scopes_of
from survey.models import AuditEntry
from tests.factories import make_study
from tests.site.test_access import EVERY_NAME
from tests.staff import make_staff, program_of, sign_in

pytestmark = pytest.mark.django_db
SOON = timedelta(days=1)


def program(text: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {text}"})


def test_only_a_hash_is_kept() -> None:
    ada = make_staff("ada")
    made = make_token(ada, "nightly", [Scope.STUDIES], timezone.now() + SOON)
    assert re.fullmatch(r"pact_[0-9A-Za-z]{48}", made.text)
    stored = ApiToken.objects.values().get()
    assert stored["digest"] == digest_of(made.text)
    assert made.text not in str(stored)
    assert made.text[15:] not in str(list(AuditEntry.objects.values()))
    found = find_token(made.text)
    assert found is not None
    assert found.owner == ada


def test_form_tells_a_mistyped_token_without_a_look() -> None:
    text = make_token(make_staff("ada"), "x", [Scope.STUDIES], timezone.now() + SOON).text
    assert is_token(text)
    swapped = text[:20] + ("a" if text[20] != "a" else "b") + text[21:]
    for wrong in (swapped, text[:-1], text + "a", text.replace("pact_", "pakt_"), "pact_" + "ü" * 48, ""):
        assert not is_token(wrong), wrong
        assert find_token(wrong) is None


@pytest.mark.parametrize(
    ("name", "scopes", "days", "says"),
    [
        ("", [Scope.STUDIES], 1, "give it a name"),
        ("x", [], 1, "at least one of these scopes"),
        ("x", ["read:everything"], 1, "at least one of these scopes"),
        ("x", [Scope.STUDIES], 0, "within a year"),
        ("x", [Scope.STUDIES], 367, "within a year"),
    ],
)
def test_faulty_token_is_not_made(name: str, scopes: list[str], days: int, says: str) -> None:
    with pytest.raises(TokenFault, match=says):
        make_token(make_staff("ada"), name, scopes, timezone.now() + timedelta(days=days))
    assert not ApiToken.objects.exists()


def test_database_holds_the_year() -> None:
    made = make_token(make_staff("ada"), "x", [Scope.STUDIES], timezone.now() + SOON)
    with pytest.raises(IntegrityError, match="token_ends_within_a_year"), transaction.atomic():
        ApiToken.objects.filter(pk=made.token.pk).update(expires_at=timezone.now() + timedelta(days=400))


def test_token_ends_by_time_revocation_and_with_its_owner() -> None:
    ada = make_staff("ada")
    ended = make_token(ada, "x", [Scope.STUDIES], timezone.now() + SOON)
    revoked = make_token(ada, "x", [Scope.STUDIES], timezone.now() + SOON)
    kept = make_token(ada, "x", [Scope.STUDIES], timezone.now() + SOON)
    long_ago = timezone.now() - timedelta(days=2)
    ApiToken.objects.filter(pk=ended.token.pk).update(created_at=long_ago, expires_at=long_ago + SOON)
    assert revoke_token(revoked.token, "ada")
    assert not revoke_token(revoked.token, "ada")
    statuses = [program(made.text).get("/api/studies/").status_code for made in (ended, revoked, kept)]
    assert statuses == [401, 401, 200]
    ada.is_active = False
    ada.save()
    assert program(kept.text).get("/api/studies/").status_code == 401


def test_token_follows_its_owners_roles_at_each_request() -> None:
    ada = make_staff("ada", Role.ANALYST)
    client = program_of(ada)
    assert client.get("/api/responses/").status_code == 200
    ada.groups.clear()
    assert client.get("/api/responses/").status_code == 403


def test_scope_is_needed_whatever_the_role() -> None:
    client = program_of(make_staff("pi"), Scope.STUDIES)
    refused = client.get("/api/responses/")
    assert (refused.status_code, "read:answers" in refused.content.decode()) == (403, True)
    assert client.get("/api/studies/").status_code == 200
    assert program_of(make_staff("two"), Scope.MODELS).post("/api/runs/").status_code == 403


def test_last_use_is_noted_once_a_minute() -> None:
    client = program_of(make_staff("ada"))
    client.get("/api/studies/")
    first = ApiToken.objects.get().last_used_at
    client.get("/api/studies/")
    assert first is not None
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get("/api/studies/")
    again = ApiToken.objects.get().last_used_at
    assert again is not None
    assert again > first - timedelta(minutes=1)


def test_bad_tokens_are_slowed_down_and_good_ones_go_on() -> None:
    good = program_of(make_staff("ada"))
    statuses = [program("pact_" + "a" * 48).get("/api/studies/").status_code for _ in range(BAD_TOKENS.most + 1)]
    assert statuses == [401] * BAD_TOKENS.most + [429]
    assert good.get("/api/studies/").status_code == 200


def test_every_api_address_has_a_scope() -> None:
    names = [name for name in EVERY_NAME if name.startswith("api:")]
    assert [name for name in names if scope_for(name, "GET") is None] == []
    assert [part for part in SCOPES if not any(name.startswith(part) for name in EVERY_NAME)] == []
    assert scopes_of(MATRIX[Role.TRANSLATOR]) == {Scope.TEXTS}
    assert scopes_of(frozenset(Right)) == {scope for scoped in SCOPES.values() for scope in scoped if scope}


# --- In the browser --------------------------------------------------------------------------------


def test_token_is_shown_once_on_its_page() -> None:
    make_study()
    client = sign_in(Role.ANALYST)
    sent = {"name": "nightly", "scopes": ["read:studies"], "days": "30", "study": "s1"}
    page = client.post("/account/tokens/", sent).content.decode()
    text = re.search(r"pact_[0-9A-Za-z]{48}", page)
    assert text is not None
    assert program(text[0]).get("/api/studies/").status_code == 200
    assert text[0] not in client.get("/account/tokens/").content.decode()
    token = ApiToken.objects.get()
    assert (token.name, token.scopes, token.study and token.study.code) == ("nightly", ["read:studies"], "s1")
    assert AuditEntry.objects.filter(by="ada", act="make_token").count() == 1
    client.post(f"/account/tokens/{token.pk}/revoke/")
    assert program(text[0]).get("/api/studies/").status_code == 401


def test_bad_form_is_sent_back() -> None:
    client = sign_in()
    reply = client.post("/account/tokens/", {"name": "x", "days": "9999"})
    assert reply.status_code == 422
    assert not ApiToken.objects.exists()


def test_only_own_tokens_are_revoked_but_a_pi_revokes_any() -> None:
    viewer = make_staff("viewer", Role.VIEWER)
    token = make_token(viewer, "x", [Scope.STUDIES], timezone.now() + SOON).token
    other, pi = Client(), Client()
    other.force_login(make_staff("other", Role.VIEWER))
    pi.force_login(make_staff("pi"))
    assert other.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert other.get("/team/tokens/").status_code == 403
    assert "viewer" in pi.get("/team/tokens/").content.decode()
    pi.post(f"/team/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at is not None
