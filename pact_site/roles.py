"""Who may do what: roles, rights, and the right that each address asks for. Pure.

An address of staff that nobody listed asks for the least that its part of the site allows: looking needs WATCH,
changing needs the right of its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """A group of staff; one person may have several."""

    PI = "PI"
    ASSISTANT = "Research assistant"
    ANALYST = "Analyst"
    TRANSLATOR = "Translator"
    VIEWER = "Viewer"


class Right(StrEnum):
    """Something that a role may do; the value says it to people."""

    TEXTS = "read the instrument's texts and their translations"
    WATCH = "watch recruitment, quality and model runs"
    REVIEW = "see panel identifiers and deal with submissions"
    MODELS = "describe models and run them"
    ANALYSE = "start analyses and read results"
    EXPORT = "download answers"
    SET_UP = "set up, launch, pause and close studies, accept texts"
    UNBLIND = "show outcomes for good"
    RELEASE = "make releases"
    TEAM = "invite people, give roles, read the log"


MATRIX: Mapping[Role, frozenset[Right]] = {
    Role.PI: frozenset(Right),
    Role.ASSISTANT: frozenset({Right.TEXTS, Right.WATCH, Right.REVIEW}),
    Role.ANALYST: frozenset({Right.TEXTS, Right.WATCH, Right.MODELS, Right.ANALYSE, Right.EXPORT}),
    Role.TRANSLATOR: frozenset({Right.TEXTS}),
    Role.VIEWER: frozenset({Right.TEXTS, Right.WATCH}),
}

PARTICIPANTS = frozenset(
    f"survey:{name}" for name in ("join", "page", "withdraw", "trouble", "events", "prolific_events", "withdraw_later")
)
HEALTH = frozenset({"healthz", "livez", "readyz", "metrics"})  # metrics asks for a token of its own
FOR_ANYBODY = PARTICIPANTS | HEALTH | {"login", "logout", "invitation"}
FOR_STAFF = frozenset({"home"})  # whoever is staff, in whatever role


class Needed(NamedTuple):
    """The right to look at an address, and the right to change something there."""

    look: Right
    change: Right


# The longest beginning of an address's name that stands here decides.
NEEDED: Mapping[str, Needed] = {
    "analysis:": Needed(Right.WATCH, Right.ANALYSE),
    "analysis:planning": Needed(Right.WATCH, Right.ANALYSE),
    "analysis:alarm": Needed(Right.WATCH, Right.REVIEW),
    "analysis:alarm_limits": Needed(Right.WATCH, Right.SET_UP),
    "analysis:alarm_receiver": Needed(Right.SET_UP, Right.SET_UP),
    "analysis:translations": Needed(Right.TEXTS, Right.SET_UP),
    "analysis:study_results": Needed(Right.ANALYSE, Right.ANALYSE),
    "analysis:result": Needed(Right.ANALYSE, Right.ANALYSE),
    "analysis:unblind": Needed(Right.UNBLIND, Right.UNBLIND),
    "analysis:export": Needed(Right.EXPORT, Right.EXPORT),
    "analysis:release": Needed(Right.RELEASE, Right.RELEASE),
    "analysis:compare": Needed(Right.ANALYSE, Right.ANALYSE),
    "analysis:import": Needed(Right.ANALYSE, Right.ANALYSE),
    "analysis:import_remove": Needed(Right.SET_UP, Right.SET_UP),
    "survey:": Needed(Right.SET_UP, Right.SET_UP),
    "survey:setup": Needed(Right.WATCH, Right.SET_UP),
    "survey:preview": Needed(Right.TEXTS, Right.SET_UP),
    "survey:trial": Needed(Right.REVIEW, Right.REVIEW),
    "survey:reconciliation": Needed(Right.REVIEW, Right.REVIEW),
    "survey:review": Needed(Right.REVIEW, Right.REVIEW),
    "survey:submission": Needed(Right.REVIEW, Right.REVIEW),
    "llm:": Needed(Right.WATCH, Right.MODELS),
    "llm:completions_csv": Needed(Right.EXPORT, Right.EXPORT),
    "api:": Needed(Right.WATCH, Right.SET_UP),
    "api:runs": Needed(Right.WATCH, Right.MODELS),
    "api:models": Needed(Right.WATCH, Right.MODELS),
    "api:responses": Needed(Right.EXPORT, Right.EXPORT),
    "api:results": Needed(Right.ANALYSE, Right.ANALYSE),
    "admin:": Needed(Right.SET_UP, Right.SET_UP),
    "schema": Needed(Right.TEXTS, Right.TEXTS),
    "team": Needed(Right.TEAM, Right.TEAM),
}


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """Join the rights of all roles; a group that is no role gives none."""
    known = (MATRIX[Role(name)] for name in roles if name in set(Role))
    return frozenset().union(*known)


def needed_for(name: str) -> Needed | None:
    """Give what an address of staff asks for; None where no part of the site is known by that name."""
    beginnings = (beginning for beginning in NEEDED if name.startswith(beginning))
    longest = max(beginnings, key=len, default=None)
    return NEEDED[longest] if longest else None
