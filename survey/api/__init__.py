"""The API's view of studies, items and responses: read only, staff only."""

from survey.api.views import ItemViewSet, ResponseViewSet, StudyViewSet

router_entries = [("studies", StudyViewSet), ("items", ItemViewSet), ("responses", ResponseViewSet)]
