"""Studies, quotas, sessions, flags, items and their texts, answers, the log."""

from __future__ import annotations

import django_filters
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets

from survey.api.base import ByKey, Newest, OfStudies, refuse_limited, study_filter
from survey.api.serializers import (
    ItemSerializer,
    LogEntrySerializer,
    QualityFlagSerializer,
    QuotaCellSerializer,
    ResponseSerializer,
    SessionSerializer,
    StudySerializer,
)
from survey.enums import Country, LeaseState, Locale, Outcome, Question, Status, StudyState, Theme
from survey.flow.quality import FLAGS
from survey.flow.status import LIVE_FOR
from survey.models import AuditEntry, Item, QualityFlag, QuotaCell, Response, Study, SurveySession

IS_LIVE = Q(leases__state=LeaseState.LIVE, leases__session__last_activity_at__gte=Now() - LIVE_FOR)


class StudyFilter(django_filters.FilterSet):  # type: ignore[misc]
    state = django_filters.ChoiceFilter(choices=StudyState.choices)


@extend_schema_view(list=extend_schema(description="All studies, with their arms."))
@extend_schema_view(retrieve=extend_schema(description="One study by its code, with its arms."))
class StudyViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[Study]):
    study_path = "pk"
    test_path = "test_of"
    queryset = Study.objects.select_related("version__instrument").prefetch_related("arms").order_by("pk")
    serializer_class = StudySerializer
    pagination_class = ByKey
    lookup_field = "code"
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    filterset_class = StudyFilter


class QuotaFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("arm__study")
    country = django_filters.ChoiceFilter(field_name="arm__country", choices=Country.choices)
    is_open = django_filters.BooleanFilter()


@extend_schema_view(list=extend_schema(description="Quota cells with their fill: complete, and live at the moment."))
@extend_schema_view(retrieve=extend_schema(description="One quota cell with its fill."))
class QuotaViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[QuotaCell]):
    study_path = "arm__study"
    queryset = QuotaCell.objects.select_related("arm__study").annotate(
        n_complete=Count("leases", filter=Q(leases__state=LeaseState.COMPLETE)),
        n_live=Count("leases", filter=IS_LIVE),
    )
    serializer_class = QuotaCellSerializer
    pagination_class = ByKey
    filterset_class = QuotaFilter


class ItemFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("version__studies")
    code = django_filters.CharFilter(label="such as BR03")
    scenario_country = django_filters.ChoiceFilter(choices=Country.choices)
    theme = django_filters.ChoiceFilter(choices=Theme.choices)
    is_core = django_filters.BooleanFilter()


@extend_schema_view(list=extend_schema(description="Items of all versions, each with its texts in every locale."))
@extend_schema_view(retrieve=extend_schema(description="One item with its texts."))
class ItemViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[Item]):
    study_path = "version__studies"
    test_path = ""  # a version may be of several studies
    queryset = Item.objects.select_related("version__instrument")
    serializer_class = ItemSerializer
    pagination_class = ByKey
    filterset_class = ItemFilter


class SessionFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("arm__study")
    country = django_filters.ChoiceFilter(field_name="arm__country", choices=Country.choices)
    status = django_filters.ChoiceFilter(choices=Status.choices)
    outcome = django_filters.ChoiceFilter(choices=Outcome.choices)
    locale = django_filters.ChoiceFilter(choices=Locale.choices)
    is_simulated = django_filters.BooleanFilter(field_name="participant__is_simulated")
    flag = django_filters.ChoiceFilter(field_name="quality_flags__name", choices=[(name, name) for name in FLAGS])


@extend_schema_view(list=extend_schema(description="Passes through the survey; nobody's identifier is in them."))
@extend_schema_view(retrieve=extend_schema(description="One pass through the survey."))
class SessionViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[SurveySession]):
    study_path = "arm__study"
    queryset = (
        SurveySession.objects.select_related("arm__study", "participant")
        .annotate(flags=ArrayAgg("quality_flags__name", filter=Q(quality_flags__isnull=False), default=[]))
        .defer("token", "receipt")
    )
    serializer_class = SessionSerializer
    pagination_class = ByKey
    filterset_class = SessionFilter


class FlagFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("session__arm__study")
    country = django_filters.ChoiceFilter(field_name="session__arm__country", choices=Country.choices)
    name = django_filters.ChoiceFilter(choices=[(name, name) for name in FLAGS])


@extend_schema_view(list=extend_schema(description="Quality flags: what in a session deserves a look."))
class QualityFlagViewSet(OfStudies, mixins.ListModelMixin, viewsets.GenericViewSet[QualityFlag]):
    study_path = "session__arm__study"
    queryset = QualityFlag.objects.select_related("session__arm__study", "session__participant")
    serializer_class = QualityFlagSerializer
    pagination_class = ByKey
    filterset_class = FlagFilter


class ResponseFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("session__arm__study")
    country = django_filters.ChoiceFilter(field_name="session__arm__country", choices=Country.choices)
    session = django_filters.NumberFilter(field_name="session", min_value=1, max_value=2**63 - 1)
    item = django_filters.CharFilter(field_name="item__code", label="code of an item")
    question = django_filters.ChoiceFilter(choices=Question.choices)
    status = django_filters.ChoiceFilter(field_name="session__status", choices=Status.choices)
    is_simulated = django_filters.BooleanFilter(field_name="session__participant__is_simulated")


@extend_schema_view(
    list=extend_schema(
        description="Answers, one row per question of an item. For all of a study at once see `/api/exports/`."
    )
)
@extend_schema_view(retrieve=extend_schema(description="One answer."))
class ResponseViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[Response]):
    study_path = "session__arm__study"
    queryset: QuerySet[Response] = Response.objects.select_related(
        "item", "session__arm__study", "session__participant"
    ).exclude(session__status=Status.WITHDREW)
    serializer_class = ResponseSerializer
    pagination_class = ByKey
    filterset_class = ResponseFilter


class LogFilter(django_filters.FilterSet):  # type: ignore[misc]
    by = django_filters.CharFilter(label="user name")
    act = django_filters.CharFilter(label="name of an address or of a command")


class ByNumber(Newest):
    ordering = "-number"


@extend_schema_view(list=extend_schema(description="What staff did, newest first; each entry is chained to the last."))
@extend_schema_view(retrieve=extend_schema(description="One entry of the log."))
class LogViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[AuditEntry]):
    study_path = ""
    queryset = AuditEntry.objects.all()
    serializer_class = LogEntrySerializer
    pagination_class = ByNumber
    filterset_class = LogFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        if not getattr(self, "swagger_fake_view", False):
            refuse_limited(self.request)
        return super().get_queryset()
