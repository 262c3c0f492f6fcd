"""Alarms for programs: what rings and rang, and taking one on as the page does."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.alarms.domain import acknowledge
from analysis.alarms.kinds import DEFINITIONS, Kind
from analysis.alarms.models import Alarm
from survey.api.base import Newest, OfStudies, study_filter


class AlarmSerializer(serializers.ModelSerializer[Alarm]):
    study = serializers.CharField(source="study.code")
    what_to_do = serializers.SerializerMethodField()
    details = serializers.DictField(help_text="the numbers behind it")

    class Meta:
        model = Alarm
        fields = [
            "id", "study", "kind", "subject", "text", "details", "what_to_do", "is_open", "opened_at", "seen_at",
            "closed_at", "acknowledged_at", "acknowledged_by", "note",
        ]  # fmt: skip

    def get_what_to_do(self, alarm: Alarm) -> str:
        return DEFINITIONS[Kind(alarm.kind)].what_to_do


class TakenSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class AlarmFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")
    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    is_open = django_filters.BooleanFilter(method="only_open", label="still so; it closes when its cause is gone")
    is_taken = django_filters.BooleanFilter(method="only_taken", label="somebody sees to it")

    def only_open(self, found: QuerySet[Alarm], name: str, value: bool) -> QuerySet[Alarm]:
        return found.filter(closed_at__isnull=value)

    def only_taken(self, found: QuerySet[Alarm], name: str, value: bool) -> QuerySet[Alarm]:
        return found.filter(acknowledged_at__isnull=not value)


@extend_schema_view(list=extend_schema(description="Alarms, newest first."))
@extend_schema_view(retrieve=extend_schema(description="One alarm."))
class AlarmViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[Alarm]):
    study_path = "study"
    queryset = Alarm.objects.select_related("study")
    serializer_class = AlarmSerializer
    pagination_class = Newest
    filterset_class = AlarmFilter

    @extend_schema(request=TakenSerializer, responses=AlarmSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say that you see to it; it closes by itself when its cause is gone."""
        alarm: Alarm = self.get_object()
        entered = TakenSerializer(data=request.data)
        entered.is_valid(raise_exception=True)
        if not acknowledge(alarm, by=request.user.get_username(), note=entered.validated_data["note"]):
            raise ValidationError({"detail": "It is over already: there is nothing to see to."})
        alarm.refresh_from_db()
        return Response(AlarmSerializer(alarm).data)
