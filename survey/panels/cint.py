"""Cint (Lucid Marketplace): the respondent's RID comes in with the link and goes out again with the outcome's status.

``panel_settings["exit_base"]`` is the address that takes returning respondents. Where the marketplace wants completes
at an address of their own, with a secret in it, that is ``panel_settings["complete_base"]``; it gets the RID alone.
`VERIFY` names what only the live service can confirm.
"""

from collections.abc import Mapping

from survey.enums import Outcome, PanelName
from survey.models import Arm
from survey.panels.addresses import extend
from survey.panels.base import Action, ActionKind, Identity, Panel, leave, setting, take

COMPLETE, TERMINATE, QUALITY_TERMINATE, OVER_QUOTA = "10", "20", "30", "40"
RETURN_STATUS: dict[Outcome, str] = {
    Outcome.COMPLETE: COMPLETE,
    Outcome.COMPLETE_FLAGGED: COMPLETE,
    Outcome.FAILED_ATTENTION: QUALITY_TERMINATE,
    Outcome.NO_CONSENT: TERMINATE,
    Outcome.SCREENED_OUT: TERMINATE,
    Outcome.INCOMPATIBLE_DEVICE: TERMINATE,
    Outcome.WITHDREW: TERMINATE,
    Outcome.TIMED_OUT: TERMINATE,
    Outcome.TECHNICAL_FAILURE: TERMINATE,
    Outcome.DUPLICATE: QUALITY_TERMINATE,
    Outcome.FAILED_COMPREHENSION: QUALITY_TERMINATE,
    Outcome.QUOTA_FULL: OVER_QUOTA,
    Outcome.STUDY_CLOSED: OVER_QUOTA,
}
VERIFY = (
    "the address of exit_base, and whether completes have one of their own (complete_base)",
    "that the entry link carries the respondent's id as RID and the exit takes RIS and RID",
    "whether the account must sign its exits: this site does not sign them",
)


class Cint(Panel):
    def identify(self, arm: Arm, params: Mapping[str, str]) -> Identity:
        return Identity(PanelName.CINT, person=take(params, "RID"))

    def exit(self, arm: Arm, outcome: Outcome, identity: Identity) -> Action:
        if not identity.person:
            return Action(ActionKind.NONE)
        status = RETURN_STATUS[outcome]
        complete_base = setting(arm, "complete_base")
        if status == COMPLETE and complete_base:
            return leave(extend(complete_base, {"RID": identity.person}), "")
        return leave(extend(setting(arm, "exit_base"), {"RIS": status, "RID": identity.person}), "")
