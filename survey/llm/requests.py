"""From a cell to the call that asks it, and from the answer to the record of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from survey.enums import Country, Locale, OptionOrder, Question
from survey.flow.wording import Wording, word_item
from survey.llm.enums import (
    CellState,
    DemographicConfig,
    Method,
    ParseStage,
    PreferenceConfig,
    PromptCondition,
    PromptFormat,
)
from survey.llm.models import Cell, Completion, ModelSpec
from survey.llm.parsing import PARSER_VERSION, read_answer
from survey.llm.pricing import answer_limit
from survey.llm.prompts import Ask, Persona, configure
from survey.llm.providers.contract import ChatRequest
from survey.llm.pump import Answered
from survey.llm.wire import Reply, UnreadableReply, read_reply, request_body
from survey.models import Item
from survey.queries import text_catalogue


def build_request(spec: ModelSpec, cell: Cell, version_id: int) -> ChatRequest:
    """Give the call that asks a cell: the body as it goes out and what identifies it."""
    ask = ask_of(spec, cell, version_id)
    seed = cell_seed(spec.tag, cell, ask)
    changes = request_changes(spec)
    body = request_body(ask, spec.model, seed=seed, changes=changes)
    return ChatRequest(
        body=body,
        ask=ask,
        seed=seed,
        request_hash=request_hash(spec, body, cell.repeat, cell.asking),
        text_hash=ask.wording.digest(ask.question, ask.order),
        dropped=tuple(sorted(name for name, value in changes.items() if value is None)),
    )


def request_changes(spec: ModelSpec) -> Mapping[str, Any]:
    """Give the rules by which a spec changes every request; a simulated model's parameters are its behaviour."""
    return {} if spec.is_simulated else spec.parameters


def limits_answers(spec: ModelSpec) -> bool:
    """Tell whether a spec's rules leave a limit of length on every answer."""
    return answer_limit({"max_tokens": 1, **request_changes(spec)}) > 0


def ask_of(spec: ModelSpec, cell: Cell, version_id: int) -> Ask:
    """Word a cell's question as it is put."""
    preference, demographic = PreferenceConfig(cell.preference_config), DemographicConfig(cell.demographic_config)
    return Ask(
        item_code=cell.item.code,
        scenario_country=Country(cell.item.scenario_country),
        wording=item_wording(cell.item, cell.locale, version_id, preference, demographic),
        question=Question(cell.question),
        order=OptionOrder(cell.option_order),
        persona=persona_of(cell),
        locale=Locale(cell.locale),
        condition=PromptCondition(cell.condition),
        paraphrase=cell.paraphrase,
        preference_config=preference,
        demographic_config=demographic,
        method=Method(cell.method),
        prompt_format=PromptFormat(spec.prompt_format),
    )


def item_wording(
    item: Item, locale: str, version_id: int, preference: PreferenceConfig, demographic: DemographicConfig
) -> Wording:
    """Word an item as people read it, then as the two configurations change it."""
    texts = text_catalogue(version_id, locale)
    return configure(
        word_item(texts, item.code),
        name=texts[f"items.{item.code}.actor"],
        actor=Persona(item.actor_country, item.actor_age, item.actor_gender),
        receiver=Persona(item.receiver_country, item.receiver_age, item.receiver_gender),
        preference=preference,
        demographic=demographic,
        locale=locale,
    )


def persona_of(cell: Cell) -> Persona | None:
    """Give whom a cell is answered as."""
    persona = Persona(cell.persona_country, cell.persona_age, cell.persona_gender)
    return persona if any(persona) else None


def cell_seed(tag: str, cell: Cell, ask: Ask) -> int:
    """Derive a cell's seed from its factors: the same in every run, different between repeats and when asked again."""
    factors = [
        tag, ask.item_code, cell.question, cell.persona_country, cell.persona_age, cell.persona_gender, cell.locale,
        cell.option_order, cell.condition, cell.paraphrase, cell.preference_config, cell.demographic_config,
        cell.method, cell.repeat, cell.session_id or "", *_again(cell.asking),
    ]  # fmt: skip
    digest = hashlib.sha256("|".join(map(str, factors)).encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def _again(asking: int) -> list[int]:
    """Tell a later asking from the first one, which needs no number."""
    return [asking] if asking else []


def request_hash(spec: ModelSpec, body: dict[str, Any], repeat: int, asking: int = 0) -> str:
    """Hash (SHA-256, hex) what decides an answer: the body, who is asked, which repeat and which asking it is.

    A simulated model is also what its parameters say; how fast and how patiently is asked decides nothing.
    """
    whom = [spec.provider, spec.base_url.rstrip("/"), spec.prompt_format, spec.model]
    if spec.is_simulated:
        whom += [spec.tag, spec.parameters]
    return hashlib.sha256(canonical_json([whom, body, repeat, *_again(asking)])).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Write JSON the same way for the same value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def stored_reply(completion: Completion) -> Reply:
    """Take a stored body apart; a filter's refusal has none."""
    try:
        return read_reply(completion.reply)
    except UnreadableReply:
        return Reply(
            body=completion.reply, text=completion.text, is_refusal=True, finish_reason=completion.finish_reason
        )


def state_after(stage: str) -> CellState:
    """Give the state of a cell whose answer was read so."""
    return {ParseStage.REFUSAL: CellState.REFUSED, ParseStage.UNPARSED: CellState.UNPARSED}.get(
        ParseStage(stage), CellState.DONE
    )


def read_completion(spec: ModelSpec, answered: Answered) -> Completion:
    """Read a reply into the record that is stored with it."""
    cell_id, request, reply = answered.job.cell_id, answered.job.request, answered.reply
    reading = read_answer(request.ask, reply)
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
        choice=reading.choice or "",
        p_culture=reading.p_culture,
        label_mass=reading.label_mass,
        parser_version=PARSER_VERSION,
        parse_stage=reading.stage,
        seed=request.seed,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        latency_ms=answered.latency_ms,
        is_simulated=spec.is_simulated,
    )
