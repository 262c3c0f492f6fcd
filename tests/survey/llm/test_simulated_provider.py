from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from survey.enums import ActorGender, AgeBucket, Choice, Country, Locale, OptionOrder, Question
from survey.llm.demo import DEMO_MODELS
from survey.llm.enums import (
    DemographicConfig,
    Method,
    ParseStage,
    PreferenceConfig,
    PromptCondition,
    PromptFormat,
    ProviderName,
)
from survey.llm.models import ModelSpec
from survey.llm.parsing import parse_reply, read_answer, read_probabilities
from survey.llm.prompts import Ask, Persona
from survey.llm.providers import open_provider
from survey.llm.providers.contract import ChatRequest, Transient
from survey.llm.providers.simulated import Planted, culture_logit, label_logit
from survey.llm.wire import Reply, request_body

MakeAsk = Callable[..., Ask]
BRAZILIAN = Persona(Country.BR, AgeBucket.OLDER, ActorGender.FEMALE)
INDIAN = Persona(Country.IN, AgeBucket.OLDER, ActorGender.FEMALE)


def ask_model(parameters: dict[str, Any], ask: Ask, seed: int = 1) -> Reply:
    spec = ModelSpec(tag="s", provider=ProviderName.SIMULATED, model="made-up", parameters=parameters)

    async def once() -> Reply:
        async with open_provider(spec) as provider:
            body = request_body(ask, spec.model, seed=seed, changes={})
            return await provider.complete(ChatRequest(body, ask, seed))

    return asyncio.run(once())


def p_culture(parameters: dict[str, Any], ask: Ask) -> float:
    probability = read_probabilities(ask_model(parameters, ask).first_tokens, ask.options).p_culture
    assert probability is not None
    return probability


@pytest.mark.parametrize("order", OptionOrder)
def test_planted_logit_is_what_comes_out_in_either_order(order: OptionOrder, make_ask: MakeAsk) -> None:
    ask = make_ask(order=order)
    assert p_culture({"culture_logit": 1.0}, ask) == pytest.approx(0.7310586)
    reply = ask_model({"culture_logit": 1.0}, ask)
    assert parse_reply(reply, ask.options, ask.wording.options) == (Choice.CULTURE, ParseStage.LABEL)
    assert read_probabilities(reply.first_tokens, ask.options).label_mass == pytest.approx(0.97)


def test_order_bias_favours_the_label_a(make_ask: MakeAsk) -> None:
    parameters = {"culture_logit": 0.0, "order_bias": 2.0}
    assert p_culture(parameters, make_ask()) == pytest.approx(0.8807971)
    assert p_culture(parameters, make_ask(order=OptionOrder.PREFERENCE_FIRST)) == pytest.approx(0.1192029)


@pytest.mark.parametrize(
    ("parameters", "ask_fields", "logit"),
    [
        ({}, {}, 1.0),
        ({"scenario_shift": {"BR": 0.5, "IN": 9.0}}, {}, 1.5),
        ({"norm_shift": 0.25}, {}, 1.0),
        ({"norm_shift": 0.25}, {"question": Question.NORM}, 1.25),
        ({"persona_shift": {"BR": -2.0}}, {}, 1.0),
        ({"persona_shift": {"BR": -2.0}}, {"persona": BRAZILIAN}, -1.0),
        ({"persona_norm_shift": {"BR": 3.0}}, {"persona": BRAZILIAN}, 1.0),
        ({"persona_norm_shift": {"BR": 3.0}}, {"persona": BRAZILIAN, "question": Question.NORM}, 4.0),
        ({"own_country_shift": 0.75}, {"persona": BRAZILIAN}, 1.75),
        ({"own_country_shift": 0.75}, {"persona": INDIAN}, 1.0),
        ({"locale_shift": {"hi-IN": 0.5}}, {"locale": Locale.HI_IN}, 1.5),
        ({"condition_shift": {"balance": -0.5}}, {}, 1.0),
        ({"condition_shift": {"balance": -0.5}}, {"condition": PromptCondition.BALANCE}, 0.5),
        ({"preference_shift": {"both_prefs": -2}}, {"preference_config": PreferenceConfig.BOTH_PREFS}, -1.0),
        ({"demographic_shift": {"age_only": 2}}, {"demographic_config": DemographicConfig.AGE_ONLY}, 3.0),
    ],
)
def test_each_shift_acts_where_it_should(
    parameters: dict[str, Any], ask_fields: dict[str, Any], logit: float, make_ask: MakeAsk
) -> None:
    assert culture_logit(Planted(**parameters), "s", make_ask(**ask_fields)) == pytest.approx(logit)


def test_items_spread_and_are_the_same_for_every_persona(make_ask: MakeAsk) -> None:
    planted = Planted(item_sd=1.0)
    first, second = (culture_logit(planted, "s", make_ask(item_code=code)) for code in ("T01", "T02"))
    assert first != second
    assert culture_logit(planted, "s", make_ask(persona=BRAZILIAN)) == first
    assert culture_logit(Planted(persona_sd=1.0), "s", make_ask(persona=BRAZILIAN)) != 1.0


def test_same_cell_gets_the_same_answer(make_ask: MakeAsk) -> None:
    parameters = {"item_sd": 1.0, "refusal_rate": 0.5}
    assert ask_model(parameters, make_ask()) == ask_model(parameters, make_ask())


def test_refusals_come_at_the_planted_rate(make_ask: MakeAsk) -> None:
    ask = make_ask()
    replies = [ask_model({"refusal_rate": 0.2}, ask, seed) for seed in range(400)]
    stages = [parse_reply(reply, ask.options, ask.wording.options).stage for reply in replies]
    assert set(stages) == {ParseStage.LABEL, ParseStage.REFUSAL}
    assert 50 < stages.count(ParseStage.REFUSAL) < 110


def test_simulated_reply_says_so(make_ask: MakeAsk) -> None:
    assert ask_model({}, make_ask()).model == "made-up (simulated)"


def test_extreme_parameters_stay_finite(make_ask: MakeAsk) -> None:
    assert label_logit(Planted(culture_logit=1e6), "s", make_ask()) == 30.0
    assert p_culture({"culture_logit": 1e6, "label_mass": 1.0}, make_ask()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        {"culture": 1},
        {"culture_logit": "1"},
        {"culture_logit": True},
        {"culture_logit": float("nan")},
        {"refusal_rate": 1.5},
        {"label_mass": 0},
        {"item_sd": -1},
        {"persona_shift": 1},
        {"persona_shift": {"XX": 1}},
        {"persona_shift": {"BR": "1"}},
        {"locale_shift": {"fr-FR": 1}},
        {"error_rate": 1},
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: Any) -> None:
    with pytest.raises(ValueError, match=r"unknown|must"):
        Planted.from_parameters(parameters)


@pytest.mark.parametrize("tag", DEMO_MODELS)
def test_demo_models_are_understood(tag: str) -> None:
    assert Planted.from_parameters(DEMO_MODELS[tag])


METHODS = [Method.SAMPLE, Method.JSON_CHOICE]


@pytest.mark.parametrize("method", METHODS)
def test_samples_come_at_the_planted_rate_and_repeat_with_their_seed(method: Method, make_ask: MakeAsk) -> None:
    ask = make_ask(method=method)
    replies = [ask_model({"culture_logit": 1.0}, ask, seed) for seed in range(1000)]
    readings = [read_answer(ask, reply) for reply in replies]
    expected = ParseStage.LABEL if method == Method.SAMPLE else ParseStage.JSON_FIELD
    assert {reading.stage for reading in readings} == {expected}
    share = sum(reading.choice == Choice.CULTURE for reading in readings) / 1000
    assert abs(share - 0.731) < 4 * (0.731 * 0.269 / 1000) ** 0.5
    assert ask_model({"culture_logit": 1.0}, ask, 5) == replies[5]


@pytest.mark.parametrize("order", OptionOrder)
def test_distribution_in_words_follows_the_logit(order: OptionOrder, make_ask: MakeAsk) -> None:
    ask = make_ask(method=Method.VERBALISED, order=order)
    assert read_answer(ask, ask_model({"culture_logit": 1.0}, ask)).p_culture == pytest.approx(0.73)
    assert read_answer(ask, ask_model({"culture_logit": 1.0, "verbal_slope": 0}, ask)).p_culture == 0.5


def test_answers_that_break_the_form_are_not_understood(make_ask: MakeAsk) -> None:
    ask = make_ask(method=Method.JSON_CHOICE)
    assert read_answer(ask, ask_model({"bad_format_rate": 1}, ask)).stage == ParseStage.UNPARSED


def test_errors_are_worth_another_try(make_ask: MakeAsk) -> None:
    spec = ModelSpec(tag="s", provider=ProviderName.SIMULATED, model="m", parameters={"error_rate": 0.5})

    async def outcomes() -> list[bool]:
        request = ChatRequest(request_body(make_ask(), "m", seed=1, changes={}), make_ask(), 1)
        found = []
        async with open_provider(spec) as provider:
            for _ in range(40):
                try:
                    found.append(bool(await provider.complete(request)))
                except Transient:
                    found.append(False)
        return found

    assert 8 <= sum(asyncio.run(outcomes())) <= 32


def test_base_model_is_simulated_in_its_own_format(make_ask: MakeAsk) -> None:
    ask = make_ask(prompt_format=PromptFormat.COMPLETIONS)
    reply = ask_model({"culture_logit": 1.0}, ask)
    assert reply.body["object"] == "text_completion"
    assert read_answer(ask, reply).p_culture == pytest.approx(0.7310586)
