"""The API's view of models, runs and completions. Staff only; runs can also be started here."""

from __future__ import annotations

from functools import partial
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, pagination, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from survey.enums import Choice, Question
from survey.llm.domain import create_alignment_run
from survey.llm.enums import PersonaSetting, RunState
from survey.llm.models import Completion, ModelSpec, Run
from survey.llm.queries import run_progress
from survey.llm.tasks import launch
from survey.models import Study


class ByKey(pagination.CursorPagination):
    """Pages that stay right while rows are added: each says where the next begins."""

    ordering = "pk"
    page_size = 500


class ModelSpecSerializer(serializers.ModelSerializer[ModelSpec]):
    class Meta:
        model = ModelSpec
        fields = [
            "tag", "provider", "base_url", "model", "family", "stage", "prompt_format", "max_in_flight",
            "requests_per_minute", "tokens_per_minute", "timeout_s", "parameters",
        ]  # fmt: skip


class ModelSpecViewSet(viewsets.ReadOnlyModelViewSet[ModelSpec]):
    queryset = ModelSpec.objects.all()
    serializer_class = ModelSpecSerializer
    lookup_field = "tag"


class RunSerializer(serializers.ModelSerializer[Run]):
    study = serializers.CharField(source="study.code")
    specs = serializers.SerializerMethodField(help_text="tags of models")

    class Meta:
        model = Run
        fields = ["id", "study", "specs", "state", "n_cells", "created_at", "finished_at", "error"]

    def get_specs(self, run: Run) -> list[str]:
        return [spec.tag for spec in run.specs.all()]


class RunDetailSerializer(RunSerializer):
    progress = serializers.SerializerMethodField(help_text="number of cells by model and state")

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "manifest", "progress"]

    def get_progress(self, run: Run) -> dict[str, dict[str, int]]:
        return {part.name: {str(state): n for state, n in part.counts.items()} for part in run_progress(run)}


class RunRequestSerializer(serializers.Serializer[Any]):
    study = serializers.SlugRelatedField(slug_field="code", queryset=Study.objects.all())
    specs = serializers.ListField(
        child=serializers.SlugRelatedField(slug_field="tag", queryset=ModelSpec.objects.all()),
        help_text="tags of models",
    )
    persona = serializers.ListField(
        child=serializers.ChoiceField(choices=PersonaSetting.choices), default=PersonaSetting.values
    )
    limit = serializers.IntegerField(min_value=1, required=False, help_text="only the first items")


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = django_filters.CharFilter(field_name="study__code", label="code of a study")
    spec = django_filters.CharFilter(field_name="specs__tag", label="tag of a model")
    state = django_filters.ChoiceFilter(choices=RunState.choices)

    class Meta:
        model = Run
        fields = ["study", "spec", "state"]


class RunViewSet(mixins.CreateModelMixin, viewsets.ReadOnlyModelViewSet[Run]):
    queryset = Run.objects.select_related("study").prefetch_related("specs").order_by("pk")
    pagination_class = ByKey
    filterset_class = RunFilter

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        """Give the shape of a request, of a list entry or of one run."""
        if self.action == "create":
            return RunRequestSerializer
        return RunSerializer if self.action == "list" else RunDetailSerializer

    @extend_schema(responses={201: RunDetailSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a run and have it started."""
        asked = RunRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        try:
            with transaction.atomic():
                run = create_alignment_run(
                    data["study"],
                    specs=list(dict.fromkeys(data["specs"])),
                    persona=[PersonaSetting(setting) for setting in data["persona"]],
                    limit=data.get("limit"),
                    created_by=request.user,
                )
                transaction.on_commit(partial(launch, run.pk))
        except ValueError as error:
            raise serializers.ValidationError({"detail": str(error)}) from error
        return Response(RunDetailSerializer(run).data, status=status.HTTP_201_CREATED)


class CompletionSerializer(serializers.ModelSerializer[Completion]):
    run = serializers.IntegerField(source="cell.run_id")
    spec = serializers.CharField(source="cell.spec.tag")
    item = serializers.CharField(source="cell.item.code")
    question = serializers.CharField(source="cell.question")
    persona_setting = serializers.CharField(source="cell.persona_setting")
    persona_country = serializers.CharField(source="cell.persona_country")
    persona_age = serializers.CharField(source="cell.persona_age")
    persona_gender = serializers.CharField(source="cell.persona_gender")
    locale = serializers.CharField(source="cell.locale")
    option_order = serializers.CharField(source="cell.option_order")
    condition = serializers.CharField(source="cell.condition")
    paraphrase = serializers.IntegerField(source="cell.paraphrase")
    preference_config = serializers.CharField(source="cell.preference_config")
    demographic_config = serializers.CharField(source="cell.demographic_config")
    method = serializers.CharField(source="cell.method")
    repeat = serializers.IntegerField(source="cell.repeat")

    class Meta:
        model = Completion
        fields = [
            "id", "run", "spec", "item", "question", "persona_setting", "persona_country", "persona_age",
            "persona_gender", "locale", "option_order", "condition", "paraphrase", "preference_config",
            "demographic_config", "method", "repeat", "choice", "p_culture",
            "label_mass", "text", "parse_stage", "parser_version", "finish_reason", "model_returned", "seed",
            "prompt_tokens", "completion_tokens", "latency_ms", "is_simulated", "created_at", "text_hash",
            "dropped_params", "request", "reply",
        ]  # fmt: skip


class CompletionFilter(django_filters.FilterSet):  # type: ignore[misc]
    run = django_filters.NumberFilter(field_name="cell__run")
    spec = django_filters.CharFilter(field_name="cell__spec__tag", label="tag of a model")
    item = django_filters.CharFilter(field_name="cell__item__code", label="code of an item")
    question = django_filters.ChoiceFilter(field_name="cell__question", choices=Question.choices)
    persona_setting = django_filters.ChoiceFilter(field_name="cell__persona_setting", choices=PersonaSetting.choices)
    choice = django_filters.ChoiceFilter(choices=Choice.choices)

    class Meta:
        model = Completion
        fields = ["run", "spec", "item", "question", "persona_setting", "choice", "is_simulated"]


class CompletionViewSet(viewsets.ReadOnlyModelViewSet[Completion]):
    queryset: QuerySet[Completion] = Completion.objects.select_related("cell__spec", "cell__item")
    serializer_class = CompletionSerializer
    pagination_class = ByKey
    filterset_class = CompletionFilter


router_entries = [("runs", RunViewSet), ("models", ModelSpecViewSet), ("completions", CompletionViewSet)]
