"""The data of a study. Fields and constraints only; the rules stand in `survey.domain`."""

from survey.models.audit import AuditEntry
from survey.models.changes import StudyChange
from survey.models.fieldwork import Arm, PanelIdentity, Participant, QuotaCell, Study, TextOverride
from survey.models.instrument import Instrument, InstrumentVersion, Item, Text
from survey.models.panel import PanelAct, PanelEvent, PanelSubmission
from survey.models.paradata import PageEvent
from survey.models.registration import Deviation, Registration
from survey.models.response import Response
from survey.models.review import SessionNote
from survey.models.session import (
    Assignment,
    CheckAnswer,
    Consent,
    Demographics,
    Lease,
    QualityFlag,
    StatusChange,
    SurveySession,
)

__all__ = [
    "Arm",
    "Assignment",
    "AuditEntry",
    "CheckAnswer",
    "Consent",
    "Demographics",
    "Deviation",
    "Instrument",
    "InstrumentVersion",
    "Item",
    "Lease",
    "PageEvent",
    "PanelAct",
    "PanelEvent",
    "PanelIdentity",
    "PanelSubmission",
    "Participant",
    "QualityFlag",
    "QuotaCell",
    "Registration",
    "Response",
    "SessionNote",
    "StatusChange",
    "Study",
    "StudyChange",
    "SurveySession",
    "Text",
    "TextOverride",
]
