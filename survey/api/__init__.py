"""The API's view of studies: quotas, sessions, flags, review, registrations, items, answers; the log. Staff only."""

from survey.api.review import DeviationViewSet, RegistrationViewSet, ReviewViewSet
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
    ("review", ReviewViewSet),
    ("registrations", RegistrationViewSet),
    ("deviations", DeviationViewSet),
    ("responses", ResponseViewSet),
    ("log", LogViewSet),
]
