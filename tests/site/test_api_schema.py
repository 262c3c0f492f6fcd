"""The API is asked what its own description allows, by a tester that knows nothing else: no fault, no breach."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from pytest_django.live_server_helper import LiveServer
from schemathesis import checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from analysis.models import AnalysisRun, Release
from pact_site.accounts.tokens import make_token
from pact_site.roles import Role, Scope
from survey.domain.study_states import unblind_study
from survey.llm.domain import create_alignment_run
from survey.llm.enums import ProviderName
from survey.llm.models import Completion, ModelSpec, Run
from survey.models import Item, QuotaCell, Response, SurveySession
from tests.factories import make_session, make_study
from tests.staff import make_staff
from tests.survey.test_flow_pages import Walker

EXAMPLES = 3  # per operation and role; seeded, so that a failure comes again
CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# What each role must have got, so that a run in which nothing opens does not pass.
TEXTS = frozenset({"GET /api/items/", "GET /api/items/{id}/"})
WATCHED = TEXTS | {"GET /api/studies/{code}/", "GET /api/quotas/{id}/", "GET /api/summaries/{study}/{table}/"}
ANSWERS = WATCHED | {"GET /api/exports/{study}/{file}/", "GET /api/sessions/{id}/", "GET /api/results/{id}/"}
REACHED = {
    Role.PI: ANSWERS | {"GET /api/log/{number}/", "PATCH /api/runs/{id}/"},
    Role.ANALYST: ANSWERS | {"PATCH /api/runs/{id}/"},
    Role.ASSISTANT: WATCHED,
    Role.VIEWER: WATCHED,
    Role.TRANSLATOR: TEXTS,
}


def real_parameters(path: str) -> dict[str, object] | None:
    """Give the parts of an address that lead to something; None for a list."""
    known: dict[str, object] = {"code": "s1", "study": "s1", "tag": "one", "table": "funnel", "file": "long.ndjson"}
    known |= {"id": first_of(path), "key": "rates", "number": 1}
    names = re.findall(r"\{(\w+)\}", path)
    return {name: known[name] for name in names} or None


def first_of(path: str) -> int:
    """Give the number of a row of the kind that an address is about."""
    subject = path.split("/")[2]
    model = {
        "quotas": QuotaCell, "items": Item, "sessions": SurveySession, "responses": Response, "runs": Run,
        "completions": Completion, "results": AnalysisRun, "releases": Release,
    }.get(subject, Item)  # fmt: skip
    return model._default_manager.order_by("pk").values_list("pk", flat=True).first() or 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", list(Role))
def test_no_fault_and_no_breach_of_the_description(
    role: Role, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pact_site.throttles.PerToken.allow_request", lambda *_: True)
    monkeypatch.setattr("pact_site.throttles.PerUser.allow_request", lambda *_: True)
    monkeypatch.setattr("analysis.api.results.launch", lambda pk: None)
    monkeypatch.setattr("survey.llm.api.launch", lambda pk: None)
    study = make_study()
    unblind_study(study, by="pi", reason="tests")
    Walker(make_session(study, "GB")).finish()
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    create_alignment_run(study, specs=[spec], limit=1)
    AnalysisRun.objects.create(study=study)
    token = make_token(make_staff("one", role), "test", tuple(Scope), timezone.now() + timedelta(days=1)).text
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_url(f"{live_server.url}/api/schema/", headers=headers)
    answered: Counter[tuple[str, int]] = Counter()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        there = real_parameters(operation.path)
        for path_parameters in [there, None] if there else [None]:  # what is there, and whatever the description allows

            @seed(1)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(path_parameters=path_parameters))
            def ask(case: schemathesis.Case[Any]) -> None:
                reply = case.call_and_validate(headers=headers, checks=CHECKS)
                answered[case.operation.label, reply.status_code] += 1

            ask()
    reached = {label for label, status in answered if status < 300}
    assert len({label for label, _ in answered}) > 35
    assert reached >= REACHED[role], sorted(REACHED[role] - reached)
