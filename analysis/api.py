"""Results for programs: lists without the tables, one analysis with everything."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import pagination, serializers, viewsets

from analysis.blinding import is_hidden
from analysis.models import AnalysisRun


class AnalysisRunSerializer(serializers.ModelSerializer[AnalysisRun]):
    study = serializers.CharField(source="study.code")

    class Meta:
        model = AnalysisRun
        fields = [
            "id", "study", "state", "step", "parameters", "snapshot_hash", "code_version", "warnings", "error",
            "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class AnalysisRunDetailSerializer(AnalysisRunSerializer):
    results = serializers.SerializerMethodField(help_text="null while the study hides its outcomes")

    def get_results(self, run: AnalysisRun) -> Any:
        return None if is_hidden(run) else run.results

    class Meta(AnalysisRunSerializer.Meta):
        fields = [*AnalysisRunSerializer.Meta.fields, "results"]


class Newest(pagination.CursorPagination):
    ordering = "-pk"
    page_size = 100


class AnalysisRunViewSet(viewsets.ReadOnlyModelViewSet[AnalysisRun]):
    queryset = AnalysisRun.objects.select_related("study")
    pagination_class = Newest
    filterset_fields = ["study__code", "state"]

    def get_queryset(self) -> QuerySet[AnalysisRun]:
        runs = super().get_queryset()
        return runs if self.action == "retrieve" else runs.defer("results")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return AnalysisRunDetailSerializer if self.action == "retrieve" else AnalysisRunSerializer


router_entries: list[tuple[str, type[AnalysisRunViewSet]]] = [("results", AnalysisRunViewSet)]
