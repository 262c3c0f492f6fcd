"""What every part of the API shares: pages, filters by study, what a token may be limited to."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from rest_framework import pagination, serializers, viewsets
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from survey.models import Study


class ByKey(pagination.CursorPagination):
    """Pages that stay right while rows are added: each says where the next begins."""

    ordering = "pk"
    page_size = 500
    page_size_query_param = "limit"
    max_page_size = 2000


class Newest(ByKey):
    """The same, newest first."""

    ordering = "-pk"
    page_size = 100


def study_filter(path: str) -> Any:
    """Make the filter by the code of a study."""
    return django_filters.CharFilter(field_name=f"{path}__code" if path else "code", label="code of a study")


def study_limit(request: Request) -> int | None:
    """Give the one study that the sender's token is limited to."""
    limit: int | None = getattr(request.auth, "study_id", None)
    return limit


def find_study(request: Request, code: str) -> Study:
    """Find a study that the sender may read of; to a token of another study there is none."""
    study = Study.objects.select_related("version__instrument").filter(code=code, test_of=None).first()
    if study is None or study_limit(request) not in (None, study.pk):
        raise Http404(f"There is no study {code}, or your token is for another one.")
    return study


def refuse_limited(request: Request) -> None:
    """Keep a token of one study from what is of all."""
    if study_limit(request) is not None:
        raise PermissionDenied("This is of the whole site; your token is limited to one study.")


@method_decorator(conditional_page, name="dispatch")
class OfStudies(viewsets.GenericViewSet[Any]):
    """Rows of studies: a token that is limited to one sees no others. Whoever has them already is told so (ETag)."""

    study_path: ClassVar[str]  # from a row to its study; empty: the rows are of no study
    test_path: ClassVar[str | None] = (
        None  # from a row to what its study is a test of, where that is not below the path
    )

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().filter_queryset(queryset)
        path = f"{self.study_path}__test_of" if self.test_path is None and self.study_path else self.test_path
        if path:  # test runs count nowhere
            found = found.filter(**{path: None})
        limit = study_limit(self.request)
        return found.filter(**{self.study_path: limit}) if limit and self.study_path else found


class BriefInLists(OfStudies):
    """Rows that a list gives without what is large, and an address of one gives whole."""

    large: ClassVar[tuple[str, ...]]  # columns that lists do not even read
    whole: ClassVar[type[serializers.BaseSerializer[Any]]]  # beside `serializer_class`, for one row

    def get_queryset(self) -> QuerySet[Any]:
        found = super().get_queryset()
        return found.defer(*self.large) if self.action == "list" else found

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return self.whole if self.action == "retrieve" else super().get_serializer_class()
