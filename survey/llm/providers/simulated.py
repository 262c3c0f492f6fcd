"""A model that does not exist: answers drawn from planted behaviour, for demos and tests of the whole way.

Everything it says follows from the cell and the parameters, so what an analysis should find is known.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import TracebackType
from typing import Any, Self

from survey.enums import Choice, Country, Question
from survey.llm.models import ModelSpec
from survey.llm.prompts import LABELS, Ask
from survey.llm.providers.contract import ChatRequest
from survey.llm.wire import Reply, read_reply

REFUSAL_TEXT = "I'm sorry, but I can't choose between these."
MAX_LOGIT = 30.0
LIMITS = {
    "refusal_rate": (0.0, 1.0),
    "label_mass": (0.01, 1.0),
    "item_sd": (0.0, 100.0),
    "persona_sd": (0.0, 100.0),
    "latency_ms": (0.0, 60_000.0),
}


@dataclass(frozen=True)
class Planted:
    """The behaviour of a simulated model; shifts are in logits of following the culture."""

    culture_logit: float = 1.0
    scenario_shift: Mapping[str, float] = field(default_factory=dict)  # by the scenario's country
    persona_shift: Mapping[str, float] = field(default_factory=dict)  # by the persona's country
    own_country_shift: float = 0.0  # where the persona lives in the scenario's country
    norm_shift: float = 0.0  # norm judgment against personal choice
    persona_norm_shift: Mapping[str, float] = field(default_factory=dict)  # added to it, by the persona's country
    item_sd: float = 0.0  # spread of items, the same for every persona
    persona_sd: float = 0.0  # spread of personas within an item
    order_bias: float = 0.0  # logits in favour of the label A
    refusal_rate: float = 0.0
    label_mass: float = 0.97
    latency_ms: float = 0.0

    @classmethod
    def from_parameters(cls, parameters: object) -> Planted:
        """Check what a spec holds; `ValueError` names what is not understood."""
        if not isinstance(parameters, dict):
            raise ValueError("the parameters must be a JSON object")
        known = {each.name for each in fields(cls)}
        if unknown := sorted(set(parameters) - known):
            raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        for name, value in parameters.items():
            _check(name, value, is_table=name in ("scenario_shift", "persona_shift", "persona_norm_shift"))
        return cls(**parameters)


def _check(name: str, value: object, *, is_table: bool) -> None:
    if is_table and (not isinstance(value, dict) or not set(value) <= set(Country.values)):
        raise ValueError(f"{name} must map country codes to numbers")
    for number in value.values() if isinstance(value, dict) and is_table else [value]:
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"{name} must be a number")
        low, high = LIMITS.get(name, (-math.inf, math.inf))
        if not low <= number <= high:
            raise ValueError(f"{name} must lie between {low} and {high}")


class SimulatedProvider:
    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.planted = Planted.from_parameters(spec.parameters)

    async def complete(self, request: ChatRequest) -> Reply:
        """Answer in the shape that endpoints send."""
        await asyncio.sleep(self.planted.latency_ms / 1000)
        return read_reply(self._body(request))

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        """Write the reply: the likelier label, or a refusal where the seed draws one."""
        planted = self.planted
        logit = label_logit(planted, self.spec.tag, request.ask)
        masses = [planted.label_mass / (1 + math.exp(sign * logit)) for sign in (-1, 1)]
        is_refusal = random.Random(request.seed).random() < planted.refusal_rate
        if is_refusal:
            masses = [0.02 * mass for mass in masses]
        first = "I" if is_refusal else LABELS[masses.index(max(masses))]
        tokens = {**dict(zip(LABELS, masses, strict=True)), "I": 1 - sum(masses)}
        return {
            "id": f"simulated-{request.seed}",
            "object": "chat.completion",
            "model": f"{self.spec.model} (simulated)",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": REFUSAL_TEXT if is_refusal else first},
                    "logprobs": {"content": [_logprobs(first, tokens)]},
                }
            ],
            "usage": {"prompt_tokens": len(request.body["messages"][0]["content"]) // 4, "completion_tokens": 1},
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""


def culture_logit(planted: Planted, tag: str, ask: Ask) -> float:
    """Give the logit of following the culture, whatever the order of the options."""
    logit = planted.culture_logit + planted.scenario_shift.get(ask.scenario_country, 0.0)
    logit += planted.item_sd * _normal(tag, ask.item_code, ask.question)
    is_norm = ask.question == Question.NORM
    logit += planted.norm_shift * is_norm
    if ask.persona:
        country = ask.persona.country
        logit += planted.persona_shift.get(country, 0.0)
        logit += planted.persona_norm_shift.get(country, 0.0) * is_norm
        logit += planted.own_country_shift * (country == ask.scenario_country)
        logit += planted.persona_sd * _normal(tag, ask.item_code, ask.question, *ask.persona)
    return logit


def label_logit(planted: Planted, tag: str, ask: Ask) -> float:
    """Give the logit of the label A: the culture's or the preference's, by the order, and the order bias."""
    logit = culture_logit(planted, tag, ask)
    logit = planted.order_bias + (logit if ask.options[0] == Choice.CULTURE else -logit)
    return max(-MAX_LOGIT, min(MAX_LOGIT, logit))


def _normal(*factors: str) -> float:
    """Draw from the standard normal distribution, always the same for the same factors."""
    digest = hashlib.sha256("|".join(factors).encode()).digest()
    return random.Random(digest).gauss()


def _logprobs(first: str, tokens: Mapping[str, float]) -> dict[str, Any]:
    ranked = sorted(tokens.items(), key=lambda pair: -pair[1])
    top = [{"token": token, "logprob": math.log(mass)} for token, mass in ranked if mass > 0]
    return {"token": first, "logprob": math.log(tokens[first]), "top_logprobs": top}
