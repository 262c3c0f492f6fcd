"""CloudResearch Connect: identifiers in the link's parameters, one completion address made of the project's code.

Connect takes its completion address for complete answers only. Whoever leaves otherwise gets the address of
``panel_settings["partial_url"]`` if the researcher's account has partial completes, and none if not: Connect asks
them to return the assignment. `VERIFY` names what only the live service can confirm.
"""

from collections.abc import Mapping
from urllib.parse import quote

from survey.enums import PanelName, Status
from survey.models import Arm
from survey.panels.addresses import fill
from survey.panels.base import Identity, exit_code, setting, take

COMPLETE_URL = "https://connect.cloudresearch.com/participant/project/{code}/complete"
PARTIAL = frozenset({Status.SCREENED_OUT, Status.QUOTA_FULL, Status.FAILED_COMPREHENSION, Status.WITHDREW})
VERIFY = (
    "that the entry link's parameters are called participantId, assignmentId and projectId",
    "that the redirect address the project's page shows is COMPLETE_URL with the code of `complete`",
    "that the account has partial completes, if partial_url is set",
)


class Connect:
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(
            PanelName.CONNECT,
            person=take(params, "participantId"),
            study=take(params, "projectId"),
            submission=take(params, "assignmentId"),
        )

    def exit_url(self, arm: Arm, outcome: Status, identity: Identity) -> str:
        code = exit_code(arm, outcome)
        if outcome == Status.COMPLETE:
            return COMPLETE_URL.format(code=quote(code, safe="")) if code else ""
        if outcome in PARTIAL:
            return fill(setting(arm, "partial_url"), {**identity.placeholders, "code": code})
        return ""
