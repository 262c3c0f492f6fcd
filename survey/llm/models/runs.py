"""Runs, the cells of a run, what came back."""

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from survey.enums import ActorGender, AgeBucket, Choice, Country, Locale, OptionOrder, Question
from survey.llm.enums import (
    Again,
    CellState,
    DemographicConfig,
    Method,
    ParseStage,
    PersonaSetting,
    PreferenceConfig,
    PromptCondition,
    RunKind,
    RunState,
)
from survey.llm.models.specs import ModelSpec
from survey.llm.pricing import in_words
from survey.models import Item, Study, SurveySession


class Run(models.Model):
    """One campaign: a study's items put to some models under a frozen manifest."""

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="runs")
    specs = models.ManyToManyField(ModelSpec, related_name="runs")
    kind = models.CharField(max_length=12, choices=RunKind, default=RunKind.ALIGNMENT)
    state = models.CharField(max_length=12, choices=RunState, default=RunState.QUEUED)
    priority = models.SmallIntegerField(default=0, help_text="the higher one is asked first where runs share a model")
    manifest: Any = models.JSONField(help_text="the factors of the run, frozen when it was created")
    manifest_hash = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the manifest as canonical JSON")
    n_cells = models.PositiveIntegerField(default=0)
    budget = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="the run pauses before it costs more; empty: no limit",
    )
    reuses_answers = models.BooleanField(
        default=False, help_text="takes answers that earlier runs got to the very same calls, and calls for the others"
    )
    currency = models.CharField(max_length=3, blank=True, help_text="of budget and spent; blank: no price is known")
    spent = models.DecimalField(max_digits=16, decimal_places=8, default=0)
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

    @property
    def budget_told(self) -> str:
        return "" if self.budget is None else in_words(self.budget)

    @property
    def spent_told(self) -> str:
        return in_words(self.spent)


class ModelStop(models.Model):
    """A model that a run asks nothing more, for a reason that somebody must mend; its cells stay to be asked."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="stops", db_index=False)  # the constraint's
    spec = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="stops")
    reason = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(name="stopped_once", fields=["run", "spec"])]

    def __str__(self) -> str:
        return f"{self.spec_id} in run {self.run_id}"


class Reasking(models.Model):
    """The act of asking again what had no usable answer; the answers that were set aside name it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="reaskings")
    kinds: Any = ArrayField(models.CharField(max_length=10, choices=Again))
    n_cells = models.PositiveIntegerField()
    by = models.CharField(max_length=150, blank=True, help_text="user name; blank: a command on the server")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"run {self.run_id} asked again at {self.at}"


class Cell(models.Model):
    """One question put once to one model: the unit of work, of leasing and of resuming."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="cells", db_index=False)  # others begin with it
    spec = models.ForeignKey(ModelSpec, on_delete=models.PROTECT, related_name="cells", db_index=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="cells")
    question = models.CharField(max_length=10, choices=Question)
    persona_setting = models.CharField(max_length=12, choices=PersonaSetting)
    persona_country = models.CharField(max_length=2, choices=Country, blank=True)
    persona_age = models.CharField(max_length=10, choices=AgeBucket, blank=True)
    persona_gender = models.CharField(max_length=10, choices=ActorGender, blank=True)
    locale = models.CharField(max_length=10, choices=Locale)
    option_order = models.CharField(max_length=20, choices=OptionOrder)
    condition = models.CharField(max_length=30, choices=PromptCondition, default=PromptCondition.NO_BALANCE)
    paraphrase = models.PositiveSmallIntegerField(default=1, help_text="which wording of the condition's template")
    preference_config = models.CharField(
        max_length=20, choices=PreferenceConfig, default=PreferenceConfig.ACTOR_PREF_ONLY
    )
    demographic_config = models.CharField(max_length=20, choices=DemographicConfig, default=DemographicConfig.NO_DEMO)
    method = models.CharField(max_length=12, choices=Method)
    repeat = models.PositiveSmallIntegerField(default=0, help_text="number of the sample or repetition, from 0")
    session = models.ForeignKey(
        SurveySession,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="cells",
        help_text="whose page a yoked cell replays; goes with it",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="yoked: place of the page in the session's plan")
    state = models.CharField(max_length=10, choices=CellState, default=CellState.TODO)
    asking = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="how many of its answers were set aside, to be asked again with another seed"
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    n_leases = models.PositiveSmallIntegerField(
        default=0, help_text="also says which lease an answer belongs to: only the latest one counts"
    )
    n_failed = models.PositiveSmallIntegerField(
        db_default=0, help_text="calls for it that brought nothing and count: after six there is no other"
    )
    reserved = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, help_text="the most that its call may cost; counts while leased"
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
                    "paraphrase",
                    "preference_config",
                    "demographic_config",
                    "method",
                    "repeat",
                    "session",
                ],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="persona_named",
                condition=Q(persona_setting="no_persona", persona_country="", persona_age="", persona_gender="")
                | (Q(persona_setting="persona") & ~Q(persona_country="", persona_age="", persona_gender="")),
            ),
        ]
        indexes = [
            models.Index(fields=["run", "spec", "state", "id"], name="cell_progress"),
            models.Index(fields=["run", "spec", "id"], name="cell_todo", condition=Q(state="todo")),
            models.Index(fields=["run", "spec", "lease_until"], name="cell_leased", condition=Q(state="leased")),
        ]

    def __str__(self) -> str:
        return f"cell {self.pk}"


class CompletionQuerySet(models.QuerySet["Completion"]):
    def current(self) -> Self:
        """Leave out answers that were set aside when their questions were asked again."""
        return self.filter(set_aside_by=None)


class Completion(models.Model):
    """What a model answered to a cell: the request as sent, the reply as received, and how it was read.

    A cell has one that counts; those that were set aside stay beside it.
    """

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="completions", db_index=False)
    set_aside_by = models.ForeignKey(
        Reasking,
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="completions",
        db_index=False,
        help_text="the act that had the question asked again; empty: this answer counts",
    )
    request: Any = models.JSONField(help_text="the body as sent")
    request_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the body, the endpoint and the repeat: the same call again"
    )
    dropped_params: Any = ArrayField(
        models.CharField(max_length=60), default=list, blank=True, help_text="fields that the spec's rules leave out"
    )
    text_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the texts put, in their order; as with people's answers"
    )
    cached_from = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="copies",
        db_index=False,
        help_text="the completion of an earlier run whose reply this is; it cost nothing again",
    )
    reply: Any = models.JSONField(null=True, help_text="the body as received")
    text = models.TextField(blank=True)
    model_returned = models.CharField(max_length=200, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    choice = models.CharField(
        max_length=10, choices=Choice, blank=True, help_text="blank: refused, unparsed or split evenly"
    )
    p_culture = models.FloatField(
        null=True, help_text="probability of the culture option: among the two labels, or as the model puts it in words"
    )
    label_mass = models.FloatField(null=True, help_text="probability of both labels together at the first token")
    parser_version = models.CharField(max_length=20)
    parse_stage = models.CharField(max_length=20, choices=ParseStage)
    seed = models.BigIntegerField(null=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    completion_tokens = models.PositiveIntegerField(null=True)
    cost = models.DecimalField(
        max_digits=14, decimal_places=8, null=True, help_text="in the run's currency; empty: no price or no count"
    )
    latency_ms = models.PositiveIntegerField()
    is_simulated = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CompletionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cell", "set_aside_by"], name="one_answer_counts", nulls_distinct=False),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="completion_created"),
            models.Index(fields=["request_hash"], name="completion_request", condition=~Q(request_hash="")),
            models.Index(fields=["cached_from"], name="completion_copy", condition=Q(cached_from__isnull=False)),
            models.Index(fields=["set_aside_by"], name="completion_set_aside", condition=Q(set_aside_by__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"completion of cell {self.cell_id}"


class Attempt(models.Model):
    """One try at a cell that brought no answer. A refusal is an answer."""

    cell = models.ForeignKey(Cell, on_delete=models.CASCADE, related_name="attempts")
    status_code = models.PositiveSmallIntegerField(null=True, help_text="HTTP status; empty when none came back")
    error_class = models.CharField(max_length=60)
    message = models.TextField(blank=True)
    body = models.TextField(blank=True, help_text="what the endpoint replied, cut off where it is long; never the key")
    retry_after_s = models.FloatField(null=True)
    request_id = models.CharField(max_length=100, blank=True, help_text="the endpoint's own name for the call")
    latency_ms = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["at"], name="attempt_at")]

    def __str__(self) -> str:
        return f"attempt at cell {self.cell_id}"
