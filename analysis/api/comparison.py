"""Any two groups beside each other: which can be chosen, and what their counts say."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from analysis import comparison
from analysis.blinding import WITHHELD
from analysis.comparison import CORE, ITEM_SETS, SHARED, TRAITS, WORDS, Chosen, ItemRow, QuestionRow, Side, Who
from survey.api.base import study_limit
from survey.enums import Question

SIDES = ("a", "b")


class GroupSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="names it in `a` and `b`")
    label = serializers.CharField()  # type: ignore[assignment]
    study = serializers.CharField(source="study.code")
    model = serializers.CharField(help_text="blank: the people of the study")


class EstimateSerializer(serializers.Serializer[Any]):
    estimate = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    se = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(help_text="why a number is missing")


class QuestionSerializer(serializers.Serializer[QuestionRow]):
    question = serializers.ChoiceField(choices=Question.choices)
    first = EstimateSerializer(help_text="share that follows the culture")
    second = EstimateSerializer(help_text="the same of the second group")
    difference = EstimateSerializer()
    by_item = EstimateSerializer(help_text="difference over the items that both judged")
    first_alpha = EstimateSerializer(help_text="agreement within the group")
    second_alpha = EstimateSerializer(help_text="the same of the second group")
    n_shared = serializers.IntegerField(help_text="items that both judged")
    first_n = serializers.FloatField(help_text="answers of the first group")
    second_n = serializers.FloatField(help_text="the same of the second group")
    correlation = serializers.FloatField(allow_null=True)


class ItemShareSerializer(serializers.Serializer[ItemRow]):
    question = serializers.ChoiceField(choices=Question.choices)
    item = serializers.CharField()
    first_n = serializers.FloatField()
    first_rate = serializers.FloatField(allow_null=True)
    second_n = serializers.FloatField()
    second_rate = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True)


class SideSerializer(serializers.Serializer[Side]):
    label = serializers.CharField(source="chosen.label")  # type: ignore[assignment]
    n_people = serializers.IntegerField(allow_null=True)
    is_simulated = serializers.BooleanField()
    is_imported = serializers.BooleanField()


class ComparisonSerializer(serializers.Serializer[Any]):
    items = serializers.ChoiceField(choices=list(ITEM_SETS))
    sides = SideSerializer(many=True)
    questions = QuestionSerializer(many=True)
    by_item = ItemShareSerializer(many=True)


def _trait(side: str, name: str) -> OpenApiParameter:
    return OpenApiParameter(f"{side}_{name}", OpenApiTypes.STR, enum=list(WORDS[name]), description="empty: all")


ASKED = [
    *(OpenApiParameter(side, OpenApiTypes.STR, required=True, description="key of a group") for side in SIDES),
    *(_trait(side, name) for side in SIDES for name in TRAITS),
    OpenApiParameter("items", OpenApiTypes.STR, enum=list(ITEM_SETS), description="which items; shared by itself"),
]


class ComparisonViewSet(viewsets.GenericViewSet[Any]):
    serializer_class = GroupSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(responses=GroupSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The groups that can be compared: people of a study, own or imported, and models."""
        return Response(GroupSerializer(offered(request), many=True).data)

    @extend_schema(parameters=ASKED, responses=ComparisonSerializer)
    @action(detail=False)
    def result(self, request: Request) -> Response:
        """Two groups beside each other, as *Compare* shows them."""
        items = request.query_params.get("items") or SHARED
        if items not in ITEM_SETS:
            raise serializers.ValidationError({"items": [f"Choose one of {', '.join(ITEM_SETS)}."]})
        everything = offered(request)
        sides = [comparison.read_side(read_group(everything, request, side), core=items == CORE) for side in SIDES]
        if any(side.is_hidden for side in sides):
            raise PermissionDenied(WITHHELD)
        first, second = comparison.only_shared(*sides) if items == SHARED else sides
        body = {
            "items": items,
            "sides": sides,
            "questions": comparison.compare(first, second),
            "by_item": [_shares(row) for row in comparison.item_rows(first, second)],
        }
        return Response(ComparisonSerializer(body).data)


def offered(request: Request) -> list[Who]:
    """List the groups that the sender's token may read of."""
    limit = study_limit(request)
    return [one for one in comparison.offered() if limit in (None, one.study.pk)]


def read_group(everything: list[Who], request: Request, side: str) -> Chosen:
    """Read a group; unlike the page, refuse what is no trait of anybody."""
    data = request.query_params.dict()
    if not data.get(side):
        raise serializers.ValidationError({side: ["Name a group by its key."]})
    for name in TRAITS:
        value = data.get(f"{side}_{name}", "")
        if value and value not in WORDS[name]:
            raise serializers.ValidationError({f"{side}_{name}": [f"Choose one of {', '.join(WORDS[name])}."]})
    chosen = comparison.choose(everything, data, side)
    if chosen is None:
        raise Http404(f"There is no group {data[side]}, or your token is for another study.")
    return chosen


def _shares(row: ItemRow) -> dict[str, Any]:
    first, second = row.first, row.second
    return {
        "question": row.question, "item": row.item,
        "first_n": first.n if first else 0, "first_rate": first.rate if first else None,
        "second_n": second.n if second else 0, "second_rate": second.rate if second else None,
        "difference": row.gap,
    }  # fmt: skip
