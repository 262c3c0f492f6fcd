"""What a study commits to before anybody is asked, as one text with one hash, and what differs between two. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

NOTHING = "–"  # what a value is that is not there


class Difference(NamedTuple):
    """One value that is not what it was, under its dotted path."""

    path: str
    before: str
    after: str


def canonical(content: Mapping[str, Any]) -> str:
    """Write content down in the one way that the same content always has: keys in order, no spaces, UTF-8 as it is."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(text: str) -> str:
    """Hash (SHA-256, hex) a text in UTF-8, as ``sha256sum`` does with the downloaded file."""
    return hashlib.sha256(text.encode()).hexdigest()


def flatten(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Give every value under its dotted path; a list is one value."""
    for key, value in content.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and value:
            yield from flatten(value, here)
        else:
            yield here, value if isinstance(value, str) else canonical_value(value)


def canonical_value(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(", ", ": "))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """List what differs, in the order of the paths."""
    old, new = dict(flatten(before)), dict(flatten(after))
    return [
        Difference(path, old.get(path, NOTHING), new.get(path, NOTHING))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]
