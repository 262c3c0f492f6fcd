"""The panels participants come from, each behind the same two questions: who is this, and where to afterwards."""

from survey.enums import PanelName
from survey.panels.base import (
    MAX_ID,
    Action,
    ActionKind,
    Identity,
    NotReached,
    Panel,
    PanelFailure,
    Refused,
    Reported,
    SetStatus,
    Unconfirmed,
    UnknownParticipant,
    exit_code,
    researcher_code,
)
from survey.panels.cint import Cint
from survey.panels.connect import Connect
from survey.panels.direct import Direct
from survey.panels.generic import Generic
from survey.panels.prolific import Prolific
from survey.panels.simulated import Simulated

PANELS: dict[PanelName, Panel] = {
    PanelName.DIRECT: Direct(),
    PanelName.PROLIFIC: Prolific(),
    PanelName.CONNECT: Connect(),
    PanelName.CINT: Cint(),
    PanelName.GENERIC: Generic(),
    PanelName.SIMULATED: Simulated(),
}

__all__ = [
    "MAX_ID",
    "PANELS",
    "Action",
    "ActionKind",
    "Identity",
    "NotReached",
    "Panel",
    "PanelFailure",
    "Refused",
    "Reported",
    "SetStatus",
    "Unconfirmed",
    "UnknownParticipant",
    "exit_code",
    "researcher_code",
]
