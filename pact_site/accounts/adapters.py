"""What the login library asks of the site."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from pact_site.accounts.factors import FACTORS, is_fresh
from pact_site.accounts.qr import qr_svg
from pact_site.accounts.sealing import seal, unseal

NOT_SAID = frozenset({"account/messages/logged_in.txt", "account/messages/logged_out.txt"})  # the page shows it
WRONG_CODE = (
    "Incorrect code. A code holds for half a minute and once: type the next one. If none is taken, set your phone's "
    "clock to the network's time."
)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up; who showed lately who they are is not asked again."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        return not is_fresh(self.request)

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in NOT_SAID:
            super().add_message(request, level, message_template, *args, **kwargs)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets sealed, codes drawn without a style, the last factor kept."""

    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": WRONG_CODE}  # as the library's

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        return f"PACT Site {self._get_site_name()}"

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()

    def build_totp_svg(self, url: str) -> str:
        return qr_svg(url, "QR code for your code app; the key is below as text")

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        n_keys = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {n_keys + 1}"

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=FACTORS)
        return not settings.SECOND_FACTOR or others.exclude(pk=authenticator.pk).exists()
