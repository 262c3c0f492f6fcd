"""Columns for personal identifiers: sealed in the database with a key that lies elsewhere, found again by equality.

AES-SIV (RFC 5297) seals the same text to the same bytes under the same key, so that unique constraints and look-ups by
equality go on working; nothing else can be asked of such a column. The first key seals, every key opens: a new key is
put before the old one, ``manage.py reseal`` carries the rows over, and the old key goes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.lookups import Exact, In, IsNull

MARK = "s1"  # first part of what is sealed; another way to seal would get another mark
PURPOSE = b"pact-site identifiers"


class WrongKeyError(ImproperlyConfigured):
    """None of the keys opens what stands in the database."""


@lru_cache(maxsize=8)
def cipher(secret: str) -> tuple[str, AESSIV]:
    """Make a key of a secret text; give the name it goes by in the database, and the cipher."""
    key = HKDF(SHA512(), length=64, salt=None, info=PURPOSE).derive(secret.encode())
    return hashlib.sha256(key).hexdigest()[:8], AESSIV(key)


def seal(text: str, secret: str | None = None) -> str:
    """Seal a text with the first key, or another; an empty text stays empty."""
    if not text:
        return text
    name, aes = cipher(secret or settings.IDENTIFIER_KEYS[0])
    sealed = aes.encrypt(text.encode(), [PURPOSE])
    return f"{MARK}:{name}:{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str) -> str:
    """Open what any of the keys sealed, or `WrongKeyError`; what was never sealed comes as it is."""
    parts = sealed.split(":")
    if len(parts) != 3 or parts[0] != MARK:
        return sealed
    ciphers = dict(cipher(secret) for secret in settings.IDENTIFIER_KEYS)
    if parts[1] not in ciphers:
        raise WrongKeyError(f"IDENTIFIER_KEYS has no key {parts[1]}: put the key that sealed these rows back into it")
    try:
        return ciphers[parts[1]].decrypt(base64.urlsafe_b64decode(parts[2]), [PURPOSE]).decode()
    except (InvalidTag, ValueError) as error:
        raise WrongKeyError(f"an identifier sealed with key {parts[1]} was changed in the database") from error


def forms(text: str) -> list[str]:
    """Give every form in which a text may stand in the database: one per key."""
    return [seal(text, secret) for secret in settings.IDENTIFIER_KEYS] if text else [text]


class SealedField(models.CharField):  # type: ignore[type-arg]
    """A text that only this site can read; `max_length` is that of the text."""

    def db_type(self, connection: Any) -> str:
        return "text"

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return seal(value) if isinstance(value, str) else value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        return unseal(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        """Refuse what sealed columns cannot tell, such as what begins how."""
        return {"exact": SealedExact, "in": SealedIn, "isnull": IsNull}.get(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        return None


class SealedIn(In):
    """Find sealed texts by what they say, whichever key sealed them."""

    def get_prep_lookup(self) -> Any:
        if not self.rhs_is_direct_value():
            return super().get_prep_lookup()
        return [form for text in self.rhs for form in forms(text)]


class SealedExact(Exact):
    """The same for one text; another column is compared as it stands."""

    def get_prep_lookup(self) -> Any:
        return self.rhs

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        if not self.rhs_is_direct_value() or self.rhs is None:
            return super().as_sql(compiler, connection)
        return SealedIn(self.lhs, [self.rhs]).as_sql(compiler, connection)
