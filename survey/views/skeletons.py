"""Pages rendered once for all who are shown the same; what is a session's own is filled in.

A scenario page is the same for everybody but for its heading, its stamp and the token in its addresses. Rendering it
takes longer than everything else of a request together, so that each is rendered once in a process's life.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from html import escape
from threading import Lock

TOKEN, STAMP, HEADING = "token-of-the-session", "stamp-of-the-page", "heading-of-the-page"  # valid in an address
MOST = 2048  # pages of about 2.5 kB

_kept: dict[Hashable, str] = {}
_lock = Lock()


def skeleton(key: Hashable, render: Callable[[], str]) -> str:
    """Give the page that is known under a key, rendered when it is asked for first."""
    page = _kept.get(key)
    if page is None:
        page = render()
        with _lock:
            if len(_kept) >= MOST:
                _kept.clear()
            _kept[key] = page
    return page


def fill(page: str, *, token: str, stamp: str, heading: str) -> str:
    """Put in what is a session's own."""
    return page.replace(HEADING, escape(heading)).replace(STAMP, escape(stamp)).replace(TOKEN, token)
