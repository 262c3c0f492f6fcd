"""Models behind endpoints, what they cost, what they were found to do."""

from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from survey.llm.enums import (
    PromptFormat,
    ProviderName,
    Stage,
)
from survey.llm.validators import validate_currency, validate_endpoint, validate_key_name


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
    prompt_format = models.CharField(
        max_length=12, choices=PromptFormat, default=PromptFormat.CHAT, help_text="base models continue plain text"
    )
    max_in_flight = models.PositiveIntegerField(
        default=20, validators=[MinValueValidator(1)], help_text="calls at a time, over all runs together"
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="empty: no limit known"
    )
    tokens_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="prompt and answer; empty: no limit known"
    )
    timeout_s = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1)], help_text="seconds to wait for one answer"
    )
    parameters: Any = models.JSONField(
        default=dict,
        blank=True,
        help_text="simulated models: their planted behaviour; endpoints: fields to set in the request, null omits one",
    )
    overcount = models.FloatField(
        default=1, help_text="by how much its endpoint counted more tokens than a call was thought to cost at most"
    )
    trouble = models.TextField(blank=True, default="", help_text="why nothing gets through to it at present")
    trouble_since = models.DateTimeField(null=True, blank=True)
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


class ModelPrice(models.Model):
    """What a model's tokens cost from a day on, until the next row. Rows are added, never changed."""

    spec = models.ForeignKey(ModelSpec, on_delete=models.CASCADE, related_name="prices")
    valid_from = models.DateField()
    prompt_per_million = models.DecimalField(
        max_digits=12, decimal_places=6, validators=[MinValueValidator(0)], help_text="a million tokens of prompts"
    )
    completion_per_million = models.DecimalField(
        max_digits=12, decimal_places=6, validators=[MinValueValidator(0)], help_text="a million tokens of answers"
    )
    currency = models.CharField(max_length=3, default="USD", validators=[validate_currency], help_text="ISO 4217")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["spec", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["spec", "valid_from"], name="one_price_a_day"),
            models.CheckConstraint(
                name="price_not_negative", condition=Q(prompt_per_million__gte=0, completion_per_million__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.spec.tag} from {self.valid_from}"


class Probe(models.Model):
    """What a model was found to be able to do when it was called to find out."""

    spec = models.ForeignKey(ModelSpec, on_delete=models.CASCADE, related_name="probes")
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True, help_text="empty: under way, or its worker died")
    target: Any = models.JSONField(help_text="the spec's fields that decide what is called, as they were")
    findings: Any = models.JSONField(default=dict, help_text="by feature: whether it works, measured value, note")
    calls: Any = models.JSONField(default=list, help_text="each call: request, status, reply or the exact error")
    error = models.TextField(blank=True, help_text="why nothing could be found out")

    class Meta:
        ordering = ["-asked_at", "-pk"]

    def __str__(self) -> str:
        return f"probe {self.pk} of {self.spec.tag}"
