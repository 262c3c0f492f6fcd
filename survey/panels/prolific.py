"""Prolific: identifiers in the link's parameters, a completion address with the outcome's code."""

from collections.abc import Mapping
from urllib.parse import urlencode

from survey.enums import Outcome, PanelName
from survey.models import Arm
from survey.panels.base import Action, Identity, exit_code, leave, take

COMPLETE_URL = "https://app.prolific.com/submissions/complete"


class Prolific:
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(
            PanelName.PROLIFIC,
            person=take(params, "PROLIFIC_PID"),
            study=take(params, "STUDY_ID"),
            submission=take(params, "SESSION_ID"),
        )

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        code = exit_code(arm, outcome)
        return leave(f"{COMPLETE_URL}?{urlencode({'cc': code})}" if code else "", code)
