"""Simulated participants: a signed ticket in the link, so that nobody else can be counted as simulated."""

from collections.abc import Mapping

from django.core.signing import BadSignature, Signer

from survey.enums import Outcome, PanelName
from survey.models import Arm
from survey.panels.base import Action, ActionKind, Identity, Panel, UnknownParticipant, take

PARAMETER = "simulated"
SIGNER = Signer(salt="simulated participant")


def issue_ticket(name: str) -> str:
    """Sign the name of a simulated participant for use in an entry link."""
    return SIGNER.sign(name)


class Simulated(Panel):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        try:
            person = SIGNER.unsign(params.get(PARAMETER, ""))
        except BadSignature:
            raise UnknownParticipant("the ticket of a simulated participant is not signed by this site") from None
        return Identity(PanelName.SIMULATED, person=take({PARAMETER: person}, PARAMETER))

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        return Action(ActionKind.NONE)
