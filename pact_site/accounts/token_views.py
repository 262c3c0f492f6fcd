"""Tokens in the browser: one's own, and everybody's for whoever leads the team."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pact_site.access import rights
from pact_site.accounts.models import ApiToken
from pact_site.accounts.tokens import make_token, revoke_token
from pact_site.roles import MEANINGS, Scope, scopes_of
from survey.models import Study

DAYS = (30, 90, 180, 365)


class TokenForm(forms.Form):
    """A token to be made."""

    name = forms.CharField(max_length=80)
    scopes = forms.MultipleChoiceField(choices=[(str(scope), str(scope)) for scope in Scope])
    days = forms.TypedChoiceField(choices=[(n, f"{n} days") for n in DAYS], coerce=int)
    study = forms.ModelChoiceField(Study.objects.all(), to_field_name="code", required=False)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def own_tokens(request: HttpRequest) -> HttpResponse:
    """List one's tokens; make one and show it, this once."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("only whoever is logged in has tokens")
    made, form = None, TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        entered = form.cleaned_data
        ends = timezone.now() + timedelta(days=entered["days"])
        made = make_token(user, entered["name"], entered["scopes"], ends, study=entered["study"])
    useful = scopes_of(rights(user))
    context = {
        "tokens": ApiToken.objects.filter(owner=user).select_related("study"),
        "made": made,
        "form": form,
        "scopes": [(scope, MEANINGS[scope]) for scope in Scope if scope in useful],
        "days": DAYS,
        "studies": Study.objects.order_by("code").values_list("code", flat=True),
    }
    return render(request, "account/tokens.html", context, status=422 if form.is_bound and not made else 200)


@require_POST
def revoke_own(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's tokens now."""
    return _revoke(request, get_object_or_404(ApiToken, pk=pk, owner_id=request.user.pk), "own_tokens")


@require_safe
def all_tokens(request: HttpRequest) -> HttpResponse:
    """List everybody's tokens."""
    tokens = ApiToken.objects.select_related("study", "owner").order_by("owner__username", "-pk")
    return render(request, "team/tokens.html", {"tokens": tokens})


@require_POST
def revoke_any(request: HttpRequest, pk: int) -> HttpResponse:
    """End anybody's token now."""
    return _revoke(request, get_object_or_404(ApiToken, pk=pk), "team_tokens")


def _revoke(request: HttpRequest, token: ApiToken, back: str) -> HttpResponse:
    revoke_token(token, request.user.get_username())
    messages.success(request, f"{token.prefix}… opens nothing any more.")
    return redirect(back)
