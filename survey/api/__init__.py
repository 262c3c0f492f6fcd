"""The API's view of studies, from items to sessions, review, submissions, answers and the log. Staff only."""

from survey.api.review import DeviationViewSet, RegistrationViewSet, ReviewViewSet
from survey.api.submissions import SubmissionViewSet
from survey.api.trials import TrialViewSet
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
    ("submissions", SubmissionViewSet),
    ("trials", TrialViewSet),
    ("registrations", RegistrationViewSet),
    ("deviations", DeviationViewSet),
    ("responses", ResponseViewSet),
    ("log", LogViewSet),
]
