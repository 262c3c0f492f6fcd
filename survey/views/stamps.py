"""What a page's form brings back, signed: which page it was, and how it stood."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from django.core.signing import Signer

from survey.flow.wording import Shown

N_NUMBERS = 4  # before what was shown


class Stamp(NamedTuple):
    """Which page it was, when it was first served, how often it was tried, and which item it showed.

    With the item, answers can be stored without reading the session first. A form without it is read all the same.
    """

    position: int
    served_at: datetime
    tries: int = 0
    n_stored_tries: int = 0
    shown: Shown | None = None

    def sign(self, token: str) -> str:
        payload = f"{self.position}.{int(self.served_at.timestamp() * 1000)}.{self.tries}.{self.n_stored_tries}"
        if self.shown is not None:
            payload += ".{}.{}.{}.{}".format(*self.shown)
        return signer(token).sign(payload)

    @classmethod
    def unsign(cls, value: str, token: str) -> Stamp:
        """Read a stamp; `BadSignature` for one that this page of this session did not carry."""
        parts = signer(token).unsign(value).split(".", N_NUMBERS + len(Shown._fields) - 1)
        position, served_ms, tries, n_stored_tries = map(int, parts[:N_NUMBERS])
        shown = Shown(int(parts[N_NUMBERS]), *parts[N_NUMBERS + 1 :]) if parts[N_NUMBERS:] else None
        return cls(position, datetime.fromtimestamp(served_ms / 1000, UTC), tries, n_stored_tries, shown)


def signer(token: str) -> Signer:
    return Signer(salt=f"page of {token}")
