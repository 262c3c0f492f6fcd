"""The staff API: every app's viewsets under one router, one schema."""

from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSetMixin

from analysis.api import router_entries as analysis_entries
from survey.api import router_entries as survey_entries
from survey.llm.api import router_entries as llm_entries

router = SimpleRouter()
entries: list[tuple[str, type[ViewSetMixin]]] = [*survey_entries, *llm_entries, *analysis_entries]
for prefix, viewset in entries:
    router.register(prefix, viewset, basename=prefix)

schema_view = SpectacularJSONAPIView.as_view()
