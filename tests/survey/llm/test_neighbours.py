"""Where models are never asked: at a cloud's own addresses, and at the site's own servers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from survey.llm.enums import ProviderName, RunState
from survey.llm.models import ModelSpec
from survey.llm.prompts import Ask
from survey.llm.providers import neighbours, openai
from survey.llm.providers.contract import Away, ChatRequest, EndpointRefused
from survey.llm.providers.neighbours import Guard, own_names, resolve
from survey.llm.stint import Stint
from survey.llm.wire import request_body
from survey.models import Study
from tests.survey.llm.model_server import NAME, ModelServer
from tests.survey.llm.workers import make_run

NAMES = {"db": ["10.0.0.5"], "redis": ["10.0.0.6"], "sneaky.example.org": ["10.0.0.5"], "vllm": ["10.0.0.7"]}


def resolver(host: str, port: int) -> list[str]:
    return NAMES.get(host, [host] if host[0].isdigit() or ":" in host else [])


@pytest.fixture(autouse=True)
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "own_names", lambda *_: [("db", 5432), ("redis", 6379), ("127.0.0.1", 7000)])


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/v1", "http://[fe80::1]/v1", "http://[::ffff:169.254.169.254]/v1", "http://0.0.0.0/v1",
        "http://[64:ff9b::a9fe:a9fe]/v1", "http://[2002:a9fe:a9fe::]/v1", "http://[fd00:ec2::254]/v1",
        "http://168.63.129.16/v1", "http://100.100.100.200:80/v1", "http://[::]:8000/v1",
    ],
)  # fmt: skip
def test_no_model_is_asked_at_an_address_of_clouds(address: str) -> None:
    with pytest.raises(EndpointRefused, match="clouds keep"):
        Guard(resolver).look_at(address)


@pytest.mark.parametrize("number", ["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376"])
def test_odd_ways_to_write_an_address_lead_to_the_same_refusal(number: str) -> None:
    if not resolve(number, 80):
        pytest.skip("this system's resolver does not read such numbers, so nothing can be called by them")
    with pytest.raises(EndpointRefused, match="clouds keep"):
        Guard().look_at(f"http://{number}/v1")


@pytest.mark.parametrize(
    "address",
    [
        "http://db:5432/v1", "http://10.0.0.6:6379", "http://sneaky.example.org:5432/v1",
        "http://[::ffff:10.0.0.6]:6379", "http://[64:ff9b::a00:6]:6379", "http://127.9.9.9:7000/v1",
        "http://[::1]:7000/v1",
    ],
)  # fmt: skip
def test_no_model_is_asked_at_the_sites_own_servers(address: str) -> None:
    with pytest.raises(EndpointRefused, match="a server of this site itself"):
        Guard(resolver).look_at(address)


@pytest.mark.parametrize(
    "address",
    ["http://vllm:8000/v1", "http://10.0.0.5:8000/v1", "http://127.0.0.1:8080/v1", "https://unknown.example.org/v1"],
)
def test_models_of_private_networks_and_unknown_names_are_left_to_the_call(address: str) -> None:
    Guard(resolver).look_at(address)


def test_own_servers_are_read_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_names({"HOST": "db", "PORT": ""}, "redis://:secret@redis/0") == [("db", 5432), ("redis", 6379)]
    in_folders = own_names({"HOST": "/run/postgresql", "PORT": 5433}, "redis+socket:///run/valkey.sock?virtual_host=0")
    assert in_folders == [("/run/postgresql", 5433)]
    monkeypatch.setattr(neighbours, "own_names", lambda *_: in_folders)
    Guard(resolver).look_at("http://10.0.0.6:5433/v1")


@pytest.mark.django_db
def test_run_at_a_forbidden_address_stops_without_a_call(study: Study, endpoint_spec: ModelSpec) -> None:
    ModelSpec.objects.update(base_url="http://169.254.169.254/latest")
    endpoint_spec.refresh_from_db()
    run = make_run(study, endpoint_spec)
    run.__class__.objects.update(state=RunState.RUNNING)
    Stint(endpoint_spec, max_in_flight=1).work()
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert "clouds keep" in run.error
    assert not run.cells.exclude(state="todo").exists()


class Names:
    """A resolver whose answers for `NAME` change from one question to the next; other names are as they are."""

    def __init__(self, *answers: str) -> None:
        self.answers: Iterator[str] = iter(answers)
        self.n_asked = 0

    def __call__(self, host: str, port: int) -> list[str]:
        if host != NAME:
            return resolver(host, port)
        self.n_asked += 1
        return [next(self.answers)]


def call(names: Names, address: str, ask: Ask, monkeypatch: pytest.MonkeyPatch, *, n: int = 1) -> None:
    """Ask a model so often, one call after the other; the system's own resolver knows no name."""
    numbers_only = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: numbers_only(host, *a, **{**k, "flags": socket.AI_NUMERICHOST})
    )
    monkeypatch.setattr(openai, "Guard", lambda: Guard(names))
    spec = ModelSpec(tag="named", provider=ProviderName.OPENAI, base_url=address, model="m1", timeout_s=10)

    async def calls() -> None:
        async with openai.OpenAIProvider(spec) as provider:
            for _ in range(n):
                await provider.complete(ChatRequest(request_body(ask, "m1", seed=7, changes={}), ask, 7))

    asyncio.run(calls())


@pytest.mark.parametrize("inside", ["169.254.169.254", "10.0.0.5"])
def test_name_that_turns_inward_after_the_look_is_not_called(
    inside: str, monkeypatch: pytest.MonkeyPatch, make_ask: Callable[..., Ask]
) -> None:
    names, connected = Names("10.0.0.7", inside, "10.0.0.7"), []
    monkeypatch.setattr(socket.socket, "connect", lambda *place: connected.append(place))
    with pytest.raises(EndpointRefused, match=f"^{NAME}.* (clouds keep|a server of this site)"):
        call(names, f"http://{NAME}:5432/v1", make_ask(), monkeypatch)
    assert (names.n_asked, connected) == (2, [])


def test_connection_goes_to_the_address_that_was_looked_at(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, make_ask: Callable[..., Ask]
) -> None:
    """Once at the beginning and once for the connection, not once a call; the server is told the name."""
    names = Names("10.0.0.7", "127.0.0.1", "10.0.0.5")
    call(names, f"http://{NAME}:{model_server.server_port}/v1", make_ask(), monkeypatch, n=5)
    assert (names.n_asked, len(model_server.bodies)) == (2, 5)
    assert set(model_server.hosts) == {f"{NAME}:{model_server.server_port}"}


def test_certificate_is_held_against_the_name_not_the_number(
    tls_server: Callable[[int, int], ModelServer], monkeypatch: pytest.MonkeyPatch, make_ask: Callable[..., Ask]
) -> None:
    server = tls_server(-1, 1)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    call(Names("127.0.0.1", "127.0.0.1"), f"https://{NAME}:{server.server_port}/v1", make_ask(), monkeypatch)
    monkeypatch.setitem(NAMES, "other.example.org", ["127.0.0.1"])
    with pytest.raises(EndpointRefused, match="certificate is not trusted"):
        call(Names(), f"https://other.example.org:{server.server_port}/v1", make_ask(), monkeypatch)
    assert len(server.bodies) == 1


def test_next_address_of_a_name_is_tried_and_an_unknown_name_is_said_to_be_one(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, make_ask: Callable[..., Ask]
) -> None:
    monkeypatch.setitem(NAMES, "two.example.org", ["::1", "127.0.0.2", "127.0.0.1"])
    call(Names(), f"http://two.example.org:{model_server.server_port}/v1", make_ask(), monkeypatch)
    with pytest.raises(Away, match=r"no connection: the name nobody\.example\.org is not known"):
        call(Names(), "http://nobody.example.org/v1", make_ask(), monkeypatch)
