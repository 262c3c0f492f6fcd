"""From a cell to the call that asks it, and from the answer to the record of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from survey.enums import ActorGender, AgeBucket, Country, OptionOrder, Question
from survey.flow.wording import word_item
from survey.llm.models import Cell, Completion, ModelSpec
from survey.llm.parsing import PARSER_VERSION, parse_reply, read_probabilities
from survey.llm.prompts import Ask, Persona, messages
from survey.llm.providers.contract import ChatRequest
from survey.llm.pump import Answered
from survey.llm.wire import first_token_body
from survey.queries import text_catalogue


def build_request(spec: ModelSpec, cell: Cell, version_id: int) -> ChatRequest:
    """Give the call that asks a cell: the body as it goes out and what identifies it."""
    ask = _ask(cell, version_id)
    seed = cell_seed(spec.tag, ask, cell.locale, cell.method, cell.repeat)
    changes = {} if spec.is_simulated else spec.parameters
    body = first_token_body(spec.model, messages(ask), seed=seed, changes=changes)
    return ChatRequest(
        body=body,
        ask=ask,
        seed=seed,
        request_hash=request_hash(spec, body, cell.repeat),
        text_hash=ask.wording.digest(ask.question, ask.order),
        dropped=tuple(sorted(name for name, value in changes.items() if value is None)),
    )


def _ask(cell: Cell, version_id: int) -> Ask:
    return Ask(
        item_code=cell.item.code,
        scenario_country=Country(cell.item.scenario_country),
        wording=word_item(text_catalogue(version_id, cell.locale), cell.item.code),
        question=Question(cell.question),
        order=OptionOrder(cell.option_order),
        persona=_persona(cell),
        template=cell.condition,
    )


def _persona(cell: Cell) -> Persona | None:
    if not cell.persona_country:
        return None
    return Persona(Country(cell.persona_country), AgeBucket(cell.persona_age), ActorGender(cell.persona_gender))


def cell_seed(tag: str, ask: Ask, locale: str, method: str, repeat: int) -> int:
    """Derive a cell's seed from its factors: the same in every run, different between repeats."""
    factors = [tag, ask.item_code, ask.question, *(ask.persona or ()), ask.order, ask.template]
    digest = hashlib.sha256("|".join([*factors, locale, method, str(repeat)]).encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def request_hash(spec: ModelSpec, body: dict[str, Any], repeat: int) -> str:
    """Hash (SHA-256, hex) what decides an answer: the body, who is asked and which repeat it is.

    A simulated model is also what its parameters say; how fast and how patiently is asked decides nothing.
    """
    whom = [spec.provider, spec.base_url.rstrip("/"), spec.prompt_format, spec.model]
    if spec.is_simulated:
        whom += [spec.tag, spec.parameters]
    return hashlib.sha256(canonical_json([whom, body, repeat])).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Write JSON the same way for the same value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_completion(spec: ModelSpec, answered: Answered) -> Completion:
    """Read a reply into the record that is stored with it."""
    cell_id, request, reply = answered.job.cell_id, answered.job.request, answered.reply
    parsed = parse_reply(reply, request.ask.options, request.ask.wording.options)
    probabilities = read_probabilities(reply.first_tokens, request.ask.options)
    return Completion(
        cell_id=cell_id,
        request=request.body,
        request_hash=request.request_hash,
        dropped_params=list(request.dropped),
        text_hash=request.text_hash,
        reply=reply.body,
        text=reply.text,
        model_returned=reply.model,
        finish_reason=reply.finish_reason,
        choice=parsed.choice or "",
        p_culture=probabilities.p_culture,
        label_mass=probabilities.label_mass,
        parser_version=PARSER_VERSION,
        parse_stage=parsed.stage,
        seed=request.seed,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        latency_ms=answered.latency_ms,
        is_simulated=spec.is_simulated,
    )
