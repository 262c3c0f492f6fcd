"""Who may do what: roles, rights, and the right that each address asks for. Pure.

An address of staff that nobody listed asks for the least that its part of the site allows: looking needs WATCH,
changing needs the right of its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum
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


class Scope(StrEnum):
    """What a token is for; never more than its owner may do."""

    TEXTS = "read:texts"
    STUDIES = "read:studies"
    REVIEW = "read:review"
    NOTES = "write:review"
    SUBMISSIONS = "read:submissions"
    APPROVALS = "write:submissions"
    ANSWERS = "read:answers"
    MODELS = "read:models"
    RUNS = "write:runs"
    RESULTS = "read:results"
    ANALYSES = "write:analyses"
    RELEASES = "read:releases"
    LOG = "read:log"


MEANINGS: Mapping[Scope, str] = {
    Scope.TEXTS: "items and texts",
    Scope.STUDIES: "studies, quotas, fieldwork, quality, alarms, registrations and deviations, planning",
    Scope.REVIEW: "sessions under review, with flags and notes; test runs",
    Scope.NOTES: "write notes on sessions, take alarms on, begin and remove test runs",
    Scope.SUBMISSIONS: "visits that panels pay, without identifiers",
    Scope.APPROVALS: "approve submissions, which pays people",
    Scope.ANSWERS: "answers, sessions, exported tables",
    Scope.MODELS: "models, runs and their completions",
    Scope.RUNS: "set up, change and continue runs of models, which costs money",
    Scope.RESULTS: "results of analyses, comparisons, imports",
    Scope.ANALYSES: "start analyses, have studies simulated for planning",
    Scope.RELEASES: "list and download releases",
    Scope.LOG: "the log of what staff did",
}


MATRIX: Mapping[Role, frozenset[Right]] = {
    Role.PI: frozenset(Right),
    Role.ASSISTANT: frozenset({Right.TEXTS, Right.WATCH, Right.REVIEW}),
    Role.ANALYST: frozenset({Right.TEXTS, Right.WATCH, Right.MODELS, Right.ANALYSE, Right.EXPORT}),
    Role.TRANSLATOR: frozenset({Right.TEXTS}),
    Role.VIEWER: frozenset({Right.TEXTS, Right.WATCH}),
}

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PARTICIPANTS = frozenset(
    f"survey:{name}" for name in ("join", "page", "withdraw", "trouble", "events", "prolific_events", "withdraw_later")
)
HEALTH = frozenset({"healthz", "livez", "readyz", "metrics"})  # metrics asks for a token of its own
LOGGING_IN = frozenset({"login", "account_login", "account_inactive", "mfa_authenticate", "mfa_login_webauthn"})
FOR_ANYBODY = PARTICIPANTS | HEALTH | LOGGING_IN | {"logout", "invitation"}
# Where somebody confirms who they are, and where a newcomer sets up a second factor.
CONFIRMING = frozenset({"account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "own_go_on"})
SETTING_UP = frozenset({
    "mfa_index", "mfa_list_webauthn", "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes",
})  # fmt: skip
FOR_STAFF = CONFIRMING | {"home", "studies", "mfa_index", "mfa_list_webauthn"}  # whoever is staff, in whatever role


class Fresh(Enum):
    """When an address asks for the password or a factor again, unless that was given lately."""

    NEVER = "never"
    CHANGES = "before something changes"
    ALWAYS = "before it is shown"


class Scoped(NamedTuple):
    """The scope that a token needs to look at an address of the API, and the one to change something there."""

    look: Scope
    change: Scope | None = None


SCOPES: Mapping[str, Scoped] = {
    "api:studies": Scoped(Scope.STUDIES),
    "api:quotas": Scoped(Scope.STUDIES),
    "api:flags": Scoped(Scope.STUDIES),
    "api:alarms": Scoped(Scope.STUDIES, Scope.NOTES),
    "api:review": Scoped(Scope.REVIEW, Scope.NOTES),
    "api:submissions": Scoped(Scope.SUBMISSIONS, Scope.APPROVALS),
    "api:trials": Scoped(Scope.REVIEW, Scope.NOTES),
    "api:registrations": Scoped(Scope.STUDIES),
    "api:deviations": Scoped(Scope.STUDIES),
    "api:imports": Scoped(Scope.RESULTS),
    "api:comparison": Scoped(Scope.RESULTS),
    "api:planning": Scoped(Scope.STUDIES, Scope.ANALYSES),
    "api:fieldwork": Scoped(Scope.STUDIES),
    "api:summaries": Scoped(Scope.STUDIES),
    "api:items": Scoped(Scope.TEXTS),
    "api:sessions": Scoped(Scope.ANSWERS),
    "api:responses": Scoped(Scope.ANSWERS),
    "api:exports": Scoped(Scope.ANSWERS),
    "api:models": Scoped(Scope.MODELS),
    "api:runs": Scoped(Scope.MODELS, Scope.RUNS),
    "api:completions": Scoped(Scope.MODELS),
    "api:results": Scoped(Scope.RESULTS, Scope.ANALYSES),
    "api:releases": Scoped(Scope.RELEASES),
    "api:log": Scoped(Scope.LOG),
    "schema": Scoped(Scope.TEXTS),
}


class Needed(NamedTuple):
    """The right to look at an address, the right to change something there (none: every account of staff has it)."""

    look: Right | None
    change: Right | None
    fresh: Fresh = Fresh.NEVER


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
    "analysis:unblind": Needed(Right.UNBLIND, Right.UNBLIND, Fresh.ALWAYS),
    "analysis:export": Needed(Right.EXPORT, Right.EXPORT),
    "analysis:release": Needed(Right.RELEASE, Right.RELEASE, Fresh.ALWAYS),
    "analysis:compare": Needed(Right.ANALYSE, Right.ANALYSE),
    "analysis:import": Needed(Right.ANALYSE, Right.ANALYSE),
    "analysis:import_remove": Needed(Right.SET_UP, Right.SET_UP),
    "survey:": Needed(Right.SET_UP, Right.SET_UP),
    "survey:setup": Needed(Right.WATCH, Right.SET_UP),
    "survey:preview": Needed(Right.TEXTS, Right.SET_UP),
    "survey:trial": Needed(Right.REVIEW, Right.REVIEW),
    "survey:reconciliation": Needed(Right.REVIEW, Right.REVIEW, Fresh.ALWAYS),
    # Notes pay nobody; "Approve the clean ones" there sends its form to reconciliation, which asks.
    "survey:review": Needed(Right.REVIEW, Right.REVIEW),
    "survey:submission": Needed(Right.REVIEW, Right.REVIEW, Fresh.ALWAYS),
    "llm:": Needed(Right.WATCH, Right.MODELS),
    "llm:completions_csv": Needed(Right.EXPORT, Right.EXPORT),
    "api:": Needed(Right.WATCH, Right.SET_UP),
    "api:runs": Needed(Right.WATCH, Right.MODELS),
    "api:models": Needed(Right.WATCH, Right.MODELS),
    "api:alarms": Needed(Right.WATCH, Right.REVIEW),
    "api:review": Needed(Right.REVIEW, Right.REVIEW),
    "api:submissions": Needed(Right.REVIEW, Right.REVIEW, Fresh.ALWAYS),
    "api:trials": Needed(Right.REVIEW, Right.REVIEW),
    "api:planning": Needed(Right.WATCH, Right.ANALYSE),
    "api:imports": Needed(Right.ANALYSE, Right.ANALYSE),
    "api:comparison": Needed(Right.ANALYSE, Right.ANALYSE),
    "api:items": Needed(Right.TEXTS, Right.SET_UP),
    "api:sessions": Needed(Right.EXPORT, Right.EXPORT),
    "api:responses": Needed(Right.EXPORT, Right.EXPORT),
    "api:exports": Needed(Right.EXPORT, Right.EXPORT),
    "api:releases": Needed(Right.RELEASE, Right.RELEASE, Fresh.ALWAYS),
    "api:log": Needed(Right.TEAM, Right.TEAM),
    "api:results": Needed(Right.ANALYSE, Right.ANALYSE),
    "admin:": Needed(Right.SET_UP, Right.SET_UP, Fresh.ALWAYS),  # what panels know of participants is among it
    "admin:logout": Needed(None, None),
    "schema": Needed(Right.TEXTS, Right.TEXTS),
    "team": Needed(Right.TEAM, Right.TEAM, Fresh.CHANGES),
    "team_log": Needed(Right.TEAM, Right.TEAM),
    "mfa_": Needed(None, None, Fresh.ALWAYS),
    "own_token": Needed(None, None, Fresh.CHANGES),
    "api_docs": Needed(None, None),
}


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """Join the rights of all roles; a group that is no role gives none."""
    known = (MATRIX[Role(name)] for name in roles if name in set(Role))
    return frozenset().union(*known)


def roles_with(right: Right) -> list[Role]:
    """Give the roles that have a right."""
    return [role for role, rights in MATRIX.items() if right in rights]


def needed_for(name: str) -> Needed | None:
    """Give what an address of staff asks for; None where no part of the site is known by that name."""
    longest = _longest(name, NEEDED)
    return NEEDED[longest] if longest else None


def scopes_of(rights: Iterable[Right]) -> frozenset[Scope]:
    """Give the scopes that are of use to whoever has these rights."""
    held, found = frozenset(rights), set()
    for name, scoped in SCOPES.items():
        needed = needed_for(name)
        if needed and needed.look in held:
            found.add(scoped.look)
        if needed and scoped.change and needed.change in held:
            found.add(scoped.change)
    return frozenset(found)


def scope_for(name: str, method: str) -> Scope | None:
    """Give the scope that a token needs for an address of the API; None where no token opens it."""
    scoped = SCOPES[longest] if (longest := _longest(name, SCOPES)) else None
    if scoped is None:
        return None
    return scoped.look if method in SAFE else scoped.change


def _longest(name: str, beginnings: Iterable[str]) -> str | None:
    return max((beginning for beginning in beginnings if name.startswith(beginning)), key=len, default=None)


def asks_fresh(name: str, method: str) -> bool:
    """Tell whether an address asks again who somebody is."""
    needed = needed_for(name)
    if name in FOR_STAFF or needed is None:
        return False
    return needed.fresh is Fresh.ALWAYS or (needed.fresh is Fresh.CHANGES and method not in SAFE)
