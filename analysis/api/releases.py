"""Releases: which there are, and their files."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request

from analysis.api.exports import AsAsked
from analysis.models import Release
from analysis.release.store import zip_of
from survey.api.base import Newest, OfStudies, study_filter


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    study = serializers.CharField(source="study.code")
    choices = serializers.DictField(help_text="authors, address, licence, what is taken, how people are covered")
    report = serializers.DictField(help_text="counts, and how people were covered")

    class Meta:
        model = Release
        fields = [
            "id", "study", "number", "state", "step", "choices", "snapshot_hash", "checksum", "code_version", "report",
            "error", "by", "created_at", "finished_at",
        ]  # fmt: skip


class ReleaseFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")
    state = django_filters.ChoiceFilter(choices=Release.State.choices)


@extend_schema_view(list=extend_schema(description="Releases, newest first."))
@extend_schema_view(retrieve=extend_schema(description="One release; `state` and `step` tell how far it is."))
class ReleaseViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[Release]):
    study_path = "study"
    queryset = Release.objects.select_related("study")
    serializer_class = ReleaseSerializer
    pagination_class = Newest
    filterset_class = ReleaseFilter

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="file", content_negotiation_class=AsAsked, filterset_class=None)
    def file(self, request: Request, *args: Any, **kwargs: Any) -> FileResponse:
        """The release as a zip file, once it is done."""
        release: Release = self.get_object()
        path = zip_of(release)
        if release.state != Release.State.DONE or not path.is_file():
            raise Http404("There is no file: wait until its state is done, or make it again with the command.")
        return FileResponse(path.open("rb"), as_attachment=True, filename=path.name)
