"""Which status may follow which in the life of a survey session. Pure."""

from datetime import timedelta

from survey.enums import Status

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.LANDED: frozenset({Status.ACTIVE, Status.NO_CONSENT}),
    Status.ACTIVE: frozenset(
        {Status.COMPLETE, Status.SCREENED_OUT, Status.QUOTA_FULL, Status.FAILED_COMPREHENSION, Status.WITHDREW}
    ),
    Status.COMPLETE: frozenset({Status.WITHDREW}),
    Status.NO_CONSENT: frozenset(),
    Status.SCREENED_OUT: frozenset({Status.WITHDREW}),
    Status.QUOTA_FULL: frozenset({Status.WITHDREW}),
    Status.FAILED_COMPREHENSION: frozenset({Status.WITHDREW}),
    Status.WITHDREW: frozenset(),
}
FINAL = frozenset(Status) - {Status.LANDED, Status.ACTIVE}  # no page is due any more


LIVE_FOR = timedelta(hours=1)  # a session that is idle for longer holds neither items nor a quota place
REMIND_AFTER = timedelta(days=1)  # who comes back later is told again what the task is


def may_follow(old: Status, new: Status) -> bool:
    """Say whether a session of status ``old`` may become ``new``."""
    return new in TRANSITIONS[old]
