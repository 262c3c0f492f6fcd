"""What was handed in: how far an import is, what its dry run found, row by row."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, viewsets

from analysis.imports.faults import RowFault
from analysis.models import Import
from survey.api.base import BriefInLists, Newest, study_filter


class FaultSerializer(serializers.Serializer[Any]):
    file = serializers.CharField()
    line = serializers.IntegerField(help_text="1 is the header, 0 the file as a whole")
    column = serializers.CharField()
    value = serializers.CharField()
    what = serializers.CharField()
    mend = serializers.CharField()


class ImportSerializer(serializers.ModelSerializer[Import]):
    study = serializers.CharField(source="study.code", allow_null=True, default=None, help_text="null: not stored")

    class Meta:
        model = Import
        fields = [
            "id", "study", "kind", "name", "code", "title", "identity", "is_dry", "state", "step", "n_faults", "by",
            "created_at", "finished_at",
        ]  # fmt: skip


class ImportDetailSerializer(ImportSerializer):
    report = serializers.DictField(help_text="rows by table, countries, what the data say of themselves")
    mapping = serializers.DictField(help_text="which column says what")
    faults = serializers.SerializerMethodField(help_text="the first of them; `n_faults` counts all")

    class Meta(ImportSerializer.Meta):
        fields = [*ImportSerializer.Meta.fields, "report", "mapping", "faults"]

    @extend_schema_field(FaultSerializer(many=True))
    def get_faults(self, handed: Import) -> list[dict[str, Any]]:
        return [RowFault(*fault)._asdict() for fault in handed.faults]


class ImportFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")
    kind = django_filters.ChoiceFilter(choices=Import.Kind.choices)
    state = django_filters.ChoiceFilter(choices=Import.State.choices)


@extend_schema_view(list=extend_schema(description="What was handed in, newest first, without the faults."))
@extend_schema_view(
    retrieve=extend_schema(description="One import, or dry run, with its report and its faults by row.")
)
class ImportViewSet(BriefInLists, viewsets.ReadOnlyModelViewSet[Import]):
    study_path = "study"
    queryset = Import.objects.select_related("study")
    pagination_class = Newest
    serializer_class, whole, large = ImportSerializer, ImportDetailSerializer, ("report", "faults", "mapping")
    filterset_class = ImportFilter
