"""What a run would send, cost and take, before anything is sent."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any, NamedTuple

from django.utils import timezone

from survey.enums import OptionOrder
from survey.llm.design import Factors
from survey.llm.domain import currency_of
from survey.llm.enums import RunKind
from survey.llm.experiment import Experiment, cell_of
from survey.llm.models import ModelPrice, ModelSpec
from survey.llm.pricing import cost, in_words, rough_tokens
from survey.llm.prompts import Persona, prompt_text
from survey.llm.queries import answered_hashes, current_prices, current_probes
from survey.llm.requests import build_request
from survey.models import Item

N_DRAWN = 400  # prompts from which lengths are estimated and examples taken
N_EXAMPLES = 24
MOST_LOOKED_UP = 5_000  # calls whose answers are looked up one by one; of a larger run the drawn ones
LOOKED_UP_AT_ONCE = 1_000
ASSUMED_LATENCY_S = 1.0  # for a model that was never probed


class Combination(NamedTuple):
    """The levels that change a prompt's form; items, questions and orders vary within."""

    respondent: str
    locale: str
    condition: str
    paraphrase: int
    preference_config: str
    demographic_config: str
    method: str


@dataclass(frozen=True)
class Example:
    """One cell of a combination, in both orders, as it would be sent."""

    title: str
    item: str
    prompts: Sequence[tuple[str, str]]  # the order and the prompt
    settings: str  # what else the request says, as JSON


@dataclass(frozen=True)
class Estimate:
    """What one model would get; prompt tokens are estimated, answers counted at their longest."""

    spec: ModelSpec
    n_calls: int
    prompt_tokens: int
    completion_tokens: int
    price: ModelPrice | None
    minutes: float

    @property
    def hours(self) -> float:
        return self.minutes / 60

    @property
    def cost(self) -> Decimal | None:
        return cost(self.price, self.prompt_tokens, self.completion_tokens) if self.price else None


@dataclass(frozen=True)
class Savings:
    """How many calls need not be made, because earlier runs have the answers."""

    n_calls: int
    is_exact: bool  # else from the drawn calls


@dataclass(frozen=True)
class Preview:
    """All that should be known before the start."""

    n_calls: int
    estimates: Sequence[Estimate]
    examples: Sequence[Example]
    n_combinations: int
    warnings: Sequence[str]
    manifest_hash: str
    savings: Savings | None = None  # None where nothing is taken from earlier runs
    n_drawn: int = N_DRAWN

    @property
    def token(self) -> str:
        """Give what a start must carry to start just this."""
        return f"{self.manifest_hash}+reuse" if self.savings else self.manifest_hash

    @property
    def totals(self) -> Mapping[str, Decimal]:
        return totals(self.estimates)

    @property
    def unpriced(self) -> list[str]:
        return [each.spec.tag for each in self.estimates if each.price is None and not each.spec.is_simulated]


def totals(estimates: Sequence[Estimate]) -> dict[str, Decimal]:
    """Add up the money by currency."""
    sums: dict[str, Decimal] = {}
    for estimate in estimates:
        if estimate.price and estimate.cost is not None:
            sums[estimate.price.currency] = sums.get(estimate.price.currency, Decimal(0)) + estimate.cost
    return sums


def beyond(budget: Decimal | None, estimates: Sequence[Estimate]) -> Iterator[str]:
    """Say that the run will pause before its end, where the estimate is above the budget."""
    for currency, amount in totals(estimates).items():
        if budget is not None and amount > budget:
            yield (
                f"The estimate of {in_words(amount)} {currency} is above the budget of {in_words(budget)} {currency}:"
                " the run will pause before all is asked, perhaps before its first call. Raise the budget, or ask less."
            )


def preview(experiment: Experiment, *, budget: Decimal | None = None, reuses_answers: bool = False) -> Preview:
    """Look ahead at a run; `ValueError` says why it cannot be asked, or not under this budget."""
    experiment.check()
    currency_of(experiment.specs, budget)
    drawn = list(draw_factors(experiment, N_DRAWN))
    items = {item.pk: item for item in experiment.items}
    estimates = _estimates(experiment, drawn, items)
    return Preview(
        n_calls=experiment.n_cells,
        estimates=estimates,
        examples=_examples(experiment, drawn, items),
        n_combinations=_n_combinations(experiment),
        warnings=[*beyond(budget, estimates), *experiment.warnings()],
        manifest_hash=experiment.manifest_hash,
        savings=_savings(experiment, drawn, items) if reuses_answers else None,
    )


def draw_factors(experiment: Experiment, n: int) -> Iterator[Factors]:
    """Draw cells at random, always the same for the same manifest, without making the whole crossing."""
    chance = random.Random(experiment.manifest["shuffle_seed"])
    design = experiment.design
    if design.kind == RunKind.YOKED:
        yield from chance.choices(experiment.factors, k=n)
        return
    contexts = list(design.contexts(experiment.facts, experiment.languages))
    asked = design.asked()
    for _ in range(n):
        item, persona, locale = chance.choice(contexts)
        method, repeat = chance.choice(asked)
        yield Factors(
            item.pk, chance.choice(design.questions), persona, locale, chance.choice(list(OptionOrder)),
            chance.choice(design.conditions), chance.choice(design.paraphrases),
            chance.choice(design.preference_configs), chance.choice(design.demographic_configs), method, repeat,
        )  # fmt: skip


def combination(factors: Factors) -> Combination:
    return Combination(
        _respondent(factors.persona), factors.locale, factors.condition, factors.paraphrase,
        factors.preference_config, factors.demographic_config, factors.method,
    )  # fmt: skip


def _respondent(persona: Persona | None) -> str:
    if persona is None:
        return "no persona"
    named = [part for part, value in zip(("country", "age", "gender"), persona, strict=True) if value]
    return f"persona by {' × '.join(named)}"


def _n_combinations(experiment: Experiment) -> int:
    design = experiment.design
    if design.kind == RunKind.YOKED:
        return len({combination(factors) for factors in experiment.factors})
    contexts = {
        (_respondent(persona), locale) for _, persona, locale in design.contexts(experiment.facts, experiment.languages)
    }
    n = len(contexts)
    for levels in (
        design.conditions,
        design.paraphrases,
        design.preference_configs,
        design.demographic_configs,
        design.methods,
    ):
        n *= len(levels)
    return n


def _examples(experiment: Experiment, drawn: Sequence[Factors], items: Mapping[int, Item]) -> list[Example]:
    """Take one cell of each combination, for a model of each format that is asked."""
    formats = {spec.prompt_format: spec for spec in reversed(experiment.specs)}
    firsts: dict[Combination, Factors] = {}
    for factors in drawn:
        firsts.setdefault(combination(factors), factors)
    found = [
        _example(experiment, spec, factors, items[factors.item_id])
        for factors in firsts.values()
        for spec in formats.values()
    ]
    return found[:N_EXAMPLES]


def _example(experiment: Experiment, spec: ModelSpec, factors: Factors, item: Item) -> Example:
    """Word a cell in both orders; a replayed page has only the one that was shown."""
    orders = [factors.order] if factors.session_id else list(OptionOrder)
    requests = [
        build_request(spec, cell_of(spec, item, factors._replace(order=order)), experiment.study.version_id)
        for order in orders
    ]
    settings = {name: value for name, value in requests[0].body.items() if name not in ("messages", "prompt")}
    title = ", ".join(
        str(part) if name != "paraphrase" else f"wording {part}"
        for name, part in combination(factors)._asdict().items()
    )
    return Example(
        title=f"{title}, {spec.prompt_format} format"
        if len({s.prompt_format for s in experiment.specs}) > 1
        else title,
        item=f"{item.code}, {factors.question.label.lower()}",
        prompts=[(order.label, prompt_text(request.ask)) for order, request in zip(orders, requests, strict=True)],
        settings=json.dumps(settings, ensure_ascii=False),
    )


def _savings(experiment: Experiment, drawn: Sequence[Factors], items: Mapping[int, Item]) -> Savings:
    """Look up the answers to all calls of a small run; of a large one, to the drawn ones."""
    is_exact = experiment.n_cells <= MOST_LOOKED_UP
    hashes = [
        build_request(spec, cell_of(spec, items[factors.item_id], factors), experiment.study.version_id).request_hash
        for spec in experiment.specs
        for factors in (experiment.factors if is_exact else drawn)
    ]
    known: set[str] = set()
    for n in range(0, len(hashes), LOOKED_UP_AT_ONCE):
        known |= answered_hashes(hashes[n : n + LOOKED_UP_AT_ONCE])
    share = sum(each in known for each in hashes) / len(hashes)
    return Savings(round(share * experiment.n_cells), is_exact)


def _estimates(experiment: Experiment, drawn: Sequence[Factors], items: Mapping[int, Item]) -> list[Estimate]:
    prices = current_prices(experiment.specs, timezone.now().date())
    probes = current_probes(experiment.specs)
    n_calls = experiment.n_cells // len(experiment.specs)
    lengths: dict[str, tuple[float, float]] = {}
    found = []
    for spec in experiment.specs:
        if spec.prompt_format not in lengths:
            lengths[spec.prompt_format] = _mean_tokens(experiment, spec, drawn, items)
        per_prompt, per_answer = lengths[spec.prompt_format]
        prompt_tokens, completion_tokens = round(n_calls * per_prompt), round(n_calls * per_answer)
        probe = probes.get(spec.pk)
        latency = median(call["latency_ms"] for call in probe.calls) / 1000 if probe and probe.calls else None
        minutes = duration_minutes(spec, n_calls, prompt_tokens + completion_tokens, latency)
        price = prices.get(spec.pk)
        found.append(Estimate(spec, n_calls, prompt_tokens, completion_tokens, price, minutes))
    return found


def _mean_tokens(
    experiment: Experiment, spec: ModelSpec, drawn: Sequence[Factors], items: Mapping[int, Item]
) -> tuple[float, float]:
    """Give the mean tokens of a prompt by the rule of thumb, and the mean of the longest answers allowed."""
    bodies = [
        (build_request(spec, cell_of(spec, items[factors.item_id], factors), experiment.study.version_id))
        for factors in drawn
    ]
    prompts = [rough_tokens(prompt_text(request.ask)) for request in bodies]
    answers = [_longest(request.body) for request in bodies]
    return sum(prompts) / len(prompts), sum(answers) / len(answers)


def _longest(body: Mapping[str, Any]) -> int:
    return int(body.get("max_tokens") or body.get("max_completion_tokens") or 16)


def duration_minutes(spec: ModelSpec, n_calls: int, n_tokens: int, latency_s: float | None) -> float:
    """Give the time that the tightest limit allows: calls in flight, calls a minute or tokens a minute."""
    latency = ASSUMED_LATENCY_S if latency_s is None else max(latency_s, 0.001)
    if spec.is_simulated:
        latency = max(float(spec.parameters.get("latency_ms", 0)) / 1000, 0.001)
    limits = [n_calls * latency / spec.max_in_flight / 60]
    if spec.requests_per_minute:
        limits.append(n_calls / spec.requests_per_minute)
    if spec.tokens_per_minute:
        limits.append(n_tokens / spec.tokens_per_minute)
    return max(limits)
