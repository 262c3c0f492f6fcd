"""What every panel adapter offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from survey.enums import PanelName, Status
from survey.models import Arm

MAX_ID = 64  # longest identifier that we store


class UnknownParticipant(ValueError):
    """The entry link lacks what the panel should have put into it, or carries something forged."""


class Identity(NamedTuple):
    """Who the panel says is coming. ``person`` is empty where the panel names nobody."""

    panel: PanelName
    person: str = ""
    study: str = ""
    submission: str = ""

    @property
    def placeholders(self) -> dict[str, str]:
        """Give what an exit address may name of the identity."""
        return {"person": self.person, "study": self.study, "submission": self.submission}


class Panel(Protocol):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        """Read the identity from the entry link's parameters; `UnknownParticipant` if it is not whole."""
        ...

    def exit_url(self, arm: Arm, outcome: Status, identity: Identity) -> str:
        """Give the address that tells the panel how it ended; empty where there is none."""
        ...


def mapping(value: object) -> Mapping[str, Any]:
    """Take a staff member's JSON as a mapping; anything else is as good as empty, and `lint` reports it."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def exit_code(arm: Arm, outcome: Status) -> str:
    """Give the panel's code for an outcome, empty where the arm has none."""
    return text(mapping(arm.exit_codes).get(outcome))


def setting(arm: Arm, name: str) -> str:
    """Give one of the arm's settings that are plain text, empty where it is not set."""
    return text(mapping(arm.panel_settings).get(name))


def take(params: Mapping[str, str], name: str) -> str:
    """Take one identifier from the link: printable, not empty, not oversized, not the dots that climb a path."""
    value = params.get(name, "").strip()
    if not value.strip(".") or len(value) > MAX_ID or not value.isprintable():
        raise UnknownParticipant(f"parameter {name} is missing or malformed")
    return value
