"""What the pages of a study count: where fieldwork stands, and every table behind a chart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analysis import balance, quality, stand_tables
from analysis.balance import Balance
from analysis.fieldwork import Fieldwork
from analysis.quality import Quality
from analysis.stand import StudyStand
from analysis.watched import Watched
from survey.api.base import find_study
from survey.enums import Country, Locale, StudyState
from survey.models import Study

Rows = Iterable[list[Any]]
BALANCE = {"balance_items": balance.item_rows, "balance_tests": balance.check_rows}
QUALITY = {
    "quality_flags": quality.flag_rows,
    "quality_checks": quality.check_rows,
    "quality_exclusions": quality.exclusion_rows,
    "quality_times": quality.time_rows,
}
NAMES = [*stand_tables.TABLES, *BALANCE, *QUALITY]


def rows_of(table: str, study: Study, watched: Watched) -> Rows:
    """Make a table: header first, then its rows."""
    if table in BALANCE:
        return BALANCE[table](Balance(study, include_simulated=not watched.is_real_only))
    if table in QUALITY:
        return QUALITY[table](Quality(study, include_simulated=not watched.is_real_only))
    return stand_tables.TABLES[table](StudyStand(study, watched))


STUDY = OpenApiParameter("study", str, OpenApiParameter.PATH, description="code of the study", examples=[])


class FieldworkSerializer(serializers.Serializer[Any]):
    study = serializers.CharField(source="study.code")
    state = serializers.ChoiceField(source="study.state", choices=StudyState.choices)
    n_landed = serializers.IntegerField(help_text="sessions begun")
    n_live = serializers.IntegerField(help_text="under way at the moment")
    n_complete = serializers.IntegerField()
    n_target = serializers.IntegerField(help_text="completes wanted, over all quota cells")
    n_simulated = serializers.IntegerField(help_text="sessions of simulated participants, among all")
    counted_at = serializers.DateTimeField(help_text="now; in a study of tens of thousands up to some minutes ago")
    last_answer_at = serializers.DateTimeField(allow_null=True)


class SummaryFilterSerializer(serializers.Serializer[Any]):
    """Which sessions a table is about; balance and quality tables know `data` only."""

    country = serializers.ChoiceField(choices=Country.choices, required=False)
    locale = serializers.ChoiceField(choices=Locale.choices, required=False)
    to = serializers.DateField(required=False)
    data = serializers.ChoiceField(choices=["all", "real"], required=False)  # type: ignore[assignment]

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add the one whose name is a word of the language."""
        return {**super().get_fields(), "from": serializers.DateField(required=False)}


class FieldworkViewSet(viewsets.GenericViewSet[Any]):
    serializer_class = FieldworkSerializer
    lookup_field = "study"
    lookup_value_regex = "[-a-zA-Z0-9_]+"

    @extend_schema(parameters=[STUDY], responses=FieldworkSerializer)
    def retrieve(self, request: Request, study: str) -> Response:
        """Where a study's fieldwork stands now."""
        work = Fieldwork(find_study(request, study))
        names = ("study", "n_landed", "n_live", "n_complete", "n_target", "n_simulated")
        last = work.last_answers[0].at if work.last_answers else None
        stand = {name: getattr(work, name) for name in names} | {"counted_at": work.counted.at, "last_answer_at": last}
        return Response(FieldworkSerializer(stand).data)


class TableSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()


class SummarySerializer(TableSerializer):
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.DictField(), help_text="one object per row, keyed by column")


class SummaryViewSet(viewsets.GenericViewSet[Any]):
    serializer_class = SummarySerializer
    pagination_class = None
    filter_backends = ()
    lookup_field = "study"
    lookup_value_regex = "[-a-zA-Z0-9_]+"

    @extend_schema(parameters=[STUDY], responses=TableSerializer(many=True))
    def retrieve(self, request: Request, study: str) -> Response:
        """The tables behind the charts of a study's pages."""
        find_study(request, study)
        return Response([{"name": name} for name in NAMES])

    @extend_schema(
        parameters=[
            STUDY,
            OpenApiParameter("table", str, OpenApiParameter.PATH, enum=NAMES),
            OpenApiParameter("country", OpenApiTypes.STR, enum=Country.values),
            OpenApiParameter("locale", OpenApiTypes.STR, enum=Locale.values),
            OpenApiParameter("from", OpenApiTypes.DATE, description="sessions that began on this day or later"),
            OpenApiParameter("to", OpenApiTypes.DATE, description="sessions that began on this day or before"),
            OpenApiParameter("data", OpenApiTypes.STR, enum=["all", "real"], description="real: without simulated"),
        ],
        responses=SummarySerializer,
    )
    @action(detail=True, url_path="(?P<table>[a-z_]+)", url_name="table")
    def table(self, request: Request, study: str, table: str) -> Response:
        """One such table, as it is now."""
        found = find_study(request, study)
        if table not in NAMES:
            raise Http404(f"There is no table {table}; there are {', '.join(NAMES)}.")
        asked = SummaryFilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        header, *rows = rows_of(table, found, Watched.read(request.query_params))
        body = {"name": table, "columns": header}
        return Response(body | {"rows": [dict(zip(header, row, strict=True)) for row in rows]})
