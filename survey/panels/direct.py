"""Direct links, for pilots and classes: nobody is named, every visit to the link is a new participant."""

from collections.abc import Mapping

from survey.enums import PanelName, Status
from survey.models import Arm
from survey.panels.base import Identity


class Direct:
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(PanelName.DIRECT)

    def exit_url(self, arm: Arm, outcome: Status, identity: Identity) -> str:
        return ""
