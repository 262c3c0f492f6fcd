"""The API's view of models, runs and completions. Staff only; runs can also be started here."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from survey.api.base import ByKey, OfStudies, find_study, study_filter
from survey.enums import Choice, Question
from survey.llm import domain
from survey.llm.again import offer
from survey.llm.enums import Again, PersonaSetting, ProviderName, RunState
from survey.llm.experiment import alignment_experiment
from survey.llm.models import Completion, ModelSpec, Run
from survey.llm.preview import Preview, preview
from survey.llm.queries import run_progress
from survey.llm.tasks import launch
from survey.models import Study


class ModelSpecSerializer(serializers.ModelSerializer[ModelSpec]):
    class Meta:
        model = ModelSpec
        fields = [
            "tag", "provider", "base_url", "model", "family", "stage", "prompt_format", "max_in_flight",
            "requests_per_minute", "tokens_per_minute", "timeout_s", "parameters",
        ]  # fmt: skip


class ModelSpecFilter(django_filters.FilterSet):  # type: ignore[misc]
    provider = django_filters.ChoiceFilter(choices=ProviderName.choices)
    family = django_filters.CharFilter()


@extend_schema_view(list=extend_schema(description="Models behind endpoints; their keys are named on the server only."))
@extend_schema_view(retrieve=extend_schema(description="One model by its tag."))
class ModelSpecViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[ModelSpec]):
    study_path = ""
    queryset = ModelSpec.objects.order_by("pk")
    pagination_class = ByKey
    filterset_class = ModelSpecFilter
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    serializer_class = ModelSpecSerializer
    lookup_field = "tag"


class RunSerializer(serializers.ModelSerializer[Run]):
    study = serializers.CharField(source="study.code")
    specs = serializers.SerializerMethodField(help_text="tags of models")

    class Meta:
        model = Run
        fields = [
            "id", "study", "specs", "state", "n_cells", "priority", "budget", "spent", "currency", "reuses_answers",
            "created_at", "finished_at", "error",
        ]  # fmt: skip

    def get_specs(self, run: Run) -> list[str]:
        return [spec.tag for spec in run.specs.all()]


class RunDetailSerializer(RunSerializer):
    progress = serializers.SerializerMethodField(help_text="number of cells by model and state")
    stopped = serializers.SerializerMethodField(
        help_text="models that are asked no more, each with what to mend; resume asks them again, also in a running run"
    )

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "manifest", "progress", "stopped"]

    def get_progress(self, run: Run) -> dict[str, dict[str, int]]:
        return {part.name: {str(state): n for state, n in part.counts.items()} for part in run_progress(run)}

    def get_stopped(self, run: Run) -> dict[str, str]:
        return dict(run.stops.values_list("spec__tag", "reason"))


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
    budget = serializers.DecimalField(max_digits=12, decimal_places=4, min_value=Decimal(0), required=False)
    priority = serializers.IntegerField(min_value=-100, max_value=100, default=0)
    reuses_answers = serializers.BooleanField(
        default=False, help_text="take answers that earlier runs got to the very same calls"
    )
    start = serializers.CharField(
        required=False, help_text="the preview's word for what it shows; without it nothing is started"
    )


class CostEstimateSerializer(serializers.Serializer[Any]):
    spec = serializers.CharField(source="spec.tag")
    n_calls = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField(help_text="estimated")
    completion_tokens = serializers.IntegerField(help_text="at the longest")
    cost = serializers.DecimalField(max_digits=20, decimal_places=8, allow_null=True, help_text="empty: no price")
    currency = serializers.CharField(source="price.currency", default="")
    minutes = serializers.FloatField(help_text="at the model's limits")


class SavingsSerializer(serializers.Serializer[Any]):
    n_calls = serializers.IntegerField(help_text="not made, because earlier runs have the answers")
    is_exact = serializers.BooleanField(help_text="else estimated from drawn calls")


class PreviewSerializer(serializers.Serializer[Any]):
    """What a run would send; posting the same again with `start` as given here starts it."""

    detail = serializers.CharField(default="")
    start = serializers.CharField(source="token")
    n_calls = serializers.IntegerField()
    savings = SavingsSerializer(allow_null=True)
    estimates = CostEstimateSerializer(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


class RunChangeSerializer(serializers.Serializer[Any]):
    budget = serializers.DecimalField(
        max_digits=12, decimal_places=4, min_value=Decimal(0), required=False, allow_null=True, help_text="null: none"
    )
    priority = serializers.IntegerField(min_value=-100, max_value=100, required=False)


class AgainSerializer(serializers.Serializer[Any]):
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=Again.choices), allow_empty=False)


class KindSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    n_calls = serializers.IntegerField()
    money = serializers.DecimalField(max_digits=20, decimal_places=8, allow_null=True, help_text="empty: no price")


class OfferSerializer(serializers.Serializer[Any]):
    """What a run could be asked again, and what that would take."""

    kinds = KindSerializer(many=True)
    n_todo = serializers.IntegerField(help_text="to be asked in any case when the run goes on")
    room = serializers.DecimalField(max_digits=20, decimal_places=8, allow_null=True, help_text="of the budget, left")
    is_short = serializers.BooleanField(help_text="whether all of it would cost more than that")


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("study")
    spec = django_filters.CharFilter(field_name="specs__tag", label="tag of a model")
    state = django_filters.ChoiceFilter(choices=RunState.choices)

    class Meta:
        model = Run
        fields = ["study", "spec", "state"]


@extend_schema_view(list=extend_schema(description="Runs of models, oldest first."))
@extend_schema_view(retrieve=extend_schema(description="One run with its manifest and its cells by state."))
class RunViewSet(OfStudies, mixins.CreateModelMixin, viewsets.ReadOnlyModelViewSet[Run]):
    study_path = "study"
    queryset = Run.objects.select_related("study").prefetch_related("specs").order_by("pk")
    pagination_class = ByKey
    filterset_class = RunFilter

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        """Give the shape of a request, of a list entry or of one run."""
        asked = {"create": RunRequestSerializer, "partial_update": RunChangeSerializer, "again": AgainSerializer}
        return asked.get(self.action, RunSerializer if self.action == "list" else RunDetailSerializer)

    @extend_schema(responses={200: PreviewSerializer, 201: RunDetailSerializer, 409: PreviewSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show what a run would send (200); with that preview's `start`, make it and have it started (201)."""
        asked = RunRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        find_study(request, data["study"].code)  # a token of another study sees none
        persona = [PersonaSetting(setting) for setting in data["persona"]]
        try:
            experiment = alignment_experiment(
                data["study"], list(dict.fromkeys(data["specs"])), persona, limit=data.get("limit")
            )
            shown = preview(experiment, budget=data.get("budget"), reuses_answers=data["reuses_answers"])
            if data.get("start") != shown.token:
                return _shown(shown, is_other="start" in data)
            with transaction.atomic():
                run = domain.create_run(
                    experiment,
                    budget=data.get("budget"),
                    priority=data["priority"],
                    reuses_answers=data["reuses_answers"],
                    created_by=request.user,
                )
                transaction.on_commit(partial(launch, run.pk))
        except ValueError as error:
            raise serializers.ValidationError({"detail": str(error)}) from error
        return Response(RunDetailSerializer(run).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=RunDetailSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change budget or priority; both count from the next cells on."""
        run: Run = self.get_object()
        asked = RunChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            with transaction.atomic():
                if "budget" in asked.validated_data:
                    domain.change_budget(run, asked.validated_data["budget"])
                if "priority" in asked.validated_data:
                    domain.change_priority(run, asked.validated_data["priority"])
        except ValueError as error:
            raise serializers.ValidationError({"detail": str(error)}) from error
        return Response(RunDetailSerializer(self.get_object()).data)

    @extend_schema(methods=["GET"], responses=OfferSerializer)
    @extend_schema(methods=["POST"], request=AgainSerializer, responses=RunDetailSerializer)
    @action(detail=True, methods=["get", "post"])
    def again(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tell what could be asked again; ask some kinds of it again. Earlier answers are kept."""
        run: Run = self.get_object()
        if request.method == "GET":
            return Response(OfferSerializer(offer(run)).data)
        asked = AgainSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        kinds = {Again(kind) for kind in asked.validated_data["kinds"]}
        try:
            with transaction.atomic():
                domain.ask_again(run, kinds, request.user.get_username())
                transaction.on_commit(partial(launch, run.pk))
        except ValueError as error:
            raise serializers.ValidationError({"detail": str(error)}) from error
        return Response(RunDetailSerializer(self.get_object()).data)

    @extend_schema(request=None, responses={200: RunDetailSerializer, 409: RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have a run ask nothing more until it is resumed (409: it is in no state for that)."""
        run: Run = self.get_object()
        return self._answer(domain.pause_run(run))

    @extend_schema(request=None, responses={200: RunDetailSerializer, 409: RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have a run go on that is paused or stopped, or asks one of its models no more (409: neither)."""
        run: Run = self.get_object()
        did = domain.resume_run(run)
        if did:
            launch(run.pk)
        return self._answer(did)

    @extend_schema(request=None, responses={200: RunDetailSerializer, 409: RunDetailSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """End a run for good; what was answered stays (409: it had ended)."""
        run: Run = self.get_object()
        return self._answer(domain.cancel_run(run))

    def _answer(self, did: bool) -> Response:
        code = status.HTTP_200_OK if did else status.HTTP_409_CONFLICT
        return Response(RunDetailSerializer(self.get_object()).data, status=code)


def _shown(shown: Preview, *, is_other: bool) -> Response:
    """Answer with a preview: as asked for, or because something else was to be started than it shows."""
    said = "This is not what was previewed. Look at it, then start." if is_other else "Nothing has been sent yet."
    found = {**PreviewSerializer(shown).data, "detail": said}
    return Response(found, status=status.HTTP_409_CONFLICT if is_other else status.HTTP_200_OK)


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
    asking = serializers.IntegerField(source="cell.asking", help_text="how often the question was asked again")
    is_set_aside = serializers.SerializerMethodField(help_text="its question was asked again; another answer counts")

    def get_is_set_aside(self, completion: Completion) -> bool:
        return completion.set_aside_by_id is not None

    class Meta:
        model = Completion
        fields = [
            "id", "run", "spec", "item", "question", "persona_setting", "persona_country", "persona_age",
            "persona_gender", "locale", "option_order", "condition", "paraphrase", "preference_config",
            "demographic_config", "method", "repeat", "choice", "p_culture",
            "label_mass", "text", "parse_stage", "parser_version", "finish_reason", "model_returned", "seed",
            "prompt_tokens", "completion_tokens", "cost", "latency_ms", "cached_from", "asking", "is_set_aside",
            "is_simulated", "created_at", "text_hash",
            "dropped_params", "request", "reply",
        ]  # fmt: skip


class CompletionFilter(django_filters.FilterSet):  # type: ignore[misc]
    study = study_filter("cell__run__study")
    run = django_filters.NumberFilter(field_name="cell__run", min_value=1, max_value=2**63 - 1)
    spec = django_filters.CharFilter(field_name="cell__spec__tag", label="tag of a model")
    item = django_filters.CharFilter(field_name="cell__item__code", label="code of an item")
    question = django_filters.ChoiceFilter(field_name="cell__question", choices=Question.choices)
    persona_setting = django_filters.ChoiceFilter(field_name="cell__persona_setting", choices=PersonaSetting.choices)
    choice = django_filters.ChoiceFilter(choices=Choice.choices)
    is_set_aside = django_filters.BooleanFilter(
        field_name="set_aside_by", lookup_expr="isnull", exclude=True, label="answers that count no more"
    )

    class Meta:
        model = Completion
        fields = ["run", "spec", "item", "question", "persona_setting", "choice", "is_simulated"]


@extend_schema_view(list=extend_schema(description="What models answered, with request and reply as they were."))
@extend_schema_view(retrieve=extend_schema(description="One completion."))
class CompletionViewSet(OfStudies, viewsets.ReadOnlyModelViewSet[Completion]):
    study_path = "cell__run__study"
    queryset: QuerySet[Completion] = Completion.objects.select_related("cell__spec", "cell__item")
    serializer_class = CompletionSerializer
    pagination_class = ByKey
    filterset_class = CompletionFilter

    def get_queryset(self) -> QuerySet[Completion]:
        """Give the answers that count, unless others are asked for."""
        found = super().get_queryset()
        is_any = self.action != "list" or "is_set_aside" in self.request.query_params
        return found if is_any else found.filter(set_aside_by=None)


router_entries = [("runs", RunViewSet), ("models", ModelSpecViewSet), ("completions", CompletionViewSet)]
