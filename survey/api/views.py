"""Studies by code; items and responses of one study at a time or of all."""

import django_filters
from django.db.models import QuerySet
from rest_framework import pagination, viewsets

from survey.api.serializers import ItemSerializer, ResponseSerializer, StudySerializer
from survey.enums import Country, Question, Status
from survey.models import Item, Response, Study


class ByKey(pagination.CursorPagination):
    """Pages that stay right while rows are added: each says where the next begins."""

    ordering = "pk"
    page_size = 500


class StudyViewSet(viewsets.ReadOnlyModelViewSet[Study]):
    queryset = Study.objects.select_related("version__instrument").prefetch_related("arms")
    serializer_class = StudySerializer
    lookup_field = "code"


class ItemFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = django_filters.CharFilter(field_name="version__studies__code", label="code of a study")
    scenario_country = django_filters.ChoiceFilter(choices=Country.choices)

    class Meta:
        model = Item
        fields = ["study", "scenario_country", "theme", "is_core"]


class ItemViewSet(viewsets.ReadOnlyModelViewSet[Item]):
    queryset = Item.objects.select_related("version")
    serializer_class = ItemSerializer
    pagination_class = ByKey
    filterset_class = ItemFilter


class ResponseFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = django_filters.CharFilter(field_name="session__arm__study__code", label="code of a study")
    country = django_filters.ChoiceFilter(field_name="session__arm__country", choices=Country.choices)
    item = django_filters.CharFilter(field_name="item__code")
    question = django_filters.ChoiceFilter(choices=Question.choices)
    status = django_filters.ChoiceFilter(field_name="session__status", choices=Status.choices)
    is_simulated = django_filters.BooleanFilter(field_name="session__participant__is_simulated")

    class Meta:
        model = Response
        fields = ["study", "country", "item", "question", "status", "is_simulated"]


class ResponseViewSet(viewsets.ReadOnlyModelViewSet[Response]):
    queryset: QuerySet[Response] = Response.objects.filter(session__arm__study__test_of=None).select_related(
        "item", "session__arm__study", "session__participant"
    )
    serializer_class = ResponseSerializer
    pagination_class = ByKey
    filterset_class = ResponseFilter
