"""A list costs the same queries however many rows its page holds; submissions have a test of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analysis.alarms.models import Alarm
from analysis.models import AnalysisRun, Import, Release, SampleSimulation
from pact_site.roles import Role
from survey.domain.registration import report_deviation
from survey.llm.enums import ProviderName
from survey.llm.models import ModelSpec, Run
from survey.models import QualityFlag, SessionNote, Study
from tests.factories import make_session, make_study
from tests.staff import make_staff, program_of
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
FEW, MANY = 2, 8


def _session(study: Study, number: int) -> None:
    session = make_session(study, ("BR", "GB", "IN")[number % 3])
    Walker(session).finish()
    QualityFlag.objects.get_or_create(session=session, name="too_fast", defaults={"value": 1.0})
    SessionNote.objects.create(session=session, by="ada", text="a note")


def _alarm(study: Study, number: int) -> None:
    now = timezone.now()
    Alarm.objects.create(study=study, kind="drop_out", subject=f"locale {number}", text="", opened_at=now, seen_at=now)


def _deviation(study: Study, number: int) -> None:
    report_deviation(study, what=f"model {number}", before="two", after="three", reason="one more", by="ada")


def _import(_: Study, number: int) -> None:
    study = make_study(f"others{number}", live=False)
    Import.objects.create(study=study, kind="answers", name="x.csv", identity=str(number))


def _run(study: Study, number: int) -> None:
    tag = f"model-{number}"
    spec = ModelSpec.objects.create(tag=tag, provider=ProviderName.SIMULATED, model=tag, max_in_flight=1)
    Run.objects.create(study=study, manifest={}).specs.set([spec])


LISTS: Mapping[str, Callable[[Study, int], object]] = {
    "studies": lambda study, number: make_study(f"more{number}"),
    "registrations": lambda study, number: make_study(f"more{number}"),
    "sessions": _session,
    "flags": _session,
    "review": _session,
    "responses": _session,
    "alarms": _alarm,
    "deviations": _deviation,
    "imports": _import,
    "runs": _run,
    "models": _run,
    "results": lambda study, number: AnalysisRun.objects.create(study=study),
    "releases": lambda study, number: Release.objects.create(study=study, number=f"1.{number}.0", choices={}),
    "planning": lambda study, number: SampleSimulation.objects.create(question={}, n_wanted=1, code_version="x"),
}


def ask(client: Client, name: str) -> tuple[int, list[str]]:
    """Give how many rows the list shows, and the queries that it took."""
    with CaptureQueriesContext(connection) as told:
        reply = client.get(f"/api/{name}/")
    assert reply.status_code == 200, reply.content
    return len(reply.json()["results"]), [one["sql"][:200] for one in told]


@pytest.mark.parametrize("name", LISTS)
def test_queries_of_a_list_do_not_grow_with_its_rows(name: str) -> None:
    study, client = make_study(), program_of(make_staff("ada", Role.PI))
    for number in range(FEW):
        LISTS[name](study, number)
    client.get(f"/api/{name}/")  # notes that the token was used, and fills what a process keeps
    n_few, few = ask(client, name)
    for number in range(FEW, MANY):
        LISTS[name](study, number)
    n_many, many = ask(client, name)
    assert n_many >= n_few + MANY - FEW
    assert len(many) == len(few) > 1, many
