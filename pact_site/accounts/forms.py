"""The forms of logging in, in the site's words; wrong codes count like wrong passwords."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as CodeAgain
from allauth.mfa.totp.forms import ActivateTOTPForm
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed

LOCKED = "This account is locked for a while after too many tries. Wait a quarter of an hour."


class PasswordLoginForm(LoginForm):  # type: ignore[misc]
    """User name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, login="User name", password="Password")  # noqa: S106  # nosec B106


class PasswordAgainForm(ReauthenticateForm):  # type: ignore[misc]
    """The password once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, password="Password")  # noqa: S106  # nosec B106


class Guarded:
    """A code form whose wrong codes are counted for the account, beside its wrong passwords."""

    user: User

    def clean_code(self) -> str:
        credentials = {"username": self.user.get_username()}
        if not AxesProxyHandler.is_allowed(context.request, credentials):
            raise forms.ValidationError(LOCKED, code="locked")
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except forms.ValidationError:
            user_login_failed.send(sender=__name__, credentials=credentials, request=context.request)
            raise
        return code


class CodeForm(Guarded, AuthenticateForm):  # type: ignore[misc]
    """A code from the app, or a recovery code, at login."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, code="Code")


class CodeAgainForm(Guarded, CodeAgain):  # type: ignore[misc]
    """The same, to confirm who one is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, code="Code")


class NewCodeForm(ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an app that is being set up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain(self, code="Code")


def plain(form: forms.Form, **labels: str) -> None:
    """Label the fields; a label says more than a placeholder that vanishes."""
    for name, label in labels.items():
        form.fields[name].label = label
        form.fields[name].widget.attrs.pop("placeholder", None)
        form.fields[name].help_text = ""
