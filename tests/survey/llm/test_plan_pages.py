"""Setting up a run in the browser: factors, preview, start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from survey.llm.enums import ProviderName, RunKind
from survey.llm.forms import ExperimentForm, ready_design
from survey.llm.models import ModelSpec, Run
from survey.llm.probing import begin_probe
from survey.models import Study
from tests.survey.llm.model_server import ModelServer

MakeSpec = Callable[..., ModelSpec]


def chosen(spec: ModelSpec, kind: RunKind = RunKind.ALIGNMENT, **changes: Any) -> dict[str, Any]:
    """Give what the form sends for a ready design, changed."""
    return {**ready_design(kind), "study": "trial", "specs": [spec.tag], **changes}


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr("survey.llm.plan_views.launch", found.append)
    return found


def test_preview_shows_calls_money_and_prompts_and_sends_nothing(
    study: Study, endpoint_spec: ModelSpec, model_server: ModelServer, staff_client: Client, launched: list[int]
) -> None:
    endpoint_spec.prices.create(
        valid_from=date(2026, 1, 1), prompt_per_million=Decimal(1000), completion_per_million=Decimal(0)
    )
    endpoint_spec.requests_per_minute = 6
    endpoint_spec.save()
    response = staff_client.post(reverse("llm:run_new"), chosen(endpoint_spec, preview=""))
    shown = response.context["preview"]
    page = response.content.decode()
    assert shown.n_calls == 3 * 2 * 2 * 9
    estimate = shown.estimates[0]
    assert estimate.minutes == 108 / 6
    assert estimate.cost == Decimal(estimate.prompt_tokens) / 1000
    assert estimate.completion_tokens == 108 * 16
    assert shown.n_combinations == len(shown.examples) == 2
    assert [order for order, _ in shown.examples[0].prompts] == ["Culture first", "Preference first"]
    assert all(prompt in page.replace("&#x27;", "'") for _, prompt in shown.examples[0].prompts)
    assert "has not been probed" in page
    assert "Start: send 108 calls" in page
    assert (Run.objects.count(), launched, model_server.bodies) == (0, [], [])


def test_start_makes_the_run_that_was_previewed(
    study: Study, make_spec: MakeSpec, staff_client: Client, launched: list[int],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    spec = make_spec()
    url = reverse("llm:run_new")
    choice = chosen(spec, respondents=["nobody"], limit="2", priority="3")
    manifest_hash = staff_client.post(url, choice).context["preview"].manifest_hash
    with django_capture_on_commit_callbacks(execute=True):
        response = staff_client.post(url, {**choice, "start": manifest_hash})
    run = Run.objects.get()
    assert response["Location"] == reverse("llm:run", args=[run.pk])
    assert (run.n_cells, run.manifest_hash, run.priority, run.kind) == (8, manifest_hash, 3, "alignment")
    assert (run.created_by and run.created_by.username, launched) == ("rana", [run.pk])


def test_another_choice_than_the_previewed_one_is_not_started(
    study: Study, make_spec: MakeSpec, staff_client: Client, launched: list[int]
) -> None:
    spec = make_spec()
    url = reverse("llm:run_new")
    manifest_hash = staff_client.post(url, chosen(spec)).context["preview"].manifest_hash
    response = staff_client.post(url, chosen(spec, n_repeats="2", start=manifest_hash))
    assert "not the one that was previewed" in response.content.decode()
    assert (Run.objects.count(), launched) == (0, [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"respondents": ["age"], "locales": ["persona"]}, "needs personas with a country"),
        ({"codes": "T01 X99"}, "no item X99"),
        ({"themes": ["gift_giving"]}, "No item is left"),
        ({"locales": ["pt-BR"]}, "no pt-BR text"),
        ({"budget": "5"}, "A budget needs a price"),
    ],
)
def test_choice_that_cannot_be_asked_is_refused_in_words(
    changes: dict[str, Any], message: str, study: Study, make_spec: MakeSpec, staff_client: Client
) -> None:
    url = reverse("llm:run_new")
    choice = chosen(make_spec(), **changes)
    response = staff_client.post(url, choice)
    assert response.context["preview"] is None
    assert message in response.content.decode()
    assert not Run.objects.exists()


def test_method_that_a_probe_denies_is_refused(study: Study, make_spec: MakeSpec, staff_client: Client) -> None:
    spec = make_spec("served", provider=ProviderName.OPENAI, base_url="http://127.0.0.1:1/v1")
    probe = begin_probe(spec)
    probe.findings = {"logprobs": {"works": False, "value": 0, "note": "unknown field logprobs"}}
    probe.finished_at = probe.asked_at
    probe.save()
    page = staff_client.post(reverse("llm:run_new"), chosen(spec)).content.decode()
    assert "cannot be asked by “First-token log-probabilities”" in page
    assert "unknown field logprobs" in page


def test_behaviour_design_crosses_its_configurations(study: Study, make_spec: MakeSpec, staff_client: Client) -> None:
    response = staff_client.post(reverse("llm:run_new"), chosen(make_spec(), RunKind.BEHAVIOUR))
    shown = response.context["preview"]
    assert shown.n_calls == 3 * 2 * 2 * 3 * 5
    assert (shown.n_combinations, len(shown.examples)) == (30, 24)
    assert "24 of 30 combinations" in response.content.decode()


@pytest.mark.parametrize("kind", RunKind)
def test_ready_designs_fill_the_form(kind: RunKind, study: Study, make_spec: MakeSpec, staff_client: Client) -> None:
    page = staff_client.get(reverse("llm:run_new"), {"kind": kind, "study": "trial"}).content.decode()
    assert f"<strong>{escape(kind.label)}</strong>" in page
    data = QueryDict(mutable=True)
    for name, value in chosen(make_spec(), kind).items():
        data.setlist(name, value if isinstance(value, list) else [value])
    form = ExperimentForm(data)
    assert form.is_valid(), form.errors


def test_yoked_design_without_sessions_says_so(study: Study, make_spec: MakeSpec, staff_client: Client) -> None:
    page = staff_client.post(reverse("llm:run_new"), chosen(make_spec(), RunKind.YOKED)).content.decode()
    assert "there is nothing to replay" in page
