"""The adapter against a real server: what goes out, and what every kind of failure becomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec
from survey.llm.prompts import Ask
from survey.llm.providers import open_provider
from survey.llm.providers.contract import (
    BadRequest,
    CallError,
    ChatRequest,
    ContentFiltered,
    EndpointRefused,
    RateLimited,
    Transient,
)
from survey.llm.providers.openai import RAW_LENGTH
from survey.llm.wire import Reply, request_body
from tests.survey.llm.model_server import Behaviour, ModelServer, fail, hang, hang_up, raw

MakeAsk = Callable[..., Ask]


def call(spec: ModelSpec, ask: Ask) -> Reply:
    async def once() -> Reply:
        async with open_provider(spec) as provider:
            body = request_body(ask, spec.model, seed=7, changes=spec.parameters)
            return await provider.complete(ChatRequest(body, ask, 7))

    return asyncio.run(once())


@pytest.fixture
def spec(model_server: ModelServer) -> ModelSpec:
    return ModelSpec(
        tag="served", provider=ProviderName.OPENAI, base_url=model_server.base_url, model="m1", timeout_s=10
    )


def test_call_sends_the_body_and_returns_the_reply(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    spec.base_url += "/"
    reply = call(spec, make_ask())
    assert (reply.text, reply.model) == ("A", "served-model-1")
    assert model_server.paths == ["/v1/chat/completions"]
    assert model_server.bodies == [request_body(make_ask(), "m1", seed=7, changes={})]
    assert model_server.keys == [None]


def test_call_carries_the_key_named_by_the_spec(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAL_API_KEY", "sk-trial\n")
    spec.api_key_env = "TRIAL_API_KEY"
    call(spec, make_ask())
    assert model_server.keys == ["Bearer sk-trial"]


def test_missing_key_stops_before_any_call(spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk) -> None:
    spec.api_key_env = "ABSENT_API_KEY"
    with pytest.raises(EndpointRefused, match="environment variable ABSENT_API_KEY"):
        call(spec, make_ask())
    assert model_server.bodies == []


def test_other_secrets_are_never_sent(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "the site's own")
    spec.api_key_env = "SECRET_KEY"
    with pytest.raises(EndpointRefused):
        call(spec, make_ask())
    assert model_server.keys == []


@pytest.mark.parametrize(
    ("behaviour", "kind", "status"),
    [
        (fail(429), RateLimited, 429),
        (fail(429, code="insufficient_quota"), EndpointRefused, 429),
        (fail(401), EndpointRefused, 401),
        (fail(402), EndpointRefused, 402),
        (fail(403), EndpointRefused, 403),
        (fail(404), EndpointRefused, 404),
        (fail(307, Location="/elsewhere"), EndpointRefused, 307),
        (fail(400), BadRequest, 400),
        (fail(422), BadRequest, 422),
        (fail(400, code="content_filter"), ContentFiltered, 400),
        (fail(403, code="content_policy_violation"), ContentFiltered, 403),
        (fail(408), Transient, 408),
        (fail(500), Transient, 500),
        (fail(503), Transient, 503),
        (raw(b"<html>busy</html>", 502), Transient, 502),
        (raw(b"<html>hello</html>"), Transient, 200),
        (raw(b'{"choices": [{"mess'), Transient, 200),
        (raw(b'{"choices": []}'), Transient, 200),
        (hang_up, Transient, None),
    ],
)
def test_failure_becomes_its_kind(
    behaviour: Behaviour, kind: type[CallError], status: int | None, spec: ModelSpec, model_server: ModelServer,
    make_ask: MakeAsk,
) -> None:  # fmt: skip
    model_server.usual = behaviour
    with pytest.raises(CallError) as caught:
        call(spec, make_ask())
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert len(model_server.bodies) == 1


def test_unreachable_server_is_transient(spec: ModelSpec, make_ask: MakeAsk) -> None:
    spec.base_url = "http://127.0.0.1:1/v1"
    with pytest.raises(Transient, match="ConnectError"):
        call(spec, make_ask())


def test_server_that_hangs_is_given_up(spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk) -> None:
    model_server.usual, spec.timeout_s = hang, 1
    with pytest.raises(Transient, match="no answer within 1 s"):
        call(spec, make_ask())


@pytest.mark.parametrize(("header", "seconds"), [("2", 2.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("inf", None)])
def test_retry_after_is_read(
    header: str, seconds: float | None, spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    model_server.usual = fail(429, Retry_After=header)
    with pytest.raises(RateLimited) as caught:
        call(spec, make_ask())
    assert caught.value.retry_after == seconds


def test_retry_after_may_be_a_date(spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk) -> None:
    model_server.usual = fail(503, Retry_After=format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    with pytest.raises(Transient) as caught:
        call(spec, make_ask())
    assert caught.value.retry_after is not None
    assert 3000 < caught.value.retry_after <= 3600


@pytest.mark.parametrize(
    ("status", "mend"),
    [
        (401, "read from TRIAL_API_KEY"),
        (402, "out of credit"),
        (403, "may not use this model (m1)"),
        (404, "the model's name (m1)"),
    ],
)
def test_refusal_names_what_to_mend_and_hides_the_key(
    status: int, mend: str, spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("TRIAL_API_KEY", "sk-trial")
    spec.api_key_env = "TRIAL_API_KEY"
    model_server.usual = fail(status, "wrong key sk-trial given")
    with pytest.raises(EndpointRefused) as caught:
        call(spec, make_ask())
    assert mend in caught.value.message
    assert "wrong key [key] given" in caught.value.message


def test_error_as_plain_string_is_shown(spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk) -> None:
    model_server.usual = raw(b'{"error": "context too long"}', 400)
    with pytest.raises(BadRequest, match="context too long"):
        call(spec, make_ask())


@pytest.mark.parametrize("status", [200, 400, 401, 429, 503])
def test_body_of_a_failed_call_is_kept_cut_off_and_without_the_key(
    status: int, spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAL_API_KEY", "sk-trial")
    spec.api_key_env = "TRIAL_API_KEY"
    # The key stands across the end of what is kept: redacted before it is cut.
    body = "<p>sk-trial\0 ".ljust(RAW_LENGTH, "x") + "sk-trial"
    model_server.usual = lambda handler: handler.send(status, body.encode(), X_Request_Id="req-1 sk-trial")
    with pytest.raises(CallError) as caught:
        call(spec, make_ask())
    assert caught.value.raw.startswith("<p>[key] xxx")
    assert len(caught.value.raw) == RAW_LENGTH
    assert "sk-" not in caught.value.raw + caught.value.message
    assert caught.value.request_id == "req-1 [key]"
