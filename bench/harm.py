"""What was done to the servers, what participants saw of it, and which of that is an error of ours.

A participant meets the site through its proxy. While PostgreSQL restarts or the code is renewed they are to see nothing
of it; when a web worker is killed with what it was doing, its requests may fail, and only those. Without a proxy a
connection that breaks says nothing: it is what the proxy is for.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

KILLED, RENEWED, RESTARTED = "a web worker killed", "the code renewed", "PostgreSQL restarted"
NOTHING = "no harm"
AFTER = {
    KILLED: 2.0,
    RESTARTED: 10.0,
    RENEWED: 5.0,
}  # seconds for which each is felt
QUIET = AFTER[KILLED]  # in which nothing else is harmed, so that what breaks has one cause
CADDYFILE = Path(__file__).parent.parent / "docker" / "Caddyfile"
BROKEN, WAITING = "broken connection", "status 503"


class Harm(NamedTuple):
    kind: str
    begun: float
    ended: float

    def is_felt(self, at: float) -> bool:
        return self.begun <= at <= self.ended + AFTER[self.kind]


class Seen(NamedTuple):
    """Something other than a page that a participant had in front of them."""

    at: float
    what: str


def cause_of(seen: Seen, harms: Iterable[Harm]) -> str:
    """Name what an error came of: of all that is felt, what was done last, and can have done it.

    The page that asks for patience comes of the database alone.
    """
    felt = [harm for harm in harms if harm.is_felt(seen.at) and (seen.what != WAITING or harm.kind == RESTARTED)]
    return max(felt, key=lambda harm: harm.begun).kind if felt else NOTHING


def by_cause(seen: Iterable[Seen], harms: Sequence[Harm]) -> dict[str, dict[str, int]]:
    """Count everything that was seen, by what it came of."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        found[cause_of(one, harms)][one.what] += 1
    return {cause: dict(counts) for cause, counts in sorted(found.items())}


def proxy_waits() -> float:
    """Read for how many seconds the proxy lets requests wait for the web server."""
    server = CADDYFILE.read_text(encoding="utf-8").partition("reverse_proxy web:8000 {")[2]
    return float(re.findall(r"lb_try_duration (\d+)s", server)[0])


def too_long(harms: Iterable[Harm], patience: float) -> list[Harm]:
    """List what was away for longer than the site and its proxy promise to bridge: a slow machine's doing."""
    longest = {RESTARTED: patience, RENEWED: proxy_waits()}
    return [harm for harm in harms if harm.kind in longest and harm.ended - harm.begun > longest[harm.kind]]


def errors_of(
    seen: Iterable[Seen], harms: Sequence[Harm], patience: float, *, is_proxied: bool
) -> dict[str, dict[str, int]]:
    """Count, by cause, what no participant may see."""
    excused = too_long(harms, patience)
    shown = [one for one in seen if not is_excused(one, harms, excused, is_proxied=is_proxied)]
    return by_cause(shown, harms)


def is_excused(seen: Seen, harms: Sequence[Harm], excused: Sequence[Harm], *, is_proxied: bool) -> bool:
    if seen.what == BROKEN and not is_proxied:
        return True
    if seen.what in (BROKEN, "status 502") and cause_of(seen, harms) == KILLED:
        return True
    return seen.what in (WAITING, "status 502") and any(harm.is_felt(seen.at) for harm in excused)
