"""Which status may follow which in the life of a survey session. Pure."""

from survey.enums import Status

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.LANDED: frozenset({Status.ACTIVE, Status.NO_CONSENT}),
    Status.ACTIVE: frozenset({Status.COMPLETE}),
    Status.COMPLETE: frozenset(),
    Status.NO_CONSENT: frozenset(),
}
FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)


def may_follow(old: Status, new: Status) -> bool:
    """Say whether a session of status ``old`` may become ``new``."""
    return new in TRANSITIONS[old]
