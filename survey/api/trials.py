"""Test runs for programs: begin one, follow its address as a participant would, remove it. Nothing counts them."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_filters
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from survey.api.base import Newest, OfStudies, find_study
from survey.domain.trial_runs import CannotTest, begin_trial, remove_trials
from survey.enums import Country, Status
from survey.models import SurveySession


class TrialSerializer(serializers.ModelSerializer[SurveySession]):
    study = serializers.CharField(source="arm.study.test_of.code", help_text="the study that it is a test of")
    country = serializers.ChoiceField(source="arm.country", choices=Country.choices)
    landed_on = serializers.SerializerMethodField(help_text="the day, in UTC")
    address = serializers.SerializerMethodField(help_text="where it goes on; whoever has it can answer in it")

    class Meta:
        model = SurveySession
        fields = ["id", "study", "country", "locale", "status", "landed_on", "address"]

    def get_landed_on(self, session: SurveySession) -> date:
        return session.landed_at.date()

    def get_address(self, session: SurveySession) -> str:
        return reverse("survey:page", args=[session.token])


class TrialRequestSerializer(serializers.Serializer[Any]):
    study = serializers.CharField(help_text="code of the study")
    country = serializers.ChoiceField(choices=Country.choices)


class TrialFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = django_filters.CharFilter(field_name="arm__study__test_of__code", label="code of a study")
    status = django_filters.ChoiceFilter(choices=Status.choices)


@extend_schema_view(list=extend_schema(description="Test runs of the team, newest first."))
@extend_schema_view(retrieve=extend_schema(description="One test run."))
@extend_schema_view(destroy=extend_schema(description="Remove a test run with everything that was entered in it."))
class TrialViewSet(OfStudies, mixins.DestroyModelMixin, viewsets.ReadOnlyModelViewSet[SurveySession]):
    study_path = "arm__study__test_of"
    test_path = ""  # test runs are what is listed here
    queryset = SurveySession.objects.filter(arm__study__test_of__isnull=False).select_related("arm__study__test_of")
    serializer_class = TrialSerializer
    pagination_class = Newest
    filterset_class = TrialFilter

    @extend_schema(request=TrialRequestSerializer, responses={201: TrialSerializer})
    def create(self, request: Request) -> Response:
        """Begin a test run: the real pages, on answers that count nowhere."""
        asked = TrialRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        study = find_study(request, asked.validated_data["study"])
        try:
            session = begin_trial(study, asked.validated_data["country"])
        except CannotTest as error:
            raise ValidationError({"country": [f"No test run: {error}."]}) from error
        return Response(TrialSerializer(self.get_queryset().get(pk=session.pk)).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: SurveySession) -> None:
        study = instance.arm.study.test_of
        if study is not None:
            remove_trials(study, {instance.pk})
