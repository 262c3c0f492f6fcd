"""Language models as respondents: specs, runs, the cells of a run, what came back."""

from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from survey.enums import ActorGender, AgeBucket, Choice, Country, Locale, OptionOrder, Question
from survey.llm.enums import CellState, Method, ParseStage, PersonaSetting, ProviderName, RunState, Stage
from survey.llm.validators import validate_endpoint, validate_key_name
from survey.models import Item, Study


class ModelSpec(models.Model):
    """A model behind an endpoint. The key is named, never stored."""

    tag = models.SlugField(unique=True, help_text="the name in exports, such as llama31_8b")
    provider = models.CharField(max_length=12, choices=ProviderName, default=ProviderName.OPENAI)
    base_url = models.CharField(
        max_length=300,
        blank=True,
        validators=[validate_endpoint],
        help_text="such as http://localhost:8000/v1; not for simulated models",
    )
    model = models.CharField(max_length=200, help_text="the model's name at the endpoint")
    api_key_env = models.CharField(
        max_length=100,
        blank=True,
        validators=[validate_key_name],
        help_text="name of the environment variable that holds the key, such as VLLM_API_KEY",
    )
    family = models.CharField(max_length=100, blank=True)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.INSTRUCT)
    max_in_flight = models.PositiveIntegerField(
        default=20, validators=[MinValueValidator(1)], help_text="calls at a time, over all runs together"
    )
    timeout_s = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1)], help_text="seconds to wait for one answer"
    )
    parameters: Any = models.JSONField(
        default=dict,
        blank=True,
        help_text="simulated models: their planted behaviour; endpoints: fields to set in the request, null omits one",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["tag"]
        constraints = [
            models.CheckConstraint(
                name="endpoint_unless_simulated", condition=Q(provider="simulated") | ~Q(base_url="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag} (simulated)" if self.is_simulated else self.tag

    @property
    def is_simulated(self) -> bool:
        return self.provider == ProviderName.SIMULATED


class Run(models.Model):
    """One campaign: a study's items put to some models under a frozen manifest."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="runs")
    specs = models.ManyToManyField(ModelSpec, related_name="runs")
    state = models.CharField(max_length=12, choices=RunState, default=RunState.QUEUED)
    manifest: Any = models.JSONField(help_text="the factors of the run, frozen when it was created")
    n_cells = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"run {self.pk}"


class Cell(models.Model):
    """One question put once to one model: the unit of work, of leasing and of resuming."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="cells")
    spec = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="cells")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="cells")
    question = models.CharField(max_length=10, choices=Question)
    persona_setting = models.CharField(max_length=12, choices=PersonaSetting)
    persona_country = models.CharField(max_length=2, choices=Country, blank=True)
    persona_age = models.CharField(max_length=10, choices=AgeBucket, blank=True)
    persona_gender = models.CharField(max_length=10, choices=ActorGender, blank=True)
    locale = models.CharField(max_length=10, choices=Locale)
    option_order = models.CharField(max_length=20, choices=OptionOrder)
    condition = models.CharField(max_length=30, default="plain", help_text="name of the prompt template")
    method = models.CharField(max_length=12, choices=Method)
    repeat = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=CellState, default=CellState.TODO)
    lease_until = models.DateTimeField(null=True, blank=True)
    n_leases = models.PositiveSmallIntegerField(
        default=0, help_text="also says which lease an answer belongs to: only the latest one counts"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="cell_once",
                fields=[
                    "run",
                    "spec",
                    "item",
                    "question",
                    "persona_setting",
                    "persona_country",
                    "persona_age",
                    "persona_gender",
                    "locale",
                    "option_order",
                    "condition",
                    "method",
                    "repeat",
                ],
            ),
            models.CheckConstraint(
                name="persona_named",
                condition=Q(persona_setting="no_persona", persona_country="", persona_age="", persona_gender="")
                | (Q(persona_setting="persona") & ~Q(persona_country="", persona_age="", persona_gender="")),
            ),
        ]
        indexes = [
            models.Index(fields=["run", "spec", "state"], name="cell_progress"),
            models.Index(fields=["run", "spec", "id"], name="cell_todo", condition=Q(state="todo")),
            models.Index(fields=["lease_until"], name="cell_leased", condition=Q(state="leased")),
        ]

    def __str__(self) -> str:
        return f"cell {self.pk}"


class Completion(models.Model):
    """What a model answered to a cell: the request as sent, the reply as received, and how it was read."""

    cell = models.OneToOneField(Cell, on_delete=models.CASCADE, related_name="completion")
    request: Any = models.JSONField(help_text="the body as sent")
    reply: Any = models.JSONField(null=True, help_text="the body as received")
    text = models.TextField(blank=True)
    model_returned = models.CharField(max_length=200, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    choice = models.CharField(max_length=10, choices=Choice, blank=True, help_text="blank: refused or unparsed")
    p_culture = models.FloatField(null=True, help_text="probability of the culture option among the two labels")
    label_mass = models.FloatField(null=True, help_text="probability of both labels together at the first token")
    parser_version = models.CharField(max_length=20)
    parse_stage = models.CharField(max_length=20, choices=ParseStage)
    seed = models.BigIntegerField(null=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    latency_ms = models.PositiveIntegerField()
    is_simulated = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="completion_created")]

    def __str__(self) -> str:
        return f"completion of cell {self.cell_id}"


class Attempt(models.Model):
    """One try at a cell that brought no answer. A refusal is an answer."""

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="attempts")
    status_code = models.PositiveSmallIntegerField(null=True, help_text="HTTP status; empty when none came back")
    error_class = models.CharField(max_length=60)
    message = models.TextField(blank=True)
    retry_after_s = models.FloatField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["at"], name="attempt_at")]

    def __str__(self) -> str:
        return f"attempt at cell {self.cell_id}"
