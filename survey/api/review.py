"""Looking at sessions and writing notes, and what studies registered and deviated from."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import django_filters
from django.db.models import Exists, OuterRef
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from survey.api.base import BriefInLists, Newest, OfStudies, study_filter
from survey.api.views import SessionFilter
from survey.domain.registration import compare_with_now, newest_registration
from survey.domain.review import LONGEST_NOTE, EmptyNote, add_note
from survey.enums import Country
from survey.models import Deviation, QualityFlag, Registration, SessionNote, SurveySession

NOTES = SessionNote.objects.filter(session=OuterRef("pk"))
FLAGGED = Exists(QualityFlag.objects.filter(session=OuterRef("pk")))


# --- Review ------------------------------------------------------------------------------------
class ReviewedSerializer(serializers.ModelSerializer[SurveySession]):
    study = serializers.CharField(source="arm.study.code")
    country = serializers.ChoiceField(source="arm.country", choices=Country.choices)
    is_simulated = serializers.BooleanField(source="participant.is_simulated")
    landed_on = serializers.SerializerMethodField(help_text="the day, in UTC")
    duration_s = serializers.SerializerMethodField(help_text="from landing to the end; null while under way")
    flags = serializers.SerializerMethodField(help_text="its quality flags by name, with what was measured")
    is_noted = serializers.BooleanField(help_text="somebody wrote a note")
    is_settled = serializers.BooleanField(help_text="a note says that it needs nothing more")

    class Meta:
        model = SurveySession
        fields = [
            "id", "study", "country", "locale", "status", "outcome", "is_simulated", "landed_on", "duration_s",
            "flags", "is_noted", "is_settled",
        ]  # fmt: skip

    def get_landed_on(self, session: SurveySession) -> date:
        return session.landed_at.date()

    def get_duration_s(self, session: SurveySession) -> float | None:
        return (session.finished_at - session.landed_at).total_seconds() if session.finished_at else None

    def get_flags(self, session: SurveySession) -> dict[str, float | None]:
        return {flag.name: flag.value for flag in session.quality_flags.all()}


class NoteSerializer(serializers.ModelSerializer[SessionNote]):
    text = serializers.CharField(max_length=LONGEST_NOTE, required=False, default="", allow_blank=True)
    is_settled = serializers.BooleanField(default=False, help_text="looked at: needs nothing more")

    class Meta:
        model = SessionNote
        fields = ["id", "text", "is_settled", "by", "at"]
        read_only_fields = ["by", "at"]


class ReviewFilter(SessionFilter):
    is_flagged = django_filters.BooleanFilter(label="with any flag, or without")
    is_noted = django_filters.BooleanFilter(label="with any note, or without")
    is_settled = django_filters.BooleanFilter(label="false with is_flagged and status=complete: the queue")


@extend_schema_view(
    list=extend_schema(description="Sessions as they are reviewed, newest first: flags, and whether somebody looked.")
)
@extend_schema_view(retrieve=extend_schema(description="One session as it is reviewed."))
class ReviewViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[SurveySession]):
    study_path = "arm__study"
    queryset = (
        SurveySession.objects.select_related("arm__study", "participant")
        .prefetch_related("quality_flags")
        .annotate(is_flagged=FLAGGED, is_noted=Exists(NOTES), is_settled=Exists(NOTES.filter(is_settled=True)))
        .defer("token", "receipt", "plan")
    )
    serializer_class = ReviewedSerializer
    pagination_class = Newest
    filterset_class = ReviewFilter

    @extend_schema(responses=NoteSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def notes(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The notes on a session, oldest first."""
        session: SurveySession = self.get_object()
        return Response(NoteSerializer(session.notes.all(), many=True).data)

    @extend_schema(request=NoteSerializer, responses={201: NoteSerializer})
    @notes.mapping.post
    def add(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Write a note down for good; a settling one takes the session off the queue. It excludes and pays nobody."""
        session: SurveySession = self.get_object()
        entered = NoteSerializer(data=request.data)
        entered.is_valid(raise_exception=True)
        try:
            note = add_note(session, **entered.validated_data, by=request.user.get_username())
        except EmptyNote as error:
            raise ValidationError({"text": [str(error)]}) from error
        return Response(NoteSerializer(note).data, status=status.HTTP_201_CREATED)


# --- Registrations and deviations ----------------------------------------------------------------
class RegistrationSerializer(serializers.ModelSerializer[Registration]):
    study = serializers.CharField(source="study.code")

    class Meta:
        model = Registration
        fields = ["id", "study", "number", "sha256", "by", "at"]


class DifferenceSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class RegistrationDetailSerializer(RegistrationSerializer):
    text = serializers.CharField(source="content", help_text="what was hashed, byte for byte in UTF-8")
    content = serializers.SerializerMethodField(help_text="the same as an object")
    differs_now = serializers.SerializerMethodField(
        help_text="of the newest registration: what is not so any more; null of earlier ones"
    )

    class Meta(RegistrationSerializer.Meta):
        fields = [*RegistrationSerializer.Meta.fields, "text", "content", "differs_now"]

    def get_content(self, registration: Registration) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(registration.content)
        return content

    @extend_schema_field(DifferenceSerializer(many=True, allow_null=True))
    def get_differs_now(self, registration: Registration) -> list[dict[str, str]] | None:
        if newest_registration(registration.study) != registration:
            return None
        return [one._asdict() for one in compare_with_now(registration.study, registration)]


class RegistrationFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")


@extend_schema_view(list=extend_schema(description="What studies committed to, newest first, by hash."))
@extend_schema_view(retrieve=extend_schema(description="One registration with its text, and what differs by now."))
class RegistrationViewSet(BriefInLists, viewsets.ReadOnlyModelViewSet[Registration]):
    study_path = "study"
    queryset = Registration.objects.select_related("study__version__instrument")
    pagination_class = Newest
    serializer_class, whole, large = RegistrationSerializer, RegistrationDetailSerializer, ("content",)
    filterset_class = RegistrationFilter


class DeviationSerializer(serializers.ModelSerializer[Deviation]):
    study = serializers.CharField(source="study.code")
    registration = serializers.IntegerField(source="registration.number", help_text="the one in force from then on")

    class Meta:
        model = Deviation
        fields = [
            "id", "study", "registration", "what", "before", "after", "reason", "by", "at", "is_found", "n_sessions",
            "n_complete", "n_answers",
        ]  # fmt: skip


class DeviationFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")
    is_found = django_filters.BooleanFilter(label="found by comparing; otherwise written down by somebody")


@extend_schema_view(list=extend_schema(description="The deviation logs, newest entries first."))
@extend_schema_view(retrieve=extend_schema(description="One deviation."))
class DeviationViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[Deviation]):
    study_path = "study"
    queryset = Deviation.objects.select_related("study", "registration").defer("registration__content")
    serializer_class = DeviationSerializer
    pagination_class = Newest
    filterset_class = DeviationFilter
