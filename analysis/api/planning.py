"""Planning a sample, for programs: the closed form at once, simulated studies in the background."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from analysis.models import SampleSimulation
from analysis.sample_questions import BOUNDS, KIND_TITLES, Bound, Kind, SampleQuestion, of_study, read_question
from analysis.simulations import request_simulation
from analysis.tasks import launch_simulation
from survey.api.base import Newest, OfStudies, find_study


def _number(bound: Bound, **options: Any) -> serializers.Field[Any, Any, Any, Any]:
    """Make the field of a number that a question holds, within its bounds."""
    if bound.is_whole:
        return serializers.IntegerField(
            help_text=bound.label, min_value=int(bound.low), max_value=int(bound.high), **options
        )
    return serializers.FloatField(help_text=bound.label, min_value=bound.low, max_value=bound.high, **options)


def _fields(**options: Any) -> dict[str, Any]:
    """Give the fields of a question: what shall be found, by whom, on which items."""
    kinds = "; ".join(f"{kind}: {title}" for kind, title in KIND_TITLES.items())
    return {
        "kind": serializers.ChoiceField(choices=[(kind.value, kind.name) for kind in Kind], help_text=kinds, **options),
        "is_shared": serializers.BooleanField(help_text="both countries judge the same items", **options),
        **{name: _number(bound, **options) for name, bound in BOUNDS.items()},
    }


class SampleQuestionSerializer(serializers.Serializer[Any]):
    """A question with every number that it rests on."""

    def get_fields(self) -> dict[str, Any]:
        return _fields()


class SampleRequestSerializer(serializers.Serializer[Any]):
    """A question; what it leaves out is as on the *Planning* page, or as in the design of the study named."""

    def get_fields(self) -> dict[str, Any]:
        study = serializers.CharField(required=False, help_text="code of a study whose design fills in the rest")
        return {"study": study, **_fields(required=False)}


class PointSerializer(serializers.Serializer[Any]):
    people = serializers.IntegerField()
    value = serializers.FloatField(help_text="power; reliability, for disagreement")


class SampleAnswerSerializer(serializers.Serializer[Any]):
    question = SampleQuestionSerializer()
    value = serializers.FloatField(help_text="power at the people asked for; reliability, for disagreement")
    needed = serializers.IntegerField(allow_null=True, help_text="people for what is wanted; null: none are enough")
    detectable = serializers.FloatField(
        allow_null=True, help_text="smallest effect with the power wanted, in points; null for disagreement"
    )
    curve = PointSerializer(many=True)


class SimulatedPointSerializer(serializers.Serializer[Any]):
    people = serializers.IntegerField()
    estimate = serializers.FloatField(allow_null=True, help_text="power, or reliability, over the studies")
    ci_low = serializers.FloatField(allow_null=True)
    ci_high = serializers.FloatField(allow_null=True)
    mean_estimate = serializers.FloatField(allow_null=True, help_text="mean effect found, in points")
    runs = serializers.IntegerField(help_text="studies simulated")


class SampleSimulationSerializer(serializers.ModelSerializer[SampleSimulation]):
    question = serializers.SerializerMethodField()
    points = serializers.SerializerMethodField(help_text="what was found, by number of people; empty until it is done")

    class Meta:
        model = SampleSimulation
        fields = [
            "id", "question", "state", "n_wanted", "n_done", "points", "error", "code_version", "created_at",
            "finished_at",
        ]  # fmt: skip

    @extend_schema_field(SampleQuestionSerializer)
    def get_question(self, simulation: SampleSimulation) -> dict[str, Any]:
        found: dict[str, Any] = simulation.question
        return found

    @extend_schema_field(SimulatedPointSerializer(many=True))
    def get_points(self, simulation: SampleSimulation) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = simulation.points
        return found


class SampleSimulationFilter(django_filters.FilterSet):  # type: ignore[misc]
    state = django_filters.ChoiceFilter(choices=SampleSimulation.State.choices)


ASKED = [
    OpenApiParameter("study", OpenApiTypes.STR, description="code of a study whose design fills in the rest"),
    OpenApiParameter("kind", OpenApiTypes.STR, enum=[kind.value for kind in Kind]),
    OpenApiParameter("is_shared", OpenApiTypes.BOOL, description="both countries judge the same items"),
    *(
        OpenApiParameter(
            name,
            OpenApiTypes.INT64 if bound.is_whole else OpenApiTypes.DOUBLE,
            description=f"{bound.label}; from {bound.low:g} to {bound.high:g}",
        )
        for name, bound in BOUNDS.items()
    ),
]


@extend_schema_view(list=extend_schema(description="Questions whose studies were simulated, newest first."))
@extend_schema_view(retrieve=extend_schema(description="One question with what its simulated studies found."))
class PlanningViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[SampleSimulation]):
    study_path = ""
    queryset = SampleSimulation.objects.all()
    serializer_class = SampleSimulationSerializer
    pagination_class = Newest
    filterset_class = SampleSimulationFilter

    @extend_schema(parameters=ASKED, responses=SampleAnswerSerializer, filters=False)
    @action(detail=False, pagination_class=None)
    def answer(self, request: Request) -> Response:
        """What such a study finds and how many people it needs, in closed form."""
        from analysis.sample_answers import closed_form  # NumPy loads with the first question

        question = _question(request, request.query_params.dict())
        found = closed_form(question)
        curve = [{"people": people, "value": value} for people, value in found["curve"]]
        return Response(SampleAnswerSerializer({**found, "question": question.as_json(), "curve": curve}).data)

    @extend_schema(request=SampleRequestSerializer, responses={202: SampleSimulationSerializer})
    def create(self, request: Request) -> Response:
        """Have whole studies simulated; the same question is simulated once, and given again where it was.

        Ask for it again until its `state` is done or failed.
        """
        question = _question(request, request.data)
        simulation = request_simulation(question, request.user if request.user.is_authenticated else None)
        launch_simulation(simulation.pk)
        return Response(SampleSimulationSerializer(simulation).data, status=status.HTTP_202_ACCEPTED)


def _question(request: Request, data: Any) -> SampleQuestion:
    """Read a question as the page's form does; its bounds say what is wrong."""
    asked = SampleRequestSerializer(data=data)
    asked.is_valid(raise_exception=True)
    given = dict(asked.validated_data)
    code = given.pop("study", None)
    first = of_study(find_study(request, code)) if code else SampleQuestion()
    whole = {field.name: given.get(field.name, getattr(first, field.name)) for field in fields(SampleQuestion)}
    try:
        return read_question(SampleQuestion(**whole).as_query(), first)
    except ValueError as error:
        raise ValidationError({"detail": f"{error}."}) from error
