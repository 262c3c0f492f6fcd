from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from survey.llm.enums import Method, PromptFormat
from survey.llm.prompts import Ask, messages, prompt_text
from survey.llm.wire import NEUTRAL, TokenLogprob, UnreadableReply, read_body, read_reply, request_body
from tests.survey.llm.model_server import completion

MakeAsk = Callable[..., Ask]


def test_body_asks_for_a_short_deterministic_answer_with_log_probabilities(make_ask: MakeAsk) -> None:
    assert request_body(make_ask(), "m", seed=7, changes={}) == {
        "model": "m",
        "messages": messages(make_ask()),
        "temperature": 0,
        "top_p": 1,
        "max_tokens": 16,
        "logprobs": True,
        "top_logprobs": 20,
        "seed": 7,
    }


def test_base_model_gets_plain_text_to_continue(make_ask: MakeAsk) -> None:
    ask = make_ask(prompt_format=PromptFormat.COMPLETIONS)
    body = request_body(ask, "m", seed=7, changes={})
    assert body["prompt"] == prompt_text(ask)
    assert body["prompt"].endswith("\nB. Decline the coffee\n\nAnswer:")
    assert "messages" not in body
    assert body["logprobs"] == 5


@pytest.mark.parametrize("method", [Method.SAMPLE, Method.JSON_CHOICE, Method.VERBALISED])
def test_whatever_is_sampled_is_sampled_neutrally(method: Method, make_ask: MakeAsk) -> None:
    body = request_body(make_ask(method=method), "m", seed=7, changes={})
    assert {name: body[name] for name in NEUTRAL} == {"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0}
    assert "logprobs" not in body
    assert ("response_format" in body) == (method == Method.JSON_CHOICE)


def test_schema_allows_the_labels_alone(make_ask: MakeAsk) -> None:
    form = request_body(make_ask(method=Method.JSON_CHOICE), "m", seed=7, changes={})["response_format"]
    assert form["json_schema"]["schema"]["properties"] == {"answer": {"type": "string", "enum": ["A", "B"]}}


def test_body_takes_what_an_endpoint_wants_otherwise(make_ask: MakeAsk) -> None:
    changes = {"max_tokens": None, "max_completion_tokens": 16}
    body = request_body(make_ask(), "m", seed=7, changes=changes)
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 16


def test_plain_completion_is_taken_apart() -> None:
    logprobs = {
        "tokens": [" B", "."],
        "token_logprobs": [-0.7, -0.1],
        "top_logprobs": [{" A": -0.9, " B": -0.7}, {".": -0.1}],
    }
    reply = read_reply({"choices": [{"text": " B.", "finish_reason": "length", "logprobs": logprobs}]})
    assert (reply.text, reply.finish_reason) == (" B.", "length")
    assert reply.first_tokens == [TokenLogprob(" A", -0.9), TokenLogprob(" B", -0.7)]


def test_reply_is_taken_apart() -> None:
    body = completion("A")
    reply = read_reply(body)
    assert (reply.text, reply.model, reply.finish_reason) == ("A", "served-model-1", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.is_refusal) == (120, 1, False)
    assert reply.first_tokens == [
        TokenLogprob("A", -0.5108256),
        TokenLogprob("B", -1.6094379),
        TokenLogprob("The", -1.89712),
    ]
    assert reply.body is body


def test_sampled_token_counts_though_it_is_not_among_the_top() -> None:
    body = completion()
    body["choices"][0]["logprobs"]["content"][0].update(token="C", logprob=-7.0)
    assert TokenLogprob("C", -7.0) in (read_reply(body).first_tokens or [])


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        {"content": None},
        {"content": []},
        {"content": [{}]},
        {"content": [{"token": "A", "logprob": None, "top_logprobs": []}]},
        {"content": [{"token": "A", "logprob": 3.0, "top_logprobs": None}]},
        {"content": [{"token": "A", "logprob": "-1", "top_logprobs": ["A"]}]},
        {"tokens": [], "token_logprobs": [], "top_logprobs": []},
        {"tokens": ["A"], "token_logprobs": [None], "top_logprobs": None},
        "none",
    ],
)
def test_absent_or_odd_log_probabilities_are_none(logprobs: Any) -> None:
    reply = read_reply(completion("B", logprobs=logprobs))
    assert (reply.text, reply.first_tokens) == ("B", None)


@pytest.mark.parametrize("body", [None, [], "A", {}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": 3}]}])
def test_body_without_a_choice_is_no_reply(body: Any) -> None:
    with pytest.raises(UnreadableReply):
        read_reply(body)


def test_refusal_field_and_content_filter_mark_a_refusal() -> None:
    refused = read_reply(completion(message={"content": None, "refusal": "I will not."}))
    assert (refused.is_refusal, refused.text) == (True, "I will not.")
    assert read_reply(completion("", finish_reason="content_filter")).is_refusal


def test_missing_usage_and_empty_content_are_tolerated() -> None:
    body = {"choices": [{"message": {"content": None}}], "usage": {"prompt_tokens": -3}}
    reply = read_reply(body)
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens, reply.model) == ("", None, None, "")


def test_body_is_made_fit_for_the_database() -> None:
    raw = rb'{"choices": [{"message": {"content": "A\u0000\ud83d"}}]}'
    assert read_reply(read_body(raw)).text == "A\ufffd?"
    emoji = json.dumps({"x": "\N{GRINNING FACE}"}).encode()
    assert read_body(emoji) == {"x": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("raw", [b'{"choices": [', b'{"x": NaN}', b"\xff\xfe", b"", b"[" * 100_000])
def test_what_is_no_json_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableReply):
        read_body(raw)
