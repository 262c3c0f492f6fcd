"""Two simulated models for the demo study: one that follows the persona's country, one that hardly does."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from survey.llm.domain import create_alignment_run
from survey.llm.enums import ProviderName, RunState
from survey.llm.models import ModelSpec, Run
from survey.models import Study

DEMO_STUDY = "pact-demo"
DEMO_MODELS: dict[str, dict[str, Any]] = {
    "simulated_tracking": {
        "culture_logit": 0.9,
        "item_sd": 1.2,
        "persona_sd": 0.8,
        "own_country_shift": -0.4,
        "persona_shift": {"BR": -0.7, "IN": 0.4, "ZA": -0.3, "GB": 0.3, "US": 0.3},
        "persona_norm_shift": {"BR": 0.6, "IN": 0.4, "ZA": -0.4, "GB": 0.1, "US": -0.3},
        "order_bias": 0.2,
        "refusal_rate": 0.002,
    },
    "simulated_rigid": {
        "culture_logit": 1.8,
        "item_sd": 1.4,
        "persona_sd": 0.1,
        "norm_shift": 0.3,
        "order_bias": 0.9,
        "refusal_rate": 0.02,
    },
}


@transaction.atomic
def demo_run(study: Study) -> Run:
    """Give the demo study's run of both simulated models, made if there is none; asking twice makes one."""
    Study.objects.select_for_update().get(pk=study.pk)
    specs = [
        ModelSpec.objects.get_or_create(
            tag=tag,
            defaults={
                "provider": ProviderName.SIMULATED,
                "model": tag,
                "family": "simulated",
                "max_in_flight": 100,
                "parameters": parameters,
            },
        )[0]
        for tag, parameters in DEMO_MODELS.items()
    ]
    lost = [RunState.CANCELLED, RunState.FAILED]
    runs = Run.objects.exclude(state__in=lost).filter(study=study, specs=specs[0]).filter(specs=specs[1])
    return runs.order_by("pk").first() or create_alignment_run(study, specs=specs)
