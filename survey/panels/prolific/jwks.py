"""Signed entry links: without them anybody can write another person's id into the address.

``panel_settings["signed_entry"]`` may hold ``mode`` (off, optional or required), ``parameter`` (which carries the
token) and ``claim`` (which repeats the link's parameters). Their names and the address of the keys
(`PROLIFIC_JWKS_URL`) are to be confirmed on the live service.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.cache import caches

from survey.enums import Signature, SignedEntry
from survey.models import Arm
from survey.panels.base import UnknownParticipant, mapping, text

log = logging.getLogger(__name__)
cache = caches["process"]  # every process asks for itself: an entry waits for no other table

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
NAMES = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
DEFAULT_PARAMETER = "prolific_token"
DEFAULT_CLAIM = "prolific"
KEYS, FRESH, ASKED = "prolific-jwks", "prolific-jwks-fresh", "prolific-jwks-asked"
KEPT_S = 7 * 24 * 3600  # with the key server away, known keys go on holding
FRESH_S = 24 * 3600
ASK_AGAIN_S = 60  # whoever sends unknown key ids makes us ask no more often
TIMEOUT_S = 5
LEEWAY_S = 30


def entry_settings(arm: Arm) -> Mapping[str, Any]:
    return mapping(mapping(arm.panel_settings).get("signed_entry"))


def mode_of(arm: Arm) -> SignedEntry:
    """Read an arm's mode; what cannot be read asks for a signature, and `lint` reports it."""
    value = entry_settings(arm).get("mode", SignedEntry.OFF)
    return SignedEntry(value) if value in SignedEntry.values else SignedEntry.REQUIRED


def check(arm: Arm, params: Mapping[str, str]) -> Signature:
    """Check a link's signature; `UnknownParticipant` where the arm asks for one and there is no valid one."""
    mode = mode_of(arm)
    if mode == SignedEntry.OFF:
        return Signature.ABSENT
    found = verify(arm, params)
    if mode == SignedEntry.REQUIRED and found != Signature.VALID:
        raise UnknownParticipant(f"the link's signature is {found}")
    return found


def verify(arm: Arm, params: Mapping[str, str]) -> Signature:
    token = params.get(text(entry_settings(arm).get("parameter")) or DEFAULT_PARAMETER, "")
    if not token:
        return Signature.ABSENT
    import httpx2  # both take as much memory as all of our own code, and few studies have signed links
    import jwt

    try:
        claims = jwt.decode(
            token,
            find_key(token),
            algorithms=ALGORITHMS,
            audience=audiences(),
            leeway=LEEWAY_S,
            options={"require": ["exp", "aud"]},
        )
    except (jwt.PyJWTError, httpx2.HTTPError, ValueError) as error:
        log.warning("a signed link is refused: %s", type(error).__name__)
        return Signature.INVALID
    signed = read_claim(claims.get(text(entry_settings(arm).get("claim")) or DEFAULT_CLAIM))
    agrees = all(signed.get(name) == params.get(name, "").strip() for name in NAMES)
    return Signature.VALID if agrees else Signature.MISMATCH


def audiences() -> list[str]:
    """Name this site in the ways that a token may: by its host, or by its address."""
    hosts = [host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*"))]
    return [name for host in hosts for name in (host, f"https://{host}", f"https://{host}/")]


def read_claim(value: object) -> dict[str, str]:
    """Read the link's parameters as the token repeats them: as a mapping, an address or a query."""
    if isinstance(value, Mapping):
        return {str(name).upper(): str(one) for name, one in value.items()}
    if not isinstance(value, str):
        return {}
    query = urlsplit(value).query if "?" in value else value
    return {name.upper(): values[0] for name, values in parse_qs(query).items() if len(values) == 1}


def find_key(token: str) -> Any:
    """Give the published key that a token names."""
    import jwt

    kid = jwt.get_unverified_header(token).get("kid", "")
    keys = cache.get(KEYS) or {}
    if (not cache.get(FRESH) or kid not in keys) and cache.add(ASKED, True, ASK_AGAIN_S):
        keys = refresh(keys)
    if kid not in keys:
        raise jwt.InvalidKeyError("no such key")
    return jwt.PyJWK(keys[kid]).key


def refresh(known: dict[str, Any]) -> dict[str, Any]:
    """Ask for the keys; with no answer those that are known go on holding."""
    import httpx2

    try:
        reply = httpx2.get(settings.PROLIFIC_JWKS_URL, timeout=TIMEOUT_S, trust_env=False).raise_for_status()
        keys = {key["kid"]: key for key in reply.json()["keys"] if isinstance(key, dict) and "kid" in key}
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        log.warning("the keys of signed links cannot be read: %s", type(error).__name__)
        return known
    cache.set(KEYS, keys, KEPT_S)
    cache.set(FRESH, True, FRESH_S)
    return keys
