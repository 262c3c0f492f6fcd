"""What holds for all tests."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.servers.basehttp import WSGIRequestHandler
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from pact_site.celery import app  # noqa: F401  # the application of every task that a test starts
from survey import rates
from survey.trouble import Trouble
from survey.views import skeletons
from tests import shipped
from tests.staff import note_login

# How long an example takes says how busy the machine is.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Have the shipped instrument in the tests' database; a test without rollback leaves what it found."""
    with django_db_blocker.unblock():
        shipped.keep()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", shipped.put_back)  # Django's takes ten times as long
        yield


@pytest.fixture
def no_instrument(db: None) -> None:
    """Begin without any instrument."""
    shipped.take_away()


@pytest.fixture(autouse=True, scope="session")
def forced_logins_are_whole() -> Iterator[None]:
    """Have ``force_login`` leave what a login leaves: that somebody came in by password just now."""
    original = Client.force_login
    with pytest.MonkeyPatch.context() as patch:

        def force_login(client: Client, user: User, backend: str | None = None) -> None:
            original(client, user, backend)
            note_login(client, user)

        patch.setattr(Client, "force_login", force_login)
        yield


@pytest.fixture(autouse=True, scope="session")
def passwords_cost_little() -> Iterator[None]:
    """Hash passwords as the site does, but a thousand times instead of a million: many accounts are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1000)
        yield


@pytest.fixture(autouse=True, scope="session")
def static_files_are_looked_for_once() -> Iterator[None]:
    """Have all clients share the static files that the first one found: looking took longer than most pages do."""
    look, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, object]()
    with pytest.MonkeyPatch.context() as patch:

        def share(middleware: WhiteNoiseMiddleware) -> None:
            if not found:
                look(middleware)
                found.update(middleware.files)
            middleware.files = found

        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", share)
        yield


@pytest.fixture(autouse=True, scope="session")
def live_server_answers_at_once() -> Iterator[None]:
    """Have its answers sent piece by piece as they are written: each waited 40 ms for its first piece's receipt.

    Gunicorn does so by itself.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
        yield


@pytest.fixture(autouse=True)
def nobody_was_here_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count who comes and what went wrong in each test anew: people are named alike, and all come within minutes."""
    named, test = rates.key, uuid4().hex
    monkeypatch.setattr(rates, "key", lambda rate, window, who: named(rate, window, f"{test} {who}"))
    monkeypatch.setattr(Trouble, "key", property(lambda trouble: f"trouble:{test}:{trouble.name}"))


@pytest.fixture(autouse=True)
def pages_are_rendered_anew() -> None:
    """Let no test be shown what another one's catalogue was rendered into."""
    skeletons._kept.clear()
