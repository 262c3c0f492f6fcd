"""Holds everybody to their rights, at every address and in the API, and has what staff change written into the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.exceptions import PermissionDenied as Refused
from rest_framework.permissions import BasePermission

from pact_site.accounts.factors import has_passed, is_fresh
from pact_site.accounts.models import ApiToken
from pact_site.accounts.steps import came_from, step_before
from pact_site.roles import (
    FOR_ANYBODY,
    FOR_STAFF,
    SAFE,
    Right,
    asks_fresh,
    needed_for,
    rights_of,
    roles_with,
    scope_for,
)
from survey.domain.audit import record

if TYPE_CHECKING:  # the framework reads its settings, and so this module, while it loads
    from rest_framework.request import Request
    from rest_framework.views import APIView

LOGGED_LOOKS = frozenset({Right.EXPORT, Right.REVIEW, Right.RELEASE})  # personal identifiers and answers leave here
SECRET_FIELDS = ("csrf", "password", "token", "code", "secret", "credential")
MOST_FIELD_LENGTH = 200
RECORDS = frozenset({"survey", "llm", "analysis"})
Person = User | AnonymousUser | AbstractBaseUser


class RoleBackend(ModelBackend):
    """Django's own accounts; the names of a user's groups come with the user, in one query."""

    def get_user(self, user_id: Any) -> User | None:
        found = User.objects.annotate(role_names=ArrayAgg("groups__name", filter=Q(groups__isnull=False), default=[]))
        user = found.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Open the raw records of a study's tables to whoever sets studies up."""
        return super().has_perm(user_obj, perm, obj) or self.has_module_perms(user_obj, perm.partition(".")[0])

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return super().has_module_perms(user_obj, app_label) or (
            app_label in RECORDS and Right.SET_UP in rights(user_obj)
        )


def rights(user: Person) -> frozenset[Right]:
    """Give what somebody may do; an owner of the site (superuser) everything."""
    if not isinstance(user, User) or not (user.is_active and user.is_staff):
        return frozenset()
    if user.is_superuser:
        return frozenset(Right)
    names = getattr(user, "role_names", None)
    return rights_of(user.groups.values_list("name", flat=True) if names is None else names)


def may(user: Person, name: str, method: str) -> bool:
    """Tell whether somebody may use an address of staff; one of no known part of the site is for superusers alone."""
    if name in FOR_STAFF:
        return isinstance(user, User) and user.is_staff
    needed = needed_for(name)
    if needed is None:
        return isinstance(user, User) and user.is_staff and user.is_superuser
    right = needed.look if method in SAFE else needed.change
    return right in rights(user) if right else isinstance(user, User) and user.is_staff


def refusal(user: Person, name: str, method: str) -> str:
    """Say what somebody would need to be let in, and what they have; empty where no role would do."""
    needed = needed_for(name)
    right = needed and (needed.look if method in SAFE else needed.change)
    if not needed or not right or not isinstance(user, User):
        return ""
    own = ", ".join(sorted(user.groups.values_list("name", flat=True)))
    had = f"Your account's role is {own}" if own else "Your account has no role yet"
    return f"This is for whoever may {right} ({', '.join(roles_with(right))}). {had}. Ask whoever gave you the account."


class AccessMiddleware:
    """Asks of every request whether whoever sends it may use the address; addresses of participants are for anybody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        return explained(request, response) if response.status_code == 405 else response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        name = match.view_name if match else ""
        if name in FOR_ANYBODY or is_api(name):  # the API asks by itself: it takes tokens, too
            return None
        if (turned := turned_away(request, name)) is not None:
            return turned
        if (step := step_before(request, name)) is not None:
            return step
        if is_logged(name, request.method or ""):
            record(request.user.get_username(), name, kwargs, fields(request.POST))
        return None


def turned_away(request: HttpRequest, name: str) -> HttpResponse | None:
    """Lead whoever is not logged in as staff to the login, and refuse whoever has not the right; None lets in."""
    if not request.user.is_authenticated or not request.user.is_active or not getattr(request.user, "is_staff", False):
        return to_login(request)
    if not may(request.user, name, request.method or ""):
        raise PermissionDenied(refusal(request.user, name, request.method or ""))
    return None


def to_login(request: HttpRequest) -> HttpResponse:
    """Ask for a login, then open what was asked for; of a form the page that it stood on, as nothing of it is kept."""
    if request.method in SAFE:
        return redirect_to_login(request.get_full_path())
    messages.warning(request, "Nothing was changed: your login had ended. Log in, then send the form once more.")
    return redirect_to_login(came_from(request))


def explained(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Say in words that an address of staff takes only a form: browsers show an answer without a body as an error."""
    match = request.resolver_match
    if match is None or match.view_name in FOR_ANYBODY or is_api(match.view_name):
        return response
    page = render(request, "405.html", status=405)
    page["Allow"] = response["Allow"]
    return page


class HasRight(BasePermission):
    """The same for the API, whose users come by token or by session."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        match = request.resolver_match
        name = match.view_name if match else ""
        if not may(request.user, name, request.method or ""):
            return False
        if isinstance(request.successful_authenticator, SessionAuthentication):
            ask_of_session(request, name)
        elif not holds_scope(request, name):
            return False
        if is_logged(name, request.method or ""):
            record(request.user.get_username(), name, view.kwargs, sent_to(request))
        return True


def ask_of_session(request: Request, name: str) -> None:
    """Refuse a browser's session what its pages would ask first: a second factor, or the password again."""
    plain = request._request
    if settings.SECOND_FACTOR and not has_passed(plain):
        raise Refused("Log in in the browser with your second factor, or use a token.")
    if asks_fresh(name, request.method or "") and not is_fresh(plain):
        raise Refused("Confirm in the browser who you are (/account/confirm/), or use a token.")


def holds_scope(request: Request, name: str) -> bool:
    """Tell whether a program's token is for this; the schema is open to every token."""
    if name == "schema":
        return True
    scope = scope_for(name, request.method or "")
    if scope is None:
        raise MethodNotAllowed(request.method or "")
    if not isinstance(request.auth, ApiToken) or scope not in request.auth.scopes:
        raise Refused(f"This token is not for this: it needs the scope {scope}.")
    return True


def is_api(name: str) -> bool:
    """Tell whether an address is one for programs."""
    return name.startswith("api:") or name == "schema"


def sent_to(request: Request) -> dict[str, str]:
    """Give the fields sent to the API; a body that cannot be read is for the view to refuse."""
    try:
        return fields(request.data)
    except APIException:
        return {}


def is_logged(name: str, method: str) -> bool:
    """Tell whether a request goes into the log: whatever changes something, and what shows or takes away data."""
    if method not in SAFE:
        return True
    needed = needed_for(name)
    return needed is not None and needed.look in LOGGED_LOOKS


def fields(sent: Any) -> dict[str, str]:
    """Give what was sent as text, without secrets and not at any length."""
    if not isinstance(sent, Mapping):
        return {}
    return {
        str(key): str(value)[:MOST_FIELD_LENGTH]
        for key, value in sent.items()
        if not any(secret in str(key).lower() for secret in SECRET_FIELDS)
    }


def can(request: HttpRequest) -> dict[str, Any]:
    """Tell templates what the reader may do: ``{% if can.unblind %}``."""
    user = getattr(request, "user", None)
    return {"can": {right.name.lower(): True for right in rights(user)} if user else {}}
