"""Direct links, for pilots and classes: nobody is named, every visit to the link is a new participant."""

from collections.abc import Mapping

from survey.enums import Outcome, PanelName
from survey.models import Arm
from survey.panels.base import Action, ActionKind, Identity, Panel


class Direct(Panel):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(PanelName.DIRECT)

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        return Action(ActionKind.NONE)
