"""The data of a study. Fields and constraints only; the rules stand in `survey.domain`."""

from survey.models.fieldwork import Arm, PanelIdentity, Participant, QuotaCell, Study
from survey.models.instrument import Instrument, InstrumentVersion, Item, Text
from survey.models.response import Response
from survey.models.session import Assignment, Consent, Demographics, StatusChange, SurveySession

__all__ = [
    "Arm",
    "Assignment",
    "Consent",
    "Demographics",
    "Instrument",
    "InstrumentVersion",
    "Item",
    "PanelIdentity",
    "Participant",
    "QuotaCell",
    "Response",
    "StatusChange",
    "Study",
    "SurveySession",
    "Text",
]
