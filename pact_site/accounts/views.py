"""Pages of one's own account: the second factor, and the form that waited for a confirmation."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pact_site.accounts.adapters import FactorAdapter
from pact_site.accounts.factors import kinds_of_factor, note_new_factor
from pact_site.accounts.steps import HELD

KEPT = "This is your last second factor, and the site asks for one. Add another before you remove it."


class Account(IndexView):  # type: ignore[misc]
    """One's factors; whoever has none is led here and told why."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        must_set_up = settings.SECOND_FACTOR and not kinds_of_factor(self.request.user)
        return {**context, "must_set_up": must_set_up}


class Code(AuthenticateView):  # type: ignore[misc]
    """The second step of a login."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "kinds": kinds_of_factor(self.stage.login.user)}


class NewCodeApp(ActivateTOTPView):  # type: ignore[misc]
    """Set up an app that shows codes."""

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        _note(self.request, Authenticator.Type.TOTP)
        return response


class NewPasskey(AddWebAuthnView):  # type: ignore[misc]
    """Set up a passkey or a security key."""

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        _note(self.request, Authenticator.Type.WEBAUTHN)
        return response


class PasskeyAgain(ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Confirm who one is by a passkey."""

    def form_invalid(self, form: Any) -> HttpResponse:
        messages.error(self.request, "That passkey did not fit. Try again, or choose another way.")
        return redirect(self.request.get_full_path())


class RemovePasskey(RemoveWebAuthnView):  # type: ignore[misc]
    """Remove a passkey, unless it is the last factor."""

    def form_valid(self, form: Any) -> HttpResponse:
        if not FactorAdapter().can_delete_authenticator(self.get_object()):
            messages.error(self.request, KEPT)
            return redirect("mfa_index")
        response: HttpResponse = super().form_valid(form)
        return response


def _note(request: HttpRequest, kind: Authenticator.Type) -> None:
    newest = Authenticator.objects.filter(user=request.user, type=kind).order_by("-pk").first()
    if newest:
        note_new_factor(request, newest)


@never_cache
@require_safe
def go_on(request: HttpRequest) -> HttpResponse:
    """Offer the form that waited, to be sent as it was filled in."""
    return render(request, "account/go_on.html", {"held": request.session.get(HELD)})
