"""The adapter against a real server: what goes out, and what every kind of failure becomes."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec
from survey.llm.prompts import Ask
from survey.llm.providers import open_provider, openai
from survey.llm.providers.contract import (
    Away,
    BadRequest,
    CallError,
    ChatRequest,
    ContentFiltered,
    EndpointRefused,
    RateLimited,
    Transient,
)
from survey.llm.providers.failures import RAW_LENGTH
from survey.llm.providers.openai import MAX_REPLY_BYTES
from survey.llm.wire import Reply, request_body
from tests.survey.llm.model_server import (
    Behaviour,
    ModelServer,
    answer,
    completion,
    drip,
    fail,
    gzipped,
    hang,
    hang_up,
    raw,
    zeros_gzipped,
)

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
        (fail(502), Away, 502),
        (fail(503), Away, 503),
        (fail(504), Transient, 504),
        (raw(b"<html>busy</html>", 502), Away, 502),
        (raw(b"<html>hello</html>"), Transient, 200),
        (raw(b'{"choices": [{"mess'), Transient, 200),
        (raw(b'{"choices": []}'), Transient, 200),
        (raw(b"\x00" * 3_000_000), BadRequest, 200),
        (raw(b"\x00" * 3_000_000, 500), Transient, 500),
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


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("http://127.0.0.1:1/v1", r"no connection: \[Errno 111\] Connect call failed"),
        ("http://nowhere.invalid/v1", "no connection: .*[Nn]ame"),
    ],
)
def test_unreachable_server_is_away_with_the_reason(
    base_url: str, said: str, spec: ModelSpec, make_ask: MakeAsk
) -> None:
    spec.base_url = base_url
    with pytest.raises(Away, match=said) as caught:
        call(spec, make_ask())
    assert caught.value.mend == f"Check that the server runs and that the worker can reach it ({base_url})."


def test_server_that_takes_no_connection_is_away(
    spec: ModelSpec, make_ask: MakeAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel leaves callers without a reply when as many wait as the server has room for."""
    monkeypatch.setattr(openai, "CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        spec.base_url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        with pytest.raises(Away, match="no connection: no reply in time"):
            call(spec, make_ask())


@pytest.mark.parametrize(
    ("days", "is_named", "reason"),
    [((-1, 1), False, "self.signed certificate"), ((-2, -1), True, "certificate has expired")],
)
def test_server_whose_certificate_is_not_trusted_gets_no_call(
    days: tuple[int, int], is_named: bool, reason: str, spec: ModelSpec, make_ask: MakeAsk,
    tls_server: Callable[..., ModelServer], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    server = tls_server(*days)
    if is_named:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    spec.base_url = server.base_url
    with pytest.raises(EndpointRefused) as caught:
        call(spec, make_ask())
    assert re.match(
        rf"served: the server's certificate is not trusted \({reason}\)\. Check the base URL \({server.base_url}\)\.",
        caught.value.message,
    )
    assert server.bodies == []


def test_certificate_of_an_authority_of_ones_own_is_trusted_where_it_is_named(
    spec: ModelSpec, make_ask: MakeAsk, tls_server: Callable[..., ModelServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tls_server(-1, 1)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    spec.base_url = server.base_url
    assert call(spec, make_ask()).text == "A"


def test_other_failures_of_encryption_are_waited_for(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    spec.base_url = model_server.base_url.replace("http:", "https:")
    with pytest.raises(Away, match=r"no connection: .*(WRONG_VERSION_NUMBER|wrong version|EOF)"):
        call(spec, make_ask())


def test_server_that_hangs_is_given_up(spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk) -> None:
    model_server.usual, spec.timeout_s = hang, 1
    with pytest.raises(Transient, match="no answer within 1 s"):
        call(spec, make_ask())


def test_server_whose_reply_trickles_in_is_given_up(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    model_server.usual, spec.timeout_s = drip, 1
    with pytest.raises(Transient, match="no answer within 1 s"):
        call(spec, make_ask())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "no", "code": "insufficient_quota"}, EndpointRefused),
        ({"message": "no", "type": "insufficient_quota", "code": 429}, EndpointRefused),
        ({"message": "no", "code": "invalid_api_key", "type": "invalid_request_error"}, EndpointRefused),
        ({"message": "no", "code": "model_not_found", "type": "invalid_request_error"}, EndpointRefused),
        ({"message": "no", "code": 402}, EndpointRefused),
        ({"message": "no", "code": "rate_limit_exceeded", "type": "tokens"}, RateLimited),
        ({"message": "no", "code": 429, "status": "RESOURCE_EXHAUSTED"}, RateLimited),
        ({"message": "no", "code": "content_filter"}, ContentFiltered),
        ({"message": "no", "code": "context_length_exceeded", "type": "invalid_request_error"}, BadRequest),
        ({"message": "no", "type": "overloaded_error"}, Away),
        ({"message": "no", "code": 502}, Away),
        ({"message": "no", "code": 7}, Transient),
        ({"message": "no"}, Transient),
        ("no", Transient),
    ],
)
@pytest.mark.parametrize("shape", ["body", "choice"])
def test_error_that_comes_as_a_success_is_sorted_like_the_status_it_stands_for(
    shape: str, error: Any, kind: type[CallError], spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    inside = {"choices": [{"finish_reason": "error", "message": {"content": ""}, "error": error}]}
    model_server.usual = raw(json.dumps({"error": error} if shape == "body" else inside).encode())
    with pytest.raises(CallError) as caught:
        call(spec, make_ask())
    assert (type(caught.value), caught.value.status) == (kind, 200)
    assert caught.value.message.endswith("no")
    assert '"no"' in caught.value.raw or kind is ContentFiltered


def test_completion_beside_an_empty_error_is_a_completion(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    model_server.usual = raw(json.dumps({**completion("B"), "error": None}).encode())
    assert call(spec, make_ask()).text == "B"


@pytest.mark.parametrize("packed", [False, True])
def test_long_reply_is_kept_up_to_the_limit(
    packed: bool, spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    text = "A" + "x" * (MAX_REPLY_BYTES // 2)
    model_server.usual = gzipped(json.dumps(completion(text)).encode()) if packed else answer(text)
    assert call(spec, make_ask()).text == text


def test_reply_that_unpacks_to_more_than_the_limit_is_not_unpacked(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    """Fifty megabytes in fifty kilobytes; the memory that the call takes stays within a few limits."""
    bomb = b"".join(zeros_gzipped(50_000_000))
    model_server.usual = lambda handler: handler.send(200, bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(BadRequest, match="longer than 2,000,000 bytes"):
            call(spec, make_ask())
        assert tracemalloc.get_traced_memory()[1] < 6 * MAX_REPLY_BYTES
    finally:
        tracemalloc.stop()


def test_reply_that_cannot_be_unpacked_is_transient(
    spec: ModelSpec, model_server: ModelServer, make_ask: MakeAsk
) -> None:
    model_server.usual = lambda handler: handler.send(200, b"no such thing", Content_Encoding="gzip")
    with pytest.raises(Transient, match="cannot be unpacked"):
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
        (401, "read it from TRIAL_API_KEY"),
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
