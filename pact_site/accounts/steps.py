"""What somebody has to do before an address opens: set up a second factor, show it, or confirm who they are."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from pact_site.accounts.factors import has_passed, is_fresh, kinds_of_factor
from pact_site.roles import CONFIRMING, SAFE, SETTING_UP, asks_fresh

HELD = "held_form"
MOST_HELD = 64 * 1024  # bytes of a form that waits in the session
SECRET = ("password", "secret", "credential")


def step_before(request: HttpRequest, name: str) -> HttpResponse | None:
    """Lead to what comes first; nothing when the address may open."""
    if name in CONFIRMING:
        return None
    if settings.SECOND_FACTOR and not has_passed(request):
        kinds = kinds_of_factor(_user(request))
        if kinds:
            return _to("mfa_reauthenticate" if "totp" in kinds else "mfa_reauthenticate_webauthn", request)
        if name not in SETTING_UP:
            return redirect("mfa_index")
    if asks_fresh(name, request.method or "") and not is_fresh(request):
        return _to("account_reauthenticate", request)
    return None


def _to(name: str, request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': hold(request)})}")


def hold(request: HttpRequest) -> str:
    """Keep a form that was sent until its sender has confirmed who they are; give where to go on then."""
    if request.method in SAFE:
        return request.get_full_path()
    sent = [[key, value] for key, values in request.POST.lists() for value in values if key != "csrfmiddlewaretoken"]
    is_secret = any(secret in key.lower() for key, _ in sent for secret in SECRET)
    if request.FILES or is_secret or sum(len(key) + len(value) for key, value in sent) > MOST_HELD:
        messages.warning(request, "Confirm who you are; then send it once more.")
        return came_from(request)
    request.session[HELD] = {"path": request.get_full_path(), "fields": sent}
    return reverse("own_go_on")


def came_from(request: HttpRequest) -> str:
    """Give the page of ours that a request was sent from, else the list of studies."""
    address = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if is_ours else reverse("home")


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("only whoever is logged in is led anywhere")
    return request.user
