"""The API's view of what is counted and computed of a study: summaries, planning, exports, results, releases."""

from analysis.api.alarms import AlarmViewSet
from analysis.api.comparison import ComparisonViewSet
from analysis.api.exports import ExportViewSet
from analysis.api.imports import ImportViewSet
from analysis.api.planning import PlanningViewSet
from analysis.api.releases import ReleaseViewSet
from analysis.api.results import AnalysisRunViewSet
from analysis.api.summaries import FieldworkViewSet, SummaryViewSet

router_entries = [
    ("fieldwork", FieldworkViewSet),
    ("summaries", SummaryViewSet),
    ("alarms", AlarmViewSet),
    ("exports", ExportViewSet),
    ("imports", ImportViewSet),
    ("comparison", ComparisonViewSet),
    ("planning", PlanningViewSet),
    ("results", AnalysisRunViewSet),
    ("releases", ReleaseViewSet),
]
