from __future__ import annotations

import json
from typing import Any

import pytest

from survey.llm.prompts import Message
from survey.llm.wire import TokenLogprob, UnreadableReply, first_token_body, read_body, read_reply
from tests.survey.llm.model_server import completion

HELLO: list[Message] = [{"role": "user", "content": "A or B?"}]


def test_body_asks_for_a_short_deterministic_answer_with_log_probabilities() -> None:
    assert first_token_body("m", HELLO, seed=7, changes={}) == {
        "model": "m",
        "messages": HELLO,
        "temperature": 0,
        "top_p": 1,
        "max_tokens": 16,
        "logprobs": True,
        "top_logprobs": 20,
        "seed": 7,
    }


def test_body_takes_what_an_endpoint_wants_otherwise() -> None:
    body = first_token_body("m", HELLO, seed=7, changes={"max_tokens": None, "max_completion_tokens": 16})
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 16


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
