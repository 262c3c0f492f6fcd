"""Second factors and how long ago somebody showed who they are."""

from __future__ import annotations

import time

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from axes.utils import reset as forget_failures
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from pact_site.accounts.sealing import seal_anew
from survey.domain.audit import record

SEALED = ("secret", "seed")  # what of a code app and of recovery codes is sealed; a passkey's part is public
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes only stand in for these


def kinds_of_factor(user: User) -> set[str]:
    """Tell which kinds of second factor somebody has."""
    return set(Authenticator.objects.filter(user=user, type__in=FACTORS).values_list("type", flat=True))


def has_passed(request: HttpRequest) -> bool:
    """Tell whether a second factor was shown, or set up, in this session."""
    return any(each["method"] == "mfa" for each in get_authentication_records(request, _user(request)))


def is_fresh(request: HttpRequest) -> bool:
    """Tell whether somebody showed lately, by password or factor, who they are."""
    records = get_authentication_records(request, _user(request))
    return bool(records) and time.time() - records[-1]["at"] < settings.CONFIRM_AFTER_MINUTES * 60


def note_new_factor(request: HttpRequest, authenticator: Authenticator) -> None:
    """Take a factor just set up as shown: its owner proved that it works."""
    record_authentication(request, _user(request), "mfa", id=authenticator.pk, type=authenticator.type)


@transaction.atomic
def reset_factors(user: User, by: str) -> int:
    """Forget all factors of somebody who lost theirs and end their sessions; tell how many factors there were."""
    record(by, "reset_factors", {"user": user.get_username()}, {})
    n_factors: int = Authenticator.objects.filter(user=user).delete()[0]
    end_sessions(user)
    forget_failures(username=user.get_username())
    return n_factors


def end_sessions(user: User) -> None:
    """Log somebody out everywhere."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def _user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


@transaction.atomic
def reseal_factors(*, is_dry: bool) -> tuple[int, list[str]]:
    """Seal with the present secret what an earlier one sealed; tell how many, and whose factors no secret opens."""
    n_anew, lost = 0, set()
    for factor in Authenticator.objects.select_for_update().select_related("user").order_by("pk"):
        sealed = {name: factor.data[name] for name in SEALED if name in factor.data}
        try:
            anew = {name: seal_anew(text) for name, text in sealed.items()}
        except InvalidToken:
            lost.add(factor.user.get_username())
            continue
        if anew != sealed:
            n_anew += 1
            factor.data |= anew
            if not is_dry:
                factor.save(update_fields=["data"])
    return n_anew, sorted(lost)
