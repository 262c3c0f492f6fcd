"""Accounts of researchers."""

import time
from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from pact_site.accounts.tokens import make_token
from pact_site.roles import Role, Scope
from survey.models import Study


def make_staff(name: str, *roles: Role, password: str | None = None) -> User:
    """Create an account of staff in these roles; without any, a PI."""
    user = User.objects.create_user(name, password=password, is_staff=True)
    user.groups.set(Group.objects.get_or_create(name=role)[0] for role in roles or (Role.PI,))
    return user


def sign_in(*roles: Role, name: str = "ada") -> Client:
    """Give the browser of somebody of the staff whose account is made for it; without any role, a PI."""
    client = Client()
    client.force_login(make_staff(name, *roles))
    return client


def note_login(client: Client, user: User, *, method: str = "password", minutes_ago: float = 0) -> None:
    """Write into a client's session how and when its user showed who they are, in place of what stood there."""
    session = client.session
    session["account_authentication_methods"] = [{"method": method, "at": time.time() - 60 * minutes_ago}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


def program_of(user: User, *scopes: Scope, study: Study | None = None) -> Client:
    """Give a client with a token of somebody's: for these scopes, or for all."""
    made = make_token(user, "test", scopes or tuple(Scope), timezone.now() + timedelta(days=1), study=study)
    return Client(headers={"Authorization": f"Bearer {made.text}"})
