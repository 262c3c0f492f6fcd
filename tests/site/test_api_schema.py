"""The API is asked what its own description allows, by a tester that knows nothing else: no fault, no breach."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from analysis.alarms.models import Alarm
from analysis.models import AnalysisRun, Import, Release, SampleSimulation
from analysis.sample_questions import SampleQuestion
from analysis.simulations import request_simulation
from pact_site.accounts.tokens import make_token
from pact_site.roles import Role, Scope
from survey.domain.registration import report_deviation
from survey.domain.study_states import unblind_study
from survey.domain.trial_runs import begin_trial, trials
from survey.enums import Outcome, SubmissionStatus
from survey.llm.domain import create_alignment_run
from survey.llm.enums import ProviderName
from survey.llm.models import Completion, ModelSpec, Run
from survey.models import Deviation, Item, PanelSubmission, QuotaCell, Registration, Response, Study, SurveySession
from tests.factories import make_session
from tests.staff import make_staff
from tests.survey.test_flow_pages import Walker
from tests.survey.visits import make_panel_study, make_visit

EXAMPLES = 3  # per operation; seeded, so that a failure comes again
ANYWHERE = (Role.PI, Role.TRANSLATOR)  # who asks for addresses made up: whoever may most, and whoever may least
CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
Answered = tuple[Role, str, int]  # to whom, which operation, and how
# What each role must have got, so that a run in which nothing opens does not pass.
TEXTS = frozenset({"GET /api/items/", "GET /api/items/{id}/"})
WATCHED = TEXTS | {
    "GET /api/studies/{code}/", "GET /api/quotas/{id}/", "GET /api/summaries/{study}/{table}/", "GET /api/alarms/{id}/",
    "GET /api/registrations/{id}/", "GET /api/deviations/{id}/", "GET /api/planning/{id}/", "GET /api/planning/answer/",
}  # fmt: skip
REVIEWED = {
    "GET /api/review/{id}/", "GET /api/review/{id}/notes/", "POST /api/alarms/{id}/acknowledge/",
    "GET /api/submissions/{id}/", "GET /api/trials/{id}/",
}  # fmt: skip
ANSWERS = (
    WATCHED
    | {"GET /api/exports/{study}/{file}/", "GET /api/sessions/{id}/", "GET /api/results/{id}/"}
    | {"GET /api/imports/{id}/", "GET /api/comparison/"}
)
REACHED = {
    Role.PI: ANSWERS | REVIEWED | {"GET /api/log/{number}/", "PATCH /api/runs/{id}/"},
    Role.ANALYST: ANSWERS | {"PATCH /api/runs/{id}/"},
    Role.ASSISTANT: WATCHED | REVIEWED,
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
        "completions": Completion, "results": AnalysisRun, "releases": Release, "alarms": Alarm,
        "review": SurveySession, "registrations": Registration, "deviations": Deviation, "imports": Import,
        "submissions": PanelSubmission,
        "planning": SampleSimulation,
    }.get(subject, Item)  # fmt: skip
    if subject == "trials":
        return trials(Study.objects.get(code="s1")).values_list("pk", flat=True).first() or 1
    return model._default_manager.order_by("pk").values_list("pk", flat=True).first() or 1


def add_rows(study: Study) -> None:
    """Make something of every kind that an address leads to."""
    Walker(make_session(study, "GB")).finish()
    spec = ModelSpec.objects.create(tag="one", provider=ProviderName.SIMULATED, model="one")
    create_alignment_run(study, specs=[spec], limit=1)
    AnalysisRun.objects.create(study=study)
    make_visit(study, "a", SubmissionStatus.AWAITING_REVIEW, Outcome.COMPLETE)
    begin_trial(study, "GB")
    request_simulation(SampleQuestion())
    now = timezone.now()
    Alarm.objects.create(study=study, kind="drop_out", text="x", opened_at=now, seen_at=now)
    Import.objects.create(kind="answers", name="a.csv", faults=[["a.csv", 1, "", "", "x", "y"]])
    report_deviation(study, what="x", before="", after="y", reason="z", by="pi")


def ask(cases: SearchStrategy[Any], senders: dict[Role, dict[str, str]]) -> Counter[Answered]:
    """Send examples by each role; count what was answered."""
    answered: Counter[Answered] = Counter()

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def send(case: schemathesis.Case[Any]) -> None:
        for role, headers in senders.items():
            reply = case.call_and_validate(headers=headers, checks=CHECKS)
            answered[role, case.operation.label, reply.status_code] += 1

    send()
    return answered


@pytest.mark.django_db(transaction=True)
def test_no_fault_and_no_breach_of_the_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pact_site.throttles.PerMinute.allow_request", lambda *_: True)
    monkeypatch.setattr("analysis.api.results.launch", lambda pk: None)
    monkeypatch.setattr("analysis.api.planning.launch_simulation", lambda pk: None)
    monkeypatch.setattr("survey.llm.api.launch", lambda pk: None)
    study = make_panel_study()
    unblind_study(study, by="pi", reason="tests")
    add_rows(study)
    ends = timezone.now() + timedelta(days=1)
    tokens = {role: make_token(make_staff(role.name.lower(), role), "test", tuple(Scope), ends).text for role in Role}
    senders = {role: {"Authorization": f"Bearer {token}"} for role, token in tokens.items()}
    schema = schemathesis.openapi.from_wsgi("/api/schema/", WSGIHandler(), headers=senders[Role.PI])
    answered: Counter[Answered] = Counter()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        there = real_parameters(operation.path)
        answered += ask(operation.as_strategy(path_parameters=there), senders)
        if there:  # and whatever the description allows
            answered += ask(operation.as_strategy(), {role: senders[role] for role in ANYWHERE})
    assert len({label for _, label, _ in answered}) > 50
    for role, wanted in REACHED.items():
        reached = {label for who, label, status in answered if who is role and status < 300}
        assert reached >= wanted, (role, sorted(wanted - reached))
