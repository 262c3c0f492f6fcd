"""Simulated participants: a signed ticket in the link, so that nobody else can be counted as simulated."""

from collections.abc import Mapping

from django.core.signing import BadSignature, Signer

from survey.enums import Outcome, PanelName
from survey.models import Arm
from survey.panels.base import Action, ActionKind, Identity, Panel, UnknownParticipant, take

PARAMETER = "simulated"
SIGNER = Signer(salt="simulated participant")
TIMED = "timed"  # instead of a study at the panel: takes time as people do, and is flagged on it


def issue_ticket(name: str, *, is_timed: bool = False) -> str:
    """Sign the name of a simulated participant, and whether their times mean anything, for use in an entry link."""
    return SIGNER.sign(f"{name} {TIMED}" if is_timed else name)


class Simulated(Panel):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        try:
            person, _, kind = SIGNER.unsign(params.get(PARAMETER, "")).partition(" ")
        except BadSignature:
            raise UnknownParticipant("the ticket of a simulated participant is not signed by this site") from None
        return Identity(PanelName.SIMULATED, person=take({PARAMETER: person}, PARAMETER), study=kind)

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        return Action(ActionKind.NONE)
