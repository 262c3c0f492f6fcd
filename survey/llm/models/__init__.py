"""Language models as respondents: specs, runs, the cells of a run, what came back."""

from survey.llm.models.runs import Attempt, Cell, Completion, CompletionQuerySet, ModelStop, Reasking, Run
from survey.llm.models.specs import ModelPrice, ModelSpec, Probe
from survey.llm.models.tallies import CallTally, CellTally, Pace

__all__ = [
    "Attempt",
    "CallTally",
    "Cell",
    "CellTally",
    "Completion",
    "CompletionQuerySet",
    "ModelPrice",
    "ModelSpec",
    "ModelStop",
    "Pace",
    "Probe",
    "Reasking",
    "Run",
]
