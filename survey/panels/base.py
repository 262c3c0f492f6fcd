"""What every panel adapter offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

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


class Panel(Protocol):
    def identify(self, params: Mapping[str, str]) -> Identity:
        """Read the identity from the entry link's parameters; `UnknownParticipant` if it is not whole."""
        ...

    def exit_url(self, arm: Arm, outcome: Status) -> str:
        """Give the address that tells the panel how it ended; empty where there is none."""
        ...


def exit_code(arm: Arm, outcome: Status) -> str:
    """Give the panel's code for an outcome, empty where the arm has none."""
    return str(arm.exit_codes.get(outcome, ""))


def take(params: Mapping[str, str], name: str) -> str:
    """Take one identifier from the link: printable, not empty, not oversized."""
    value = params.get(name, "").strip()
    if not value or len(value) > MAX_ID or not value.isprintable():
        raise UnknownParticipant(f"parameter {name} is missing or malformed")
    return value
