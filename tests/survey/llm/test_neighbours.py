"""Where models are never asked: at a cloud's own addresses, and at the site's own servers."""

from __future__ import annotations

import pytest

from survey.llm.enums import RunState
from survey.llm.models import ModelSpec
from survey.llm.providers import neighbours
from survey.llm.providers.contract import EndpointRefused
from survey.llm.providers.neighbours import own_names, refuse_neighbours, resolve
from survey.llm.stint import Stint
from survey.models import Study
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
        refuse_neighbours(address, resolver)


@pytest.mark.parametrize("number", ["2852039166", "0xA9FEA9FE", "0251.0376.0251.0376"])
def test_odd_ways_to_write_an_address_lead_to_the_same_refusal(number: str) -> None:
    if not resolve(number, 80):
        pytest.skip("this system's resolver does not read such numbers, so nothing can be called by them")
    with pytest.raises(EndpointRefused, match="clouds keep"):
        refuse_neighbours(f"http://{number}/v1")


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
        refuse_neighbours(address, resolver)


@pytest.mark.parametrize(
    "address",
    ["http://vllm:8000/v1", "http://10.0.0.5:8000/v1", "http://127.0.0.1:8080/v1", "https://unknown.example.org/v1"],
)
def test_models_of_private_networks_and_unknown_names_are_left_to_the_call(address: str) -> None:
    refuse_neighbours(address, resolver)


def test_own_servers_are_read_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_names({"HOST": "db", "PORT": ""}, "redis://:secret@redis/0") == [("db", 5432), ("redis", 6379)]
    in_folders = own_names({"HOST": "/run/postgresql", "PORT": 5433}, "redis+socket:///run/valkey.sock?virtual_host=0")
    assert in_folders == [("/run/postgresql", 5433)]
    monkeypatch.setattr(neighbours, "own_names", lambda *_: in_folders)
    refuse_neighbours("http://10.0.0.6:5433/v1", resolver)


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
