"""Results for programs: lists without the tables, one analysis with everything, or one family of it; starting one."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.blinding import is_hidden
from analysis.domain import request_analysis
from analysis.models import AnalysisRun
from analysis.parameters import choose
from analysis.results import families
from analysis.results.stored import Results
from analysis.tasks import launch
from survey.api.base import BriefInLists, Newest, find_study, study_filter


class AnalysisRunSerializer(serializers.ModelSerializer[AnalysisRun]):
    study = serializers.CharField(source="study.code")
    parameters = serializers.DictField(help_text="seeds and choices")
    warnings = serializers.ListField()

    class Meta:
        model = AnalysisRun
        fields = [
            "id", "study", "state", "step", "parameters", "snapshot_hash", "code_version", "warnings", "error",
            "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class AnalysisRunDetailSerializer(AnalysisRunSerializer):
    results = serializers.SerializerMethodField(
        help_text="facts, and tables by name; null until it is done, and while the study hides its outcomes"
    )

    def get_results(self, run: AnalysisRun) -> dict[str, Any] | None:
        return None if is_hidden(run) else run.results

    class Meta(AnalysisRunSerializer.Meta):
        fields = [*AnalysisRunSerializer.Meta.fields, "results"]


class AnalysisRequestSerializer(serializers.Serializer[Any]):
    study = serializers.CharField(help_text="code of the study")
    include_simulated = serializers.BooleanField(default=True)


class FamilySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    title = serializers.CharField()
    finding = serializers.CharField(help_text="what the numbers say, in a sentence")
    basis = serializers.CharField(help_text="on how many people, items and answers it rests")
    tables = serializers.ListField(child=serializers.CharField(), source="csv_names", help_text="names of its tables")


class FamilyTablesSerializer(FamilySerializer):
    data = serializers.DictField(  # type: ignore[assignment]
        help_text="by name of a table, its rows as objects; empty where the analysis has none",
        child=serializers.ListField(child=serializers.DictField()),
    )


class AnalysisFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")
    state = django_filters.ChoiceFilter(choices=AnalysisRun.State.choices)


@extend_schema_view(list=extend_schema(description="Analyses, newest first, without their results."))
@extend_schema_view(
    retrieve=extend_schema(description="One analysis with all it found; `state` and `step` tell how far it is.")
)
class AnalysisRunViewSet(BriefInLists, viewsets.ReadOnlyModelViewSet[AnalysisRun]):
    study_path = "study"
    queryset = AnalysisRun.objects.select_related("study")
    pagination_class = Newest
    serializer_class, whole, large = AnalysisRunSerializer, AnalysisRunDetailSerializer, ("results",)
    filterset_class = AnalysisFilter

    @extend_schema(request=AnalysisRequestSerializer, responses={202: AnalysisRunSerializer})
    def create(self, request: Request) -> Response:
        """Have the data as they are now analysed; the one under way with the same choices is given where there is one.

        Ask for it again until its `state` is done or failed.
        """
        asked = AnalysisRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        study = find_study(request, asked.validated_data["study"])
        parameters = choose(
            include_simulated=asked.validated_data["include_simulated"], flags=study.version.structure["exclusions"]
        )
        run = request_analysis(study, parameters, request.user if request.user.is_authenticated else None)
        launch(run.pk)
        return Response(AnalysisRunSerializer(run).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=FamilySerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def families(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The families of results of a finished analysis, with what each found."""
        return Response(FamilySerializer(families(self._shown()), many=True).data)

    @extend_schema(responses=FamilyTablesSerializer, parameters=[OpenApiParameter("key", str, OpenApiParameter.PATH)])
    @action(detail=True, url_path="families/(?P<key>[a-z_]+)", url_name="family")
    def family(self, request: Request, *args: Any, key: str, **kwargs: Any) -> Response:
        """One family of results with its tables."""
        results = self._shown()
        found = next((family for family in families(results) if family.key == key), None)
        if found is None:
            raise Http404(f"There is no family {key}; see the list of families.")
        data = {name: results.rows(name) for name in found.csv_names}
        return Response({**FamilySerializer(found).data, "data": data})

    def _shown(self) -> Results:
        run: AnalysisRun = self.get_object()
        if run.state != AnalysisRun.State.DONE:
            raise Http404(f"The analysis is {run.state}: its results come when it is done.")
        if is_hidden(run):
            raise PermissionDenied("The study hides its outcomes until somebody shows them for good, with a reason.")
        return Results(run)
