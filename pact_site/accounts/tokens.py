"""Tokens for programs: made once, shown once, kept as a hash; everything about them is written into the log.

``pact_`` and 48 letters and digits: ten that name the token, 32 that are the secret (190 bits), six that check the
rest, so that a scanner of published code, and the site, know a real one from a mistyped one without looking it up.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from pact_site.accounts.models import LONGEST, ApiToken
from pact_site.roles import Scope
from survey.domain.audit import record
from survey.models import Study

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
START = "pact_"
N_NAMING, N_SECRET, N_CHECKING = 10, 32, 6
LENGTH = len(START) + N_NAMING + N_SECRET + N_CHECKING
USED_EVERY = timedelta(minutes=1)  # the last use is noted no finer than this


class NewToken(NamedTuple):
    """A token just made; the text is known here and nowhere else."""

    token: ApiToken
    text: str


class TokenFault(ValueError):
    """A token cannot be made so; the message says how to mend it."""


@transaction.atomic
def make_token(
    owner: User, name: str, scopes: Iterable[str], expires_at: datetime, *, study: Study | None = None, by: str = ""
) -> NewToken:
    """Make a token for somebody; it never opens more than its owner may do at the time of each request."""
    wanted = [scope for scope in Scope if scope in set(scopes)]
    unknown = sorted(set(scopes) - set(Scope))
    if unknown or not wanted:
        raise TokenFault(f"choose at least one of these scopes: {', '.join(Scope)}")
    if not name.strip():
        raise TokenFault("give it a name that says what it is for")
    now = timezone.now()
    if not now < expires_at <= now + LONGEST:
        raise TokenFault("let it end after now and within a year")
    prefix = START + _draw(N_NAMING)
    text = _with_check(prefix + _draw(N_SECRET))
    subject = {"user": owner.get_username(), "token": prefix}
    details = {"scopes": " ".join(wanted), "ends": expires_at.isoformat(), "study": study.code if study else ""}
    record(by or owner.get_username(), "make_token", subject, details)
    token = ApiToken.objects.create(
        owner=owner,
        name=name.strip()[:80],
        prefix=prefix,
        digest=digest_of(text),
        scopes=wanted,
        study=study,
        created_at=now,
        expires_at=expires_at,
    )
    return NewToken(token, text)


@transaction.atomic
def revoke_token(token: ApiToken, by: str) -> bool:
    """End a token now; say whether it was still open."""
    record(by, "revoke_token", {"user": token.owner.get_username(), "token": token.prefix}, {})
    return bool(ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()))


def find_token(text: str) -> ApiToken | None:
    """Find the open token of this text, with its owner; nothing tells why there is none."""
    if not is_token(text):
        return None
    prefix = text[: len(START) + N_NAMING]
    found = ApiToken.objects.select_related("study").filter(prefix=prefix).first()
    if found is None or not constant_time_compare(found.digest, digest_of(text)) or not found.is_valid:
        return None
    return found


def note_use(token: ApiToken) -> None:
    """Note that a token was used, once a minute at most."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a token and its letters agree with each other."""
    return (
        len(text) == LENGTH
        and text.startswith(START)
        and set(text[len(START) :]) <= set(LETTERS)
        and constant_time_compare(text, _with_check(text[:-N_CHECKING]))
    )


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _draw(n: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(n))


def _with_check(text: str) -> str:
    """Add six letters that follow from the rest (CRC-32 to the base 62)."""
    rest, letters = zlib.crc32(text.encode()), ""
    for _ in range(N_CHECKING):
        rest, place = divmod(rest, len(LETTERS))
        letters = LETTERS[place] + letters
    return text + letters
