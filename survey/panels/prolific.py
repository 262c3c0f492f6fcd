"""Prolific: identifiers in the link's parameters, a completion address with the outcome's code."""

from collections.abc import Mapping
from urllib.parse import urlencode

from survey.enums import PanelName, Status
from survey.models import Arm
from survey.panels.base import Identity, exit_code, take

COMPLETE_URL = "https://app.prolific.com/submissions/complete"


class Prolific:
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(
            PanelName.PROLIFIC,
            person=take(params, "PROLIFIC_PID"),
            study=take(params, "STUDY_ID"),
            submission=take(params, "SESSION_ID"),
        )

    def exit_url(self, arm: Arm, outcome: Status, identity: Identity) -> str:
        code = exit_code(arm, outcome)
        return f"{COMPLETE_URL}?{urlencode({'cc': code})}" if code else ""
