"""What every panel adapter offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from survey.enums import Device, Outcome, PanelName, PanelVerb, Signature, SubmissionStatus
from survey.models import Arm, PanelAct, PanelEvent

MAX_ID = 64  # longest identifier that we store
OF_PLACEHOLDERS = frozenset("{}[]<>%")  # as in {{%PROLIFIC_PID%}}; no panel's identifiers have them

# An outcome without an exit of its own takes the one of the outcome on the right: never to the participant's loss.
PASSES_FOR: dict[Outcome, Outcome] = {
    Outcome.COMPLETE_FLAGGED: Outcome.COMPLETE,
    Outcome.FAILED_ATTENTION: Outcome.COMPLETE_FLAGGED,
    Outcome.QUOTA_FULL: Outcome.SCREENED_OUT,
    Outcome.INCOMPATIBLE_DEVICE: Outcome.SCREENED_OUT,
}


class UnknownParticipant(ValueError):
    """The entry link lacks what the panel should have put into it, or carries something forged."""


class Identity(NamedTuple):
    """Who the panel says is coming. ``person`` is empty where the panel names nobody."""

    panel: PanelName
    person: str = ""
    study: str = ""
    submission: str = ""
    signature: Signature = Signature.ABSENT

    @property
    def placeholders(self) -> dict[str, str]:
        """Give what an exit address may name of the identity."""
        return {"person": self.person, "study": self.study, "submission": self.submission}


class ActionKind(StrEnum):
    """What takes a participant back to the panel."""

    REDIRECT = "redirect"  # to an address that tells the panel how it ended
    CODE = "code"  # a code to enter by hand
    SERVER_COMPLETE = "server_complete"  # this site tells the panel, the participant need not do anything
    NONE = "none"


class Action(NamedTuple):
    """How somebody leaves for the panel; ``code`` is for the participant's eyes."""

    kind: ActionKind
    url: str = ""
    code: str = ""


class SetStatus(NamedTuple):
    """What is to be done about a panel's event: take over a submission's status, as it was at a moment."""

    submission: str
    person: str
    status: SubmissionStatus
    at: datetime


class Reported(NamedTuple):
    """One submission as the panel lists it. What this site has no use for (address, date of birth) is not taken in."""

    submission: str
    person: str
    status: SubmissionStatus
    started_at: datetime | None = None
    completed_at: datetime | None = None
    time_taken_s: int | None = None
    code: str = ""
    bonuses: tuple[Decimal, ...] = ()


class PanelFailure(RuntimeError):
    """The panel could not be asked to do something; the subclasses say whether it may be asked again."""


class Refused(PanelFailure):
    """The panel said no: the same request will not do better."""


class NotReached(PanelFailure):
    """The request did nothing at the panel, and may do later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unconfirmed(PanelFailure):
    """No answer came: whether the panel has done it is not known."""


class Panel(ABC):
    """One panel. Those without an interface for programs have the first two only."""

    has_api = False

    @abstractmethod
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        """Read the identity from the entry link's parameters; `UnknownParticipant` if it is not whole."""

    @abstractmethod
    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        """Say how somebody who ended so goes back to the panel."""

    def on_event(self, event: PanelEvent) -> Sequence[SetStatus]:
        """Say what an event asks for; the same event always asks for the same."""
        return ()

    def reconcile(self, arm: Arm) -> Iterable[Reported]:
        """List the arm's submissions as the panel has them."""
        raise Refused("this panel has no interface: upload its list of submissions")

    def perform(self, arm: Arm, verb: PanelVerb, acts: Sequence[PanelAct]) -> None:
        """Do at the panel what is written down; a `PanelFailure` if it was not, or may not have been, done."""
        raise Refused("this panel has no interface: do it on its website")

    def prepare_pay(self, arm: Arm, act: PanelAct) -> str:
        """Set a bonus up without paying it; give the panel's reference of it. May be repeated."""
        raise Refused("this panel has no interface: pay it on its website")


def leave(url: str, code: str) -> Action:
    """Send somebody to an address; without one give them the code, and without that nothing."""
    if url:
        return Action(ActionKind.REDIRECT, url, code)
    return Action(ActionKind.CODE, code=code) if code else Action(ActionKind.NONE)


def mapping(value: object) -> Mapping[str, Any]:
    """Take a staff member's JSON as a mapping; anything else is as good as empty, and `lint` reports it."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def resolve(table: Mapping[str, object], outcome: Outcome) -> str:
    """Give the entry for an outcome or, where it has none, for the outcome that it may pass for; empty if none does."""
    while not (found := text(table.get(outcome))) and outcome in PASSES_FOR:
        outcome = PASSES_FOR[outcome]
    return found


def exit_code(arm: Arm, outcome: Outcome) -> str:
    """Give the panel's code for an outcome, empty where the arm has none."""
    return resolve(mapping(arm.exit_codes), outcome)


def researcher_code(arm: Arm, outcome: Outcome) -> str:
    """Give the code with which this site completes a submission that ended so; empty where the arm has none."""
    return resolve(mapping(mapping(arm.panel_settings).get("researcher_codes")), outcome)


def setting(arm: Arm, name: str) -> str:
    """Give one of the arm's settings that are plain text, empty where it is not set."""
    return text(mapping(arm.panel_settings).get(name))


def taken_devices(arm: Arm) -> frozenset[Device]:
    """Give the kinds of device that ``panel_settings["devices"]`` names; all where it names none."""
    asked = mapping(arm.panel_settings).get("devices")
    named = frozenset(one for one in Device if isinstance(asked, list) and one in asked)
    return named or frozenset(Device)


def take(params: Mapping[str, str], name: str) -> str:
    """Take one identifier from the link: printable, not empty, not oversized, not the dots that climb a path.

    A placeholder that the panel should have filled in is none: all who come with it would share one session.
    """
    value = params.get(name, "").strip()
    if not value.strip(".") or len(value) > MAX_ID or not value.isprintable() or OF_PLACEHOLDERS & set(value):
        raise UnknownParticipant(f"parameter {name} is missing or malformed")
    return value
