"""What programs may set going: approvals, test runs, planned samples; each by the same functions as on the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analysis.models import SampleSimulation
from pact_site.roles import Role, Scope
from survey.domain.visits import read_rows, read_some
from survey.enums import ActState, Outcome, PanelVerb, SubmissionStatus
from survey.models import AuditEntry, PanelAct, PanelSubmission, Study, SurveySession
from tests.factories import make_study
from tests.staff import make_staff, note_login, program_of
from tests.survey.visits import make_panel_study, make_visit

pytestmark = pytest.mark.django_db
JSON = "application/json"
WAITING, TIMED_OUT = SubmissionStatus.AWAITING_REVIEW, SubmissionStatus.TIMED_OUT
PAGE_QUERIES = 15  # of which those for the token and the log
APPROVE = "/api/submissions/approve/"


def post(client: Client, address: str, **body: Any) -> tuple[int, Any]:
    reply = client.post(address, body, content_type=JSON)
    return reply.status_code, reply.json()


# --- Submissions -----------------------------------------------------------------------------------
def test_submissions_are_listed_without_identifiers() -> None:
    study = make_panel_study()
    clean = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    late = make_visit(study, "b", TIMED_OUT, Outcome.COMPLETE)
    client = program_of(make_staff("ada", Role.ASSISTANT))
    reply = client.get("/api/submissions/?study=s1")
    first, second = reply.json()["results"]
    assert [(one["id"], one["is_clean"]) for one in (first, second)] == [(clean.pk, True), (late.pk, False)]
    assert (first["country"], first["panel"], first["outcome"]) == ("GB", "prolific", "complete")
    assert second["discrepancies"] == ["timed_out_but_complete"]
    assert not [word for word in ("person-a", "visit-a", "CDONE") if word in reply.content.decode()]
    assert client.get(f"/api/submissions/{late.pk}/").json() == second
    by_status = client.get("/api/submissions/?panel_status=timed_out").json()["results"]
    assert [one["id"] for one in by_status] == [late.pk]


@pytest.mark.parametrize("n", [2, 12])
def test_a_page_of_submissions_costs_the_same_queries_at_any_size(n: int) -> None:
    study = make_panel_study()
    visits = [make_visit(study, f"v{number}", WAITING, Outcome.COMPLETE) for number in range(n)]
    client = program_of(make_staff("ada", Role.ASSISTANT))
    client.get("/api/submissions/?study=s1&limit=2")  # notes that the token was used
    with CaptureQueriesContext(connection) as told:
        page = client.get("/api/submissions/?study=s1&limit=2").json()
    assert [one["id"] for one in page["results"]] == [visit.pk for visit in visits[:2]]
    assert len(told) == PAGE_QUERIES, [one["sql"][:150] for one in told]


def test_pages_of_submissions_say_what_the_study_read_whole_says() -> None:
    study = make_panel_study()
    first = make_visit(study, "a", SubmissionStatus.APPROVED, Outcome.COMPLETE)
    make_visit(study, "b", WAITING, Outcome.COMPLETE)
    again = PanelSubmission.objects.create(
        study=study, arm=first.arm, panel=first.panel, submission="visit-a2", person=first.person, status=WAITING
    )
    PanelAct.objects.create(study=study, submission=again, verb=PanelVerb.BONUS, amount=1, due_at=timezone.now())
    whole = {row.submission_pk: row for row in read_rows(study)}
    assert whole[again.pk].visit.is_second
    for pk, row in whole.items():
        (alone,) = read_some(study, {pk or 0}).values()
        visits = [one.visit._replace(waiting_days=None) for one in (alone, row)]
        assert visits[0] == visits[1]
        assert (alone.acts, alone.is_paid_elsewhere, alone.bonus_due) == (
            row.acts,
            row.is_paid_elsewhere,
            row.bonus_due,
        )


def test_approving_is_shown_first_and_done_once() -> None:
    study = make_panel_study()
    clean = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    make_visit(study, "b", TIMED_OUT, Outcome.COMPLETE)
    client = program_of(make_staff("ada", Role.ASSISTANT))
    code, shown = post(client, APPROVE, study="s1")
    assert (code, shown["submissions"], shown["n_new"]) == (200, [clean.pk], 0)
    assert not PanelAct.objects.exists()
    code, done = post(client, APPROVE, study="s1", confirm=shown["confirm"])
    assert (code, done["n_new"]) == (201, 1)
    act = PanelAct.objects.get()
    assert (act.submission_id, act.verb, act.state) == (clean.pk, PanelVerb.APPROVE, ActState.PLANNED)
    assert act.by is not None
    assert act.by.username == "ada"
    code, again = post(client, APPROVE, study="s1", confirm=shown["confirm"])
    assert (code, again["submissions"]) == (409, [])
    assert PanelAct.objects.count() == 1
    assert ("ada", "api:submissions-approve") in AuditEntry.objects.values_list("by", "act")


def test_what_came_after_the_preview_is_not_paid_on_its_word() -> None:
    study = make_panel_study()
    make_visit(study, "a", WAITING, Outcome.COMPLETE)
    client = program_of(make_staff("ada", Role.ASSISTANT))
    _, shown = post(client, APPROVE, study="s1")
    make_visit(study, "b", WAITING, Outcome.COMPLETE)
    code, other = post(client, APPROVE, study="s1", confirm=shown["confirm"])
    assert (code, len(other["submissions"])) == (409, 2)
    assert not PanelAct.objects.exists()


def test_who_may_not_be_approved_is_left_out_with_the_reason() -> None:
    study = make_panel_study()
    late = make_visit(study, "b", TIMED_OUT, Outcome.COMPLETE)
    client = program_of(make_staff("ada"))
    code, shown = post(client, APPROVE, study="s1", submissions=[late.pk, 10_000])
    assert (code, shown["submissions"], [one["id"] for one in shown["left_out"]]) == (200, [], [late.pk])
    assert shown["left_out"][0]["why"]
    code, done = post(client, APPROVE, study="s1", submissions=[late.pk], confirm=shown["confirm"])
    assert (code, done["n_new"], PanelAct.objects.count()) == (200, 0, 0)
    code, wrong = post(client, APPROVE, study="s1", submissions=["x"])
    assert (code, list(wrong["errors"])) == (400, ["submissions"])


def test_approving_needs_right_scope_study_and_who_it_is() -> None:
    study, ada = make_panel_study(), make_staff("ada")
    visit = make_visit(study, "a", WAITING, Outcome.COMPLETE)
    reader = program_of(ada, Scope.SUBMISSIONS, Scope.REVIEW, Scope.NOTES)
    assert reader.get(f"/api/submissions/{visit.pk}/").status_code == 200
    assert post(reader, APPROVE, study="s1")[0] == 403
    assert post(program_of(make_staff("ann", Role.ANALYST)), APPROVE, study="s1")[0] == 403
    other = program_of(ada, study=make_study("s2"))
    assert post(other, APPROVE, study="s1")[0] == 404
    assert other.get("/api/submissions/").json()["results"] == []
    browser = Client()
    browser.force_login(ada)
    note_login(browser, ada, minutes_ago=600)
    code, refused = post(browser, APPROVE, study="s1")
    assert code == 403, refused


# --- Test runs -------------------------------------------------------------------------------------
def test_test_run_is_begun_walked_and_removed() -> None:
    study = make_study()
    client = program_of(make_staff("ada", Role.ASSISTANT))
    code, begun = post(client, "/api/trials/", study="s1", country="GB")
    assert (code, begun["study"], begun["country"], begun["status"]) == (201, "s1", "GB", "landed")
    assert Client().get(begun["address"]).status_code == 200
    assert client.get("/api/trials/?study=s1").json()["results"] == [client.get(f"/api/trials/{begun['id']}/").json()]
    assert client.get("/api/review/").json()["results"] == []
    assert client.delete(f"/api/trials/{begun['id']}/").status_code == 204
    assert not SurveySession.objects.exists()
    assert {act for by, act in AuditEntry.objects.values_list("by", "act") if by == "ada"} >= {
        "api:trials-list",
        "api:trials-detail",
    }
    assert Study.objects.filter(pk=study.pk).exists()


def test_no_test_run_where_there_is_nothing_to_walk() -> None:
    study = make_study()
    study.arms.filter(country="GB").update(locales=[])
    client = program_of(make_staff("ada"))
    code, refused = post(client, "/api/trials/", study="s1", country="GB")
    assert (code, refused["errors"]) == (400, {"country": ["No test run: this country offers no locale yet."]})
    assert post(client, "/api/trials/", study="none", country="GB")[0] == 404


def test_test_runs_and_real_sessions_stay_apart() -> None:
    make_study()
    ada = make_staff("ada")
    client = program_of(ada)
    _, begun = post(client, "/api/trials/", study="s1", country="GB")
    real = SurveySession.objects.exclude(pk=begun["id"])
    assert not real.exists()
    other = program_of(ada, study=make_study("s2"))
    assert other.get("/api/trials/").json()["results"] == []
    assert other.delete(f"/api/trials/{begun['id']}/").status_code == 404
    assert program_of(make_staff("ann", Role.ANALYST)).get("/api/trials/").status_code == 403


# --- Planning --------------------------------------------------------------------------------------
def test_sample_is_planned_in_closed_form() -> None:
    from analysis.sample_answers import closed_form
    from analysis.sample_questions import SampleQuestion

    client = program_of(make_staff("vera", Role.VIEWER))
    found = client.get("/api/planning/answer/?effect=6&people=80&items=12").json()
    expected = closed_form(SampleQuestion(effect=6, people=80, items=12))
    assert (found["question"]["effect"], found["question"]["mean"]) == (6, 70)
    assert (found["value"], found["needed"]) == (expected["value"], expected["needed"])
    assert [(one["people"], one["value"]) for one in found["curve"]] == expected["curve"]
    for wrong in ("effect=0", "people=2.5", "kind=x", "people=x", "items=50&pool=10"):
        assert client.get(f"/api/planning/answer/?{wrong}").status_code == 400, wrong


def test_study_fills_the_question_in_and_stays_its_tokens_own() -> None:
    from analysis.sample_questions import of_study

    study = make_study()
    ada = make_staff("ada")
    found = program_of(ada, study=study).get("/api/planning/answer/?study=s1&people=33").json()
    assert found["question"] == {**of_study(study).as_json(), "people": 33}
    other = program_of(ada, study=make_study("s2"))
    assert other.get("/api/planning/answer/?study=s1").status_code == 404


def test_studies_are_simulated_once_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[int] = []
    monkeypatch.setattr("analysis.api.planning.launch_simulation", launched.append)
    client = program_of(make_staff("ann", Role.ANALYST))
    code, asked = post(client, "/api/planning/", effect=6, runs=20, is_shared=False)
    simulation = SampleSimulation.objects.get()
    assert (code, asked["id"], asked["state"], asked["points"]) == (202, simulation.pk, "queued", [])
    assert (simulation.question["effect"], simulation.question["is_shared"]) == (6, False)
    assert post(client, "/api/planning/", effect=6, runs=20, is_shared=False)[1]["id"] == simulation.pk
    assert set(launched) == {simulation.pk}
    assert client.get(f"/api/planning/{simulation.pk}/").json() == asked
    assert [one["id"] for one in client.get("/api/planning/?state=queued").json()["results"]] == [simulation.pk]
    code, wrong = post(client, "/api/planning/", runs=1000, people=2000, items=200)
    assert (code, "ask for fewer" in wrong["detail"]) == (400, True)
    assert post(program_of(make_staff("vera", Role.VIEWER)), "/api/planning/")[0] == 403
