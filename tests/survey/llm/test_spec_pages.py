"""Pages of models: what may be saved, the probe, prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from survey.llm import domain
from survey.llm.models import ModelSpec, Probe
from survey.llm.probing import begin_probe, run_probe
from survey.llm.queries import current_findings, current_prices
from survey.models import Study
from tests.survey.llm.model_server import ModelServer, fail

MakeSpec = Callable[..., ModelSpec]
SPEC_FORM = {
    "tag": "llama", "provider": "openai", "base_url": "http://localhost:8000/v1", "model": "llama-3.1-8b",
    "stage": "instruct", "prompt_format": "chat", "max_in_flight": "20", "timeout_s": "60", "parameters": "",
}  # fmt: skip


def test_model_is_saved_and_listed(staff_client: Client) -> None:
    response = staff_client.post(reverse("llm:spec_new"), SPEC_FORM, follow=True)
    spec = ModelSpec.objects.get()
    assert (spec.tag, spec.base_url, spec.parameters) == ("llama", "http://localhost:8000/v1", {})
    assert "llama-3.1-8b" in response.content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", ""),
        ("base_url", "localhost:8000/v1"),
        ("base_url", "ftp://localhost/v1"),
        ("base_url", "file:///etc/passwd"),
        ("base_url", "https://"),
        ("base_url", "https://user:key@example.org/v1"),
        ("base_url", "https://example.org/v1?key=1"),
        ("base_url", "http://localhost:99999/v1"),
        ("base_url", "https://example.org/v1/chat/completions"),
        ("base_url", "https://example.org/v1/completions/"),
        ("api_key_env", "SECRET_KEY"),
        ("api_key_env", "DATABASE_URL"),
        ("api_key_env", "sk-12345"),
        ("max_in_flight", "0"),
        ("timeout_s", "0"),
        ("parameters", "[1]"),
        ("parameters", '{"messages": []}'),
        ("parameters", '{"seed": 3}'),
        ("requests_per_minute", "0"),
        ("parameters", "{"),
    ],
)
def test_model_that_cannot_work_is_refused(field: str, value: str, staff_client: Client) -> None:
    response = staff_client.post(reverse("llm:spec_new"), {**SPEC_FORM, field: value})
    assert list(response.context["form"].errors) == [field]
    assert not ModelSpec.objects.exists()


def test_form_of_a_model_speaks_in_words(staff_client: Client) -> None:
    page = staff_client.post(reverse("llm:spec_new"), {**SPEC_FORM, "parameters": "{"}).content.decode()
    assert "Base URL:" in page
    assert "Variable with the API key:" in page
    assert "write it like {&quot;temperature&quot;: 0.7}" in page


@pytest.mark.parametrize("address", ["http://vllm:8000/v1", "https://api.example.org/v1", "http://[::1]:8000/v1"])
def test_addresses_of_containers_and_hosts_are_taken(address: str, staff_client: Client) -> None:
    staff_client.post(reverse("llm:spec_new"), {**SPEC_FORM, "base_url": address, "api_key_env": "VLLM_API_KEY"})
    assert ModelSpec.objects.get().base_url == address


def test_simulated_model_has_its_behaviour_checked(staff_client: Client) -> None:
    form = {**SPEC_FORM, "provider": "simulated", "parameters": '{"order_bias": 1, "colour": 2}'}
    response = staff_client.post(reverse("llm:spec_new"), form)
    assert "unknown: colour" in response.content.decode()
    staff_client.post(reverse("llm:spec_new"), {**form, "parameters": '{"order_bias": 1}'})
    spec = ModelSpec.objects.get()
    assert (spec.base_url, spec.parameters, spec.is_simulated) == ("", {"order_bias": 1}, True)


def test_asked_model_keeps_its_identity_but_can_move(study: Study, make_spec: MakeSpec, staff_client: Client) -> None:
    spec = make_spec("llama", provider="openai", base_url="http://old/v1", model="llama-3.1-8b")
    domain.create_alignment_run(study, specs=[spec], limit=1)
    form = {**SPEC_FORM, "tag": "other", "model": "other", "base_url": "http://new/v1"}
    staff_client.post(reverse("llm:spec_edit", args=["llama"]), form)
    spec.refresh_from_db()
    assert (spec.tag, spec.model, spec.base_url) == ("llama", "llama-3.1-8b", "http://new/v1")


def test_seed_may_be_left_out_where_a_model_refuses_it(staff_client: Client) -> None:
    staff_client.post(reverse("llm:spec_new"), {**SPEC_FORM, "parameters": '{"seed": null, "top_k": null}'})
    assert ModelSpec.objects.get().parameters == {"seed": None, "top_k": None}


# --- Probe -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_process")
def test_saving_offers_a_probe_that_is_shown_on_the_models_page(
    model_server: ModelServer, staff_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    form = {**SPEC_FORM, "base_url": model_server.base_url, "probe": ""}
    with django_capture_on_commit_callbacks(execute=True):
        staff_client.post(reverse("llm:spec_new"), form)
    probe = Probe.objects.get()
    assert probe.findings["logprobs"] == {"works": True, "value": 3, "note": ""}
    assert probe.findings["label_mass"]["value"] == 0.8
    assert not probe.findings["temperature"]["works"]
    assert probe.findings["several"] == {"works": False, "value": 1, "note": "3 asked for, 1 came"}
    assert not probe.findings["json_schema"]["works"]
    assert len(probe.calls) == len(model_server.bodies)
    page = staff_client.get(reverse("llm:spec", args=["llama"])).content.decode()
    assert "Sends log-probabilities of the first token</th><td>yes</td><td>3</td>" in page
    assert "data-refresh-url" not in page


def test_exact_error_of_a_refused_feature_is_kept(
    endpoint_spec: ModelSpec, model_server: ModelServer, staff_client: Client
) -> None:
    def no_neutral(handler: Any) -> None:
        body = model_server.bodies[-1]
        refuse = "min_p" in body or "response_format" in body
        (fail(400, "Unrecognized request argument: min_p") if refuse else model_server_answer)(handler)

    model_server_answer = model_server.usual
    model_server.usual = no_neutral
    probe = begin_probe(endpoint_spec)
    run_probe(probe)
    probe.refresh_from_db()
    assert probe.findings["neutral"] == {"works": False, "value": None, "note": "Unrecognized request argument: min_p"}
    assert "temperature" not in probe.findings
    assert [call["status"] for call in probe.calls if "min_p" in call["request"]] == [400] * 3


def test_endpoint_that_takes_no_call_leaves_the_reason(
    endpoint_spec: ModelSpec, model_server: ModelServer, staff_client: Client
) -> None:
    model_server.usual = fail(401, "bad key")
    run_probe(begin_probe(endpoint_spec))
    page = staff_client.get(reverse("llm:spec", args=["served"])).content.decode()
    assert "does not accept the key" in page
    assert current_findings([endpoint_spec]) == {}


def test_probe_under_way_refreshes_and_is_not_begun_twice(
    make_spec: MakeSpec, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec()
    probe = begin_probe(spec)
    part = reverse("llm:spec_probe_part", args=[spec.tag])
    assert f'data-refresh-url="{part}"' in staff_client.get(reverse("llm:spec", args=[spec.tag])).content.decode()
    assert "X-Refresh" not in staff_client.get(part).headers
    staff_client.post(reverse("llm:spec_probe", args=[spec.tag]))
    assert Probe.objects.count() == 1
    Probe.objects.filter(pk=probe.pk).update(asked_at=timezone.now() - timedelta(hours=1))
    assert "Is a worker running?" in staff_client.get(part).content.decode()
    assert staff_client.get(part).headers["X-Refresh"] == "stop"


def test_probe_holds_until_what_it_called_changes(make_spec: MakeSpec, in_process: None) -> None:
    spec = make_spec()
    run_probe(begin_probe(spec))
    assert current_findings([spec])[spec.pk]["logprobs"]["works"]
    spec.max_in_flight = 3
    assert current_findings([spec])
    spec.parameters = {"order_bias": 1}
    assert current_findings([spec]) == {}


# --- Prices ------------------------------------------------------------------------------------


def test_price_is_added_and_holds_from_its_day_on(make_spec: MakeSpec, staff_client: Client) -> None:
    spec = make_spec()
    url = reverse("llm:price_add", args=[spec.tag])
    for day, price in (("2026-01-01", "0.15"), ("2026-06-01", "0.10")):
        data = {"valid_from": day, "prompt_per_million": price, "completion_per_million": "0.6", "currency": "usd"}
        assert staff_client.post(url, data).status_code == 302
    found = [current_prices([spec], on)[spec.pk] for on in (date(2026, 5, 31), date(2026, 6, 1))]
    assert [price.prompt_per_million for price in found] == [Decimal("0.15"), Decimal("0.10")]
    assert found[0].currency == "USD"
    assert current_prices([spec], date(2025, 12, 31)) == {}
    again = {"valid_from": "2026-06-01", "prompt_per_million": "1", "completion_per_million": "1", "currency": "USD"}
    response = staff_client.post(url, again)
    assert (response.status_code, spec.prices.count()) == (400, 2)
