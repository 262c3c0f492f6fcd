"""CloudResearch Connect: identifiers in the link's parameters, one completion address made of the project's code.

Connect takes its completion address for complete answers only. Whoever leaves otherwise gets the address of
``panel_settings["partial_url"]`` if the researcher's account has partial completes, and none if not: Connect asks
them to return the assignment. `VERIFY` names what only the live service can confirm.
"""

from collections.abc import Mapping
from urllib.parse import quote

from survey.enums import Outcome, PanelName
from survey.flow.outcomes import ANSWERED_ALL
from survey.models import Arm
from survey.panels.addresses import fill
from survey.panels.base import Action, Identity, Panel, exit_code, leave, setting, take

COMPLETE_URL = "https://connect.cloudresearch.com/participant/project/{code}/complete"
PARTIAL = frozenset(
    {
        Outcome.SCREENED_OUT,
        Outcome.QUOTA_FULL,
        Outcome.INCOMPATIBLE_DEVICE,
        Outcome.FAILED_COMPREHENSION,
        Outcome.WITHDREW,
        Outcome.TECHNICAL_FAILURE,
    }
)
VERIFY = (
    "that the entry link's parameters are called participantId, assignmentId and projectId",
    "that the redirect address the project's page shows is COMPLETE_URL with the code of `complete`",
    "that the account has partial completes, if partial_url is set",
)


class Connect(Panel):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(
            PanelName.CONNECT,
            person=take(params, "participantId"),
            study=take(params, "projectId"),
            submission=take(params, "assignmentId"),
        )

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        code = exit_code(arm, outcome)
        if outcome in ANSWERED_ALL:
            return leave(COMPLETE_URL.format(code=quote(code, safe="")) if code else "", code)
        if outcome in PARTIAL:
            return leave(fill(setting(arm, "partial_url"), {**identity.placeholders, "code": code}), code)
        return leave("", code)
