"""Cint (Lucid Marketplace): the respondent's RID comes in with the link and goes out again with the outcome's status.

``panel_settings["exit_base"]`` is the address that takes returning respondents. Where the marketplace wants completes
at an address of their own, with a secret in it, that is ``panel_settings["complete_base"]``; it gets the RID alone.
`VERIFY` names what only the live service can confirm.
"""

from collections.abc import Mapping

from survey.enums import PanelName, Status
from survey.models import Arm
from survey.panels.addresses import extend
from survey.panels.base import Identity, setting, take

COMPLETE, TERMINATE, QUALITY_TERMINATE, OVER_QUOTA = "10", "20", "30", "40"
RETURN_STATUS: dict[Status, str] = {
    Status.COMPLETE: COMPLETE,
    Status.NO_CONSENT: TERMINATE,
    Status.SCREENED_OUT: TERMINATE,
    Status.WITHDREW: TERMINATE,
    Status.FAILED_COMPREHENSION: QUALITY_TERMINATE,
    Status.QUOTA_FULL: OVER_QUOTA,
}
VERIFY = (
    "the address of exit_base, and whether completes have one of their own (complete_base)",
    "that the entry link carries the respondent's id as RID and the exit takes RIS and RID",
    "whether the account must sign its exits: this site does not sign them",
)


class Cint:
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(PanelName.CINT, person=take(params, "RID"))

    def exit_url(self, arm: Arm, outcome: Status, identity: Identity) -> str:
        status = RETURN_STATUS.get(outcome)
        if not identity.person or status is None:
            return ""
        complete_base = setting(arm, "complete_base")
        if outcome == Status.COMPLETE and complete_base:
            return extend(complete_base, {"RID": identity.person})
        return extend(setting(arm, "exit_base"), {"RIS": status, "RID": identity.person})
