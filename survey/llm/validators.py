"""What may stand in a model spec. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

KEY_NAME = re.compile(r"[A-Z0-9_]*API_KEY")
ASKED_AT = re.compile(r"(/chat)?/completions/?$")  # as vendors' pages show the address
CURRENCY = re.compile(r"[A-Z]{3}")


def validate_endpoint(value: str) -> None:
    """Refuse what is no plain http(s) address; a key in the address would be stored and shown."""
    try:
        address = urlsplit(value)
        port_is_readable = address.port is None or address.port > 0
    except ValueError as error:
        raise ValidationError(f"This is no address: {error}.") from error
    if address.scheme not in ("http", "https") or not address.hostname or not port_is_readable:
        raise ValidationError("Write the address with http:// or https://, such as http://localhost:8000/v1.")
    if address.username or address.password or address.query or address.fragment:
        raise ValidationError("Write the address alone: no user, key, query or fragment.")
    if ending := ASKED_AT.search(address.path):
        raise ValidationError(f"Leave {ending[0].rstrip('/')} out at the end: the site adds it, as the format says.")


def validate_key_name(value: str) -> None:
    """Refuse names of other secrets: whoever edits a spec could have them sent to an address of their own."""
    if not KEY_NAME.fullmatch(value):
        raise ValidationError("Name an environment variable in capitals that ends with API_KEY, not the key.")


def validate_currency(value: str) -> None:
    """Refuse what is no three-letter code."""
    if not CURRENCY.fullmatch(value):
        raise ValidationError("Write the currency as its three capital letters, such as USD.")
