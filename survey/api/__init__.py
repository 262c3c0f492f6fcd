"""The API's view of studies: arms, quotas, sessions, flags, items, answers; and the log. Read only, staff only."""

from survey.api.views import (
    ItemViewSet,
    LogViewSet,
    QualityFlagViewSet,
    QuotaViewSet,
    ResponseViewSet,
    SessionViewSet,
    StudyViewSet,
)

router_entries = [
    ("studies", StudyViewSet),
    ("quotas", QuotaViewSet),
    ("items", ItemViewSet),
    ("sessions", SessionViewSet),
    ("flags", QualityFlagViewSet),
    ("responses", ResponseViewSet),
    ("log", LogViewSet),
]
