"""Call a model a few times to find out what it really can do. Nothing here touches the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from survey.enums import Choice, Country, OptionOrder, Question
from survey.flow.wording import Wording
from survey.llm.enums import Feature, Method, PromptFormat
from survey.llm.models import ModelSpec
from survey.llm.parsing import read_answer, read_probabilities
from survey.llm.prompts import Ask
from survey.llm.providers import open_provider
from survey.llm.providers.contract import CallError, ChatProvider, ChatRequest, EndpointRefused
from survey.llm.requests import request_changes
from survey.llm.wire import Reply, TokenLogprob, request_body

N_SAMPLES = 6  # the same answer six times in a row tells little, a different one everything
N_SEVERAL = 3
SEED = 20_260_101
GOOD_MASS = 0.5
SAME_LOGPROB = 1e-3
WORDING = Wording(
    scenario="Nia visits a friend in the evening and is offered a cup of coffee.",
    expectation="A guest is expected to accept what is offered.",
    preference="Nia would rather have no coffee so late, because it keeps her awake.",
    questions={
        Question.PERSONAL: "If you were Nia, what would you personally do?",
        Question.NORM: "What would most people in this situation consider appropriate?",
    },
    options={Choice.CULTURE: "Accept the coffee", Choice.PREFERENCE: "Decline the coffee"},
)


class Finding(NamedTuple):
    """Whether a feature works, what was measured, and in words what stands against it."""

    works: bool
    value: Any = None
    note: str = ""


class Answer(NamedTuple):
    """A call's reply, or the error that came instead of it."""

    reply: Reply | None
    error: CallError | None

    @property
    def said(self) -> str:
        return str(self.error.message) if self.error else ""


@dataclass
class ProbeResult:
    findings: dict[Feature, Finding] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)


def probe_model(spec: ModelSpec) -> ProbeResult:
    """Find out a model's features, each by as few calls as will tell; `EndpointRefused` where none can succeed."""
    return asyncio.run(_probe(spec))


async def _probe(spec: ModelSpec) -> ProbeResult:
    async with open_provider(spec) as provider:
        prober = Prober(spec, provider)
        await prober.run()
        return prober.result


class Prober:
    """The calls of one probe, each kept as it went out and came back."""

    def __init__(self, spec: ModelSpec, provider: ChatProvider) -> None:
        self.spec = spec
        self.provider = provider
        self.result = ProbeResult()

    async def run(self) -> None:
        plain = await self.call("plain question", Method.SAMPLE, without=("top_k", "min_p", "seed"))
        if not self.note(Feature.CALL, _worked(plain)):
            return
        await self._log_probabilities()
        await self._sampler()
        await self._several()
        await self._schema()

    def note(self, feature: Feature, finding: Finding) -> bool:
        self.result.findings[feature] = finding
        return finding.works

    async def call(
        self, what: str, method: Method, *, seed: int = SEED, without: Sequence[str] = (), **fields: Any
    ) -> Answer:
        """Call once with some fields left out or set; the spec's own rules hold as they will in a run."""
        ask = probe_ask(method, self.spec)
        changes = {**request_changes(self.spec), **dict.fromkeys(without), **fields}
        body = request_body(ask, self.spec.model, seed=seed, changes=changes)
        start = time.monotonic()
        try:
            reply = await self.provider.complete(ChatRequest(body, ask, seed))
        except CallError as error:
            self._keep(what, body, start, {"status": error.status, "error": error.message})
            if isinstance(error, EndpointRefused):
                raise
            return Answer(None, error)
        self._keep(what, body, start, {"status": 200, "reply": reply.body})
        return Answer(reply, None)

    def _keep(self, what: str, body: Mapping[str, Any], start: float, outcome: Mapping[str, Any]) -> None:
        latency_ms = round((time.monotonic() - start) * 1000)
        self.result.calls.append({"what": what, "request": dict(body), "latency_ms": latency_ms, **outcome})

    async def _log_probabilities(self) -> None:
        first = await self.call("log-probabilities at temperature 0", Method.FIRST_TOKEN)
        tokens = first.reply.first_tokens if first.reply else None
        if not tokens:
            note = first.said or "the reply holds none"
            self.note(Feature.LOGPROBS, Finding(False, 0, note))
            return
        self.note(Feature.LOGPROBS, Finding(True, len(tokens)))
        mass = read_probabilities(tokens, WORDING.ordered(OptionOrder.CULTURE_FIRST)).label_mass or 0.0
        note = "" if mass >= GOOD_MASS else "most of the first token's probability lies on something else"
        self.note(Feature.LABEL_MASS, Finding(mass >= GOOD_MASS, round(mass, 4), note))
        again = await self.call("log-probabilities at temperature 1", Method.FIRST_TOKEN, temperature=1)
        others = again.reply.first_tokens if again.reply else None
        if others:
            difference = _largest_difference(tokens, others)
            changes = difference is not None and difference > SAME_LOGPROB
            self.note(Feature.LOGPROBS_AT_T, Finding(changes, difference))
        else:
            self.note(Feature.LOGPROBS_AT_T, Finding(False, None, again.said or "none were sent at temperature 1"))

    async def _sampler(self) -> None:
        """Draw with different seeds, then twice with the same one."""
        first = await self.call("neutral sampler", Method.SAMPLE, seed=SEED)
        if not self.note(Feature.NEUTRAL, _worked(first)):
            return
        drawn = [await self.call(f"sample {n}", Method.SAMPLE, seed=SEED + n) for n in range(1, N_SAMPLES)]
        texts = {answer.reply.text for answer in [first, *drawn] if answer.reply}
        note = "" if len(texts) > 1 else "all were the same; a very sure model looks like this too"
        self.note(Feature.TEMPERATURE, Finding(len(texts) > 1, len(texts), note))
        again = await self.call("the first seed again", Method.SAMPLE, seed=SEED)
        if again.reply is None or first.reply is None:
            self.note(Feature.SEED, Finding(False, None, again.said))
        else:
            is_same = again.reply.text == first.reply.text
            self.note(Feature.SEED, Finding(is_same, None, "" if is_same else "the same seed gave another answer"))

    async def _several(self) -> None:
        answer = await self.call("several answers to one call", Method.SAMPLE, n=N_SEVERAL)
        choices = answer.reply.body.get("choices", []) if answer.reply else []
        note = answer.said or ("" if len(choices) == N_SEVERAL else f"{N_SEVERAL} asked for, {len(choices)} came")
        self.note(Feature.SEVERAL, Finding(len(choices) == N_SEVERAL, len(choices), note))

    async def _schema(self) -> None:
        if self.spec.prompt_format == PromptFormat.COMPLETIONS:
            self.note(Feature.JSON_SCHEMA, Finding(False, None, "not asked: plain text is continued, not instructed"))
            return
        answer = await self.call("JSON schema", Method.JSON_CHOICE)
        if answer.reply is None:
            self.note(Feature.JSON_SCHEMA, Finding(False, None, answer.said))
            return
        choice = read_answer(probe_ask(Method.JSON_CHOICE, self.spec), answer.reply).choice
        is_object = answer.reply.text.strip().startswith("{") and choice is not None
        note = "" if is_object else f"the answer is not the object asked for: {answer.reply.text[:100]}"
        self.note(Feature.JSON_SCHEMA, Finding(is_object, None, note))


def probe_ask(method: Method, spec: ModelSpec) -> Ask:
    """Give the question of the probe; it stands in no instrument."""
    return Ask(
        item_code="probe",
        scenario_country=Country.ZA,
        wording=WORDING,
        question=Question.PERSONAL,
        order=OptionOrder.CULTURE_FIRST,
        persona=None,
        method=method,
        prompt_format=PromptFormat(spec.prompt_format),
    )


def _worked(answer: Answer) -> Finding:
    return Finding(answer.reply is not None, None, answer.said)


def _largest_difference(one: Sequence[TokenLogprob], other: Sequence[TokenLogprob]) -> float | None:
    """Give by how much the log-probabilities of the same tokens differ at most."""
    known = dict(other)
    shared = [abs(logprob - known[token]) for token, logprob in one if token in known and logprob > -20]
    return round(max(shared), 6) if shared else None
