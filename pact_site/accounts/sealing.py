"""Seals secrets in the database with a key made from the site's secret: a copy of the database alone tells nobody."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

log = logging.getLogger(__name__)
SALT = b"pact-site second factor"


def seal(text: str) -> str:
    """Encrypt and sign (Fernet: AES-128-CBC with HMAC-SHA-256)."""
    return _keys().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Give the secret; where the site's own was changed, one that nobody knows, so that no code fits."""
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken:
        log.error("a second factor cannot be read: SECRET_KEY was changed; reset the account's factors")
        return base64.b32encode(secrets.token_bytes(20)).decode()


def seal_anew(sealed: str) -> str:
    """Seal with the present secret what an earlier one sealed; `InvalidToken` where none opens it."""
    try:
        Fernet(_key(settings.SECRET_KEY)).decrypt(sealed.encode())
    except InvalidToken:
        return _keys().rotate(sealed.encode()).decode()
    return sealed


def _keys() -> MultiFernet:
    """Make the keys: the present secret seals, earlier ones (SECRET_KEY_FALLBACKS) still open."""
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.scrypt(secret.encode(), salt=SALT, n=2**10, r=8, p=1, dklen=32))
