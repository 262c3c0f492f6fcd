"""The team: who is in it, in which roles, how somebody new comes in, and the log of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.views.decorators.http import require_POST, require_safe

from pact_site.accounts.factors import reset_factors
from pact_site.roles import MATRIX, Right, Role
from survey.domain.audit import verify_log
from survey.models import AuditEntry

ENTRIES_PER_PAGE = 100


class RolesForm(forms.Form):
    """The roles that somebody has."""

    roles = forms.MultipleChoiceField(choices=[(str(role), str(role)) for role in Role], required=False)
    is_active = forms.BooleanField(required=False)


class InvitationForm(RolesForm):
    """Somebody new."""

    username = forms.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    email = forms.EmailField(required=False)

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError(f"There is a {name} already.")
        return name


class Member(NamedTuple):
    """One account of staff."""

    user: User
    roles: Sequence[str]
    is_new: bool


@require_safe
def team(request: HttpRequest) -> HttpResponse:
    """List the accounts of staff, and what each role may do."""
    users = User.objects.filter(is_staff=True).prefetch_related("groups").order_by("-is_active", "username")
    members = [
        Member(user, [group.name for group in user.groups.all()], not user.has_usable_password()) for user in users
    ]
    rows = [(right, [right in MATRIX[role] for role in Role]) for right in Right]
    return render(request, "team/team.html", {"members": members, "roles": list(Role), "matrix": rows})


@require_POST
def invite(request: HttpRequest) -> HttpResponse:
    """Make an account without a password, and give the link by which its owner sets one."""
    form = InvitationForm(request.POST)
    if not form.is_valid():
        for field, texts in form.errors.items():
            messages.error(request, f"{field}: {texts[0]}")
        return redirect("team")
    with transaction.atomic():
        user = User.objects.create_user(form.cleaned_data["username"], form.cleaned_data["email"], is_staff=True)
        give_roles(user, form.cleaned_data["roles"])
    messages.success(request, f"{user} is in. Send them this link; it holds for three days: {link_for(request, user)}")
    return redirect("team")


@require_POST
def invite_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a new link to somebody who lost theirs, or their password."""
    user = get_object_or_404(User, pk=pk, is_staff=True, is_active=True)
    messages.success(request, f"Send {user} this link; it holds for three days: {link_for(request, user)}")
    return redirect("team")


@require_POST
def change_member(request: HttpRequest, pk: int) -> HttpResponse:
    """Give and take roles, or the account; nobody locks themselves out."""
    user = get_object_or_404(User, pk=pk, is_staff=True)
    form = RolesForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing changed: there is no such role.")
    elif user == request.user:
        messages.error(request, "Nothing changed: have somebody else change your own roles.")
    elif user.is_superuser:
        messages.error(request, "Nothing changed: an owner of the site is changed on the server.")
    else:
        with transaction.atomic():
            give_roles(user, form.cleaned_data["roles"])
            User.objects.filter(pk=user.pk).update(is_active=form.cleaned_data["is_active"])
        messages.success(request, f"{user}: stored.")
    return redirect("team")


@require_POST
def reset_member_factors(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget the second factors of somebody who lost theirs: they set up new ones at their next login."""
    user = get_object_or_404(User, pk=pk, is_staff=True)
    if user == request.user or user.is_superuser:
        messages.error(request, "Nothing changed: one's own and an owner's factors are reset on the server.")
    else:
        reset_factors(user, request.user.get_username())
        messages.success(request, f"{user} is logged out everywhere and sets up a new second factor at the next login.")
    return redirect("team")


@require_safe
def log(request: HttpRequest) -> HttpResponse:
    """Show what was done, newest first."""
    entries = AuditEntry.objects.all()
    if name := request.GET.get("by"):
        entries = entries.filter(by=name)
    page = Paginator(entries, ENTRIES_PER_PAGE).get_page(request.GET.get("page"))
    names = AuditEntry.objects.order_by("by").values_list("by", flat=True).distinct()
    return render(request, "team/log.html", {"page": page, "names": names, "by": name or ""})


@require_POST
def check_log(request: HttpRequest) -> HttpResponse:
    """Read the whole log and tell whether it is as it was written."""
    n_entries, fault = verify_log()
    if fault:
        messages.error(request, f"The log was changed outside the site: {fault}.")
    else:
        messages.success(request, f"All {n_entries:,} entries are as they were written, none is missing between them.")
    return redirect("team_log")


class Invitation(auth.PasswordResetConfirmView):
    """Where somebody invited sets their password; the link works once."""

    template_name = "team/invitation.html"
    success_url = reverse_lazy("login")


def give_roles(user: User, names: Sequence[str]) -> None:
    """Give exactly these roles; groups that are no role stay."""
    groups = [Group.objects.get_or_create(name=name)[0] for name in names]
    others = list(user.groups.exclude(name__in=list(Role)))
    user.groups.set([*others, *groups])


def link_for(request: HttpRequest, user: User) -> str:
    """Make the link by which somebody sets a password."""
    parts = [urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)]
    return request.build_absolute_uri(reverse("invitation", args=parts))
