"""What panels count and pay, for programs: every visit without its identifiers, and approving as the page does."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

import django_filters
from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from survey.api.base import ByKey, OfStudies, find_study, study_filter
from survey.domain.fixes import MOST_AT_ONCE, Planned, Wish, clean_pks, order, preview
from survey.domain.visits import Act, Row, read_rows, read_some
from survey.enums import ActState, Country, Discrepancy, Outcome, PanelName, PanelVerb, SubmissionStatus
from survey.models import PanelSubmission, Study


class ActSerializer(serializers.Serializer[Act]):
    verb = serializers.ChoiceField(choices=PanelVerb.choices)
    state = serializers.ChoiceField(choices=ActState.choices)
    by = serializers.CharField()
    on = serializers.SerializerMethodField(help_text="the day, in UTC")

    def get_on(self, act: Act) -> date:
        return act.at.date()


class SubmissionSerializer(serializers.Serializer[Row]):
    """One visit as both sides know it; who it was stands on the page alone."""

    id = serializers.IntegerField(source="submission_pk")
    study = serializers.CharField(source="arm.study.code")
    country = serializers.ChoiceField(source="arm.country", choices=Country.choices)
    panel = serializers.ChoiceField(source="arm.panel", choices=PanelName.choices)
    session = serializers.IntegerField(source="session_pk", allow_null=True, help_text="as under review; null: none")
    outcome = serializers.ChoiceField(source="visit.outcome", choices=Outcome.choices, allow_null=True)
    panel_status = serializers.ChoiceField(source="visit.panel_status", choices=SubmissionStatus.choices)
    came_on = serializers.SerializerMethodField(help_text="the day, in UTC")
    our_seconds = serializers.IntegerField(allow_null=True)
    panel_seconds = serializers.IntegerField(allow_null=True)
    is_clean = serializers.BooleanField(help_text="can be approved without a look")
    discrepancies = serializers.SerializerMethodField(help_text="what does not agree")
    acts = ActSerializer(many=True, help_text="what was done at the panel, or is to be")

    def get_came_on(self, row: Row) -> date | None:
        return row.came_at.date() if row.came_at else None

    def get_discrepancies(self, row: Row) -> list[Discrepancy]:
        return [advice.discrepancy for advice in row.advices]


class ApprovalRequestSerializer(serializers.Serializer[Any]):
    study = serializers.CharField(help_text="code of the study")
    submissions = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        required=False,
        max_length=MOST_AT_ONCE,
        help_text="ids of submissions; without it those that can be approved without a look, 500 at most",
    )
    confirm = serializers.CharField(
        required=False, help_text="the preview's word for what it shows; without it nothing is written down"
    )


class LeftOutSerializer(serializers.Serializer[Planned]):
    id = serializers.IntegerField(source="row.submission_pk")
    why = serializers.CharField(source="obstacle")


class ApprovalSerializer(serializers.Serializer[Any]):
    """What would be, or was, asked of the panel; posting the same again with `confirm` as given here does it."""

    detail = serializers.CharField()
    confirm = serializers.CharField()
    submissions = serializers.ListField(child=serializers.IntegerField(), help_text="ids of those to be approved")
    left_out = LeftOutSerializer(many=True)
    n_new = serializers.IntegerField(help_text="written down now, to be done at the panel by a worker")


class SubmissionFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")
    country = django_filters.ChoiceFilter(field_name="arm__country", choices=Country.choices)
    panel_status = django_filters.ChoiceFilter(field_name="status", choices=SubmissionStatus.choices)

    class Meta:
        model = PanelSubmission
        fields = ["study", "country", "panel_status"]


@extend_schema_view(
    list=extend_schema(description="Visits that panels count and pay, beside our sessions; nobody's identifier.")
)
@extend_schema_view(retrieve=extend_schema(description="One visit."))
class SubmissionViewSet(OfStudies, viewsets.GenericViewSet[PanelSubmission]):
    study_path = "study"
    queryset = PanelSubmission.objects.only("pk", "study_id")
    serializer_class = SubmissionSerializer
    pagination_class = ByKey
    filterset_class = SubmissionFilter

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([SubmissionSerializer(row).data for row in _rows_of(page or [])])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        (row,) = _rows_of([self.get_object()])
        return Response(SubmissionSerializer(row).data)

    @extend_schema(
        request=ApprovalRequestSerializer,
        responses={200: ApprovalSerializer, 201: ApprovalSerializer, 409: ApprovalSerializer},
        filters=False,
    )
    @action(detail=False, methods=["post"])
    def approve(self, request: Request) -> Response:
        """Show whom the panel would pay (200); with that preview's `confirm`, write it down to be done (201).

        409: it is not what was previewed. What is paid cannot be taken back; nobody is rejected from here.
        """
        asked = ApprovalRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        study = find_study(request, asked.validated_data["study"])
        pks = asked.validated_data.get("submissions")
        chosen = set(clean_pks(read_rows(study))[:MOST_AT_ONCE] if pks is None else pks)
        planned = preview(study, Wish(PanelVerb.APPROVE), chosen)
        doable = sorted(one.row.submission_pk or 0 for one in planned if not one.obstacle)
        confirm, given = _word_for(study, doable), asked.validated_data.get("confirm")
        n_new = 0
        if given == confirm and isinstance(request.user, User):
            n_new = order(study, Wish(PanelVerb.APPROVE), set(doable), by=request.user)
        said, code = _say(given, confirm, n_new)
        body = {
            "detail": said, "confirm": confirm, "submissions": doable, "n_new": n_new,
            "left_out": [one for one in planned if one.obstacle],
        }  # fmt: skip
        return Response(ApprovalSerializer(body).data, status=code)


def _rows_of(found: Sequence[PanelSubmission]) -> list[Row]:
    """Read the visits of a page, in its order, and of others only those of the same people."""
    of_study: dict[int, set[int]] = defaultdict(set)
    for one in found:
        of_study[one.study_id].add(one.pk)
    rows: dict[int, Row] = {}
    for study in Study.objects.filter(pk__in=of_study):
        rows |= read_some(study, of_study[study.pk])
    return [rows[one.pk] for one in found]


def _word_for(study: Study, pks: Sequence[int]) -> str:
    """Name what a preview shows, so that nothing else is done on its word."""
    return hashlib.sha256(f"{study.pk}:{PanelVerb.APPROVE}:{','.join(map(str, pks))}".encode()).hexdigest()[:16]


def _say(given: str | None, confirm: str, n_new: int) -> tuple[str, int]:
    if given is None:
        return "Nothing has been done yet.", status.HTTP_200_OK
    if given != confirm:
        return "This is not what was previewed. Look at it, then confirm.", status.HTTP_409_CONFLICT
    if not n_new:
        return "Nothing new: nobody is left to approve.", status.HTTP_200_OK
    return f"{n_new} written down, to be done at the panel. The panel pays them.", status.HTTP_201_CREATED
