"""Exit addresses out of the arm's settings: what may stand in them, and how a session's values are put in. Pure.

Scheme and host are always the settings' own. What came in through an entry link goes in percent-encoded, so that it
can neither end a parameter nor begin another, a line or a host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import quote, urlencode, urlsplit

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
NAMES = ("person", "study", "submission", "code")


class Fault(StrEnum):
    NOT_HTTPS = "does not begin with https:// and a host's name"
    OPEN_HOST = "takes its host from the participant's link"
    CHARACTERS = "holds a space, a backslash or a control character"
    UNKNOWN_PLACEHOLDER = "has a placeholder that nothing fills in"


def faults(template: str) -> list[Fault]:
    """List what is wrong with a template of an address; one with any fault is never filled."""
    found = []
    try:
        parts = urlsplit(template)
        host, netloc, scheme = parts.hostname, parts.netloc, parts.scheme
    except ValueError:  # brackets that are no IPv6 address, and the like
        return [Fault.NOT_HTTPS]
    if scheme != "https" or not host:
        found.append(Fault.NOT_HTTPS)
    if "{" in netloc or "@" in netloc:
        found.append(Fault.OPEN_HOST)
    if not template.isprintable() or " " in template or "\\" in template:
        found.append(Fault.CHARACTERS)
    rest = PLACEHOLDER.sub("", template)
    if any(name not in NAMES for name in PLACEHOLDER.findall(template)) or "{" in rest or "}" in rest:
        found.append(Fault.UNKNOWN_PLACEHOLDER)
    return found


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into a template, each percent-encoded; empty if the template is faulty or a value is not known."""
    if faults(template) or not all(values.get(name) for name in PLACEHOLDER.findall(template)):
        return ""
    return PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), template)


def extend(base: str, params: Mapping[str, str]) -> str:
    """Add parameters to an address that may have some already; empty if the address is faulty."""
    if faults(base) or PLACEHOLDER.search(base):
        return ""
    address, _, fragment = base.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode(params)}" + (f"#{fragment}" if fragment else "")
