"""A model that does not exist: answers drawn from planted behaviour, for demos and tests of the whole way.

Everything it says follows from the cell and the parameters, so what an analysis should find is known.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import TracebackType
from typing import Any, Self

from survey.enums import Choice, Country, Locale, Question
from survey.llm.enums import DemographicConfig, Method, PreferenceConfig, PromptCondition, PromptFormat
from survey.llm.models import ModelSpec
from survey.llm.prompts import LABELS, Ask
from survey.llm.providers.contract import ChatRequest, Transient
from survey.llm.wire import Reply, read_reply

REFUSAL_TEXT = "I'm sorry, but I can't choose between these."
BAD_FORMAT_TEXT = "It depends."
MAX_LOGIT = 30.0
LIMITS = {
    "refusal_rate": (0.0, 1.0),
    "label_mass": (0.01, 1.0),
    "item_sd": (0.0, 100.0),
    "persona_sd": (0.0, 100.0),
    "error_rate": (0.0, 0.99),
    "bad_format_rate": (0.0, 1.0),
    "latency_ms": (0.0, 60_000.0),
}
TABLES: Mapping[str, Sequence[str]] = {
    "scenario_shift": Country.values,
    "persona_shift": Country.values,
    "persona_norm_shift": Country.values,
    "locale_shift": Locale.values,
    "condition_shift": PromptCondition.values,
    "preference_shift": PreferenceConfig.values,
    "demographic_shift": DemographicConfig.values,
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
    locale_shift: Mapping[str, float] = field(default_factory=dict)  # by the prompt's locale
    condition_shift: Mapping[str, float] = field(default_factory=dict)  # by the prompt condition
    preference_shift: Mapping[str, float] = field(default_factory=dict)  # by who has the preference
    demographic_shift: Mapping[str, float] = field(default_factory=dict)  # by what is said of the two people
    paraphrase_sd: float = 0.0  # spread of a condition's wordings
    verbal_slope: float = 1.0  # how far a distribution in words follows the logit
    item_sd: float = 0.0  # spread of items, the same for every persona
    persona_sd: float = 0.0  # spread of personas within an item
    order_bias: float = 0.0  # logits in favour of the label A
    refusal_rate: float = 0.0
    error_rate: float = 0.0  # share of calls that fail and are worth another try
    bad_format_rate: float = 0.0  # share of answers that break the form asked for
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
            _check(name, value)
        return cls(**parameters)


def _check(name: str, value: object) -> None:
    known = TABLES.get(name)
    if known and (not isinstance(value, dict) or not set(value) <= set(known)):
        kinds = "country codes" if known is Country.values else ", ".join(known)
        raise ValueError(f"{name} must map {kinds} to numbers")
    for number in value.values() if isinstance(value, dict) and known else [value]:
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValueError(f"{name} must be a number")
        low, high = LIMITS.get(name, (-math.inf, math.inf))
        if not low <= number <= high:
            raise ValueError(f"{name} must lie between {low} and {high}")


class SimulatedProvider:
    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.planted = Planted.from_parameters(spec.parameters)
        self.tries: Counter[int] = Counter()

    async def complete(self, request: ChatRequest) -> Reply:
        """Answer in the shape that endpoints send, or fail as they do."""
        await asyncio.sleep(self.planted.latency_ms / 1000)
        self.tries[request.seed] += 1
        if _draw(request.seed, "error", self.tries[request.seed]) < self.planted.error_rate:
            raise Transient("simulated failure", status=503)
        return read_reply(self._body(request))

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        """Write the reply that the method asks for, or a refusal where the seed draws one."""
        is_refusal = _draw(request.seed, "refusal") < self.planted.refusal_rate
        content, logprobs = self._answer(request, is_refusal=is_refusal)
        is_chat = request.ask.prompt_format == PromptFormat.CHAT
        said = {"message": {"role": "assistant", "content": content}} if is_chat else {"text": content}
        prompt = request.body["messages"][0]["content"] if is_chat else request.body["prompt"]
        return {
            "id": f"simulated-{request.seed}",
            "object": "chat.completion" if is_chat else "text_completion",
            "model": f"{self.spec.model} (simulated)",
            "choices": [{"index": 0, "finish_reason": "stop", **said, "logprobs": logprobs}],
            "usage": {"prompt_tokens": len(prompt) // 4, "completion_tokens": max(len(content) // 4, 1)},
        }

    def _answer(self, request: ChatRequest, *, is_refusal: bool) -> tuple[str, dict[str, Any] | None]:
        """Give the text, and the log-probabilities of the first token where they were asked for."""
        planted, ask = self.planted, request.ask
        logit = label_logit(planted, self.spec.tag, ask)
        if ask.method == Method.FIRST_TOKEN:
            return _first_token(planted, logit, is_refusal=is_refusal)
        if is_refusal:
            return REFUSAL_TEXT, None
        if _draw(request.seed, "format") < planted.bad_format_rate:
            return BAD_FORMAT_TEXT, None
        if ask.method == Method.VERBALISED:
            share = round(100 * logistic(planted.verbal_slope * logit))
            return json.dumps({LABELS[0]: share, LABELS[1]: 100 - share}), None
        label = LABELS[_draw(request.seed, "label") >= logistic(logit)]
        return json.dumps({"answer": label}) if ask.method == Method.JSON_CHOICE else label, None

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
    logit += planted.locale_shift.get(ask.locale, 0.0) + planted.condition_shift.get(ask.condition, 0.0)
    logit += planted.preference_shift.get(ask.preference_config, 0.0)
    logit += planted.demographic_shift.get(ask.demographic_config, 0.0)
    logit += planted.paraphrase_sd * _normal(tag, ask.condition, str(ask.paraphrase))
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


def _draw(seed: int, *what: object) -> float:
    """Draw from 0 to 1, always the same for the same seed and purpose."""
    digest = hashlib.sha256("|".join(map(str, (seed, *what))).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-MAX_LOGIT, min(MAX_LOGIT, logit))))


def _first_token(planted: Planted, logit: float, *, is_refusal: bool) -> tuple[str, dict[str, Any]]:
    """Give the likelier label, or the start of a refusal, with the masses of what might have come."""
    masses = [planted.label_mass * logistic(sign * logit) for sign in (1, -1)]
    if is_refusal:
        masses = [0.02 * mass for mass in masses]
    first = "I" if is_refusal else LABELS[masses.index(max(masses))]
    tokens = {**dict(zip(LABELS, masses, strict=True)), "I": 1 - sum(masses)}
    ranked = sorted(tokens.items(), key=lambda pair: -pair[1])
    top = [{"token": token, "logprob": math.log(mass)} for token, mass in ranked if mass > 0]
    content = [{"token": first, "logprob": math.log(tokens[first]), "top_logprobs": top}]
    return REFUSAL_TEXT if is_refusal else first, {"content": content}
