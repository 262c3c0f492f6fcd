"""The API's view of what is counted and computed of a study: summaries, exported tables, results, releases."""

from analysis.api.exports import ExportViewSet
from analysis.api.releases import ReleaseViewSet
from analysis.api.results import AnalysisRunViewSet
from analysis.api.summaries import FieldworkViewSet, SummaryViewSet

router_entries = [
    ("fieldwork", FieldworkViewSet),
    ("summaries", SummaryViewSet),
    ("exports", ExportViewSet),
    ("results", AnalysisRunViewSet),
    ("releases", ReleaseViewSet),
]
