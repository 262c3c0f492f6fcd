"""What the pages of alarms, review, registration, imports and comparison show and do, for programs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analysis.alarms.models import Alarm
from analysis.live_summary import count_answers
from analysis.models import Import
from pact_site.roles import Role, Scope
from survey.domain.registration import report_deviation
from survey.domain.study_states import unblind_study
from survey.models import AuditEntry, QualityFlag, SessionNote, Study, SurveySession
from tests.factories import make_session, make_study
from tests.staff import make_staff, program_of
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def study() -> Study:
    return make_study()


@pytest.fixture
def session(study: Study) -> SurveySession:
    session = make_session(study, "GB")
    Walker(session).finish()
    session.quality_flags.all().delete()
    QualityFlag.objects.create(session=session, name="too_fast", value=12.5)
    return session


def rows(client: Client, address: str) -> list[dict[str, Any]]:
    reply = client.get(address)
    assert reply.status_code == 200, reply.content
    return reply.json()["results"]  # type: ignore[no-any-return]


def make_alarm(study: Study, **values: Any) -> Alarm:
    now = timezone.now()
    return Alarm.objects.create(
        study=study, text="It rings", opened_at=now, seen_at=now, **{"kind": "no_answers", **values}
    )


def test_alarms_are_listed_and_taken_on(study: Study) -> None:
    alarm, over = make_alarm(study), make_alarm(study, kind="drop_out", closed_at=timezone.now())
    client = program_of(make_staff("ada", Role.ASSISTANT))
    assert [one["id"] for one in rows(client, "/api/alarms/?study=s1")] == [over.pk, alarm.pk]
    assert [one["id"] for one in rows(client, "/api/alarms/?is_open=true")] == [alarm.pk]
    assert [one["id"] for one in rows(client, "/api/alarms/?kind=drop_out&is_open=false")] == [over.pk]
    taken = client.post(f"/api/alarms/{alarm.pk}/acknowledge/", {"note": "I look"}, content_type=JSON)
    assert (taken.status_code, taken.json()["acknowledged_by"], taken.json()["note"]) == (200, "ada", "I look")
    assert [one["id"] for one in rows(client, "/api/alarms/?is_taken=true")] == [alarm.pk]
    late = client.post(f"/api/alarms/{over.pk}/acknowledge/", {}, content_type=JSON)
    assert (late.status_code, "over already" in late.json()["detail"]) == (400, True)
    assert ("ada", "api:alarms-acknowledge") in AuditEntry.objects.values_list("by", "act")


def test_who_only_watches_takes_no_alarm_on(study: Study) -> None:
    alarm = make_alarm(study)
    viewer, reader = program_of(make_staff("v", Role.VIEWER)), program_of(make_staff("a"), Scope.STUDIES)
    assert viewer.get("/api/alarms/").status_code == reader.get("/api/alarms/").status_code == 200
    for client in (viewer, reader):
        assert client.post(f"/api/alarms/{alarm.pk}/acknowledge/", {}, content_type=JSON).status_code == 403
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is None


def test_sessions_are_reviewed_and_notes_kept(study: Study, session: SurveySession) -> None:
    client = program_of(make_staff("ada", Role.ASSISTANT))
    queue = "/api/review/?study=s1&status=complete&is_flagged=true&is_settled=false"
    (shown,) = rows(client, queue)
    assert (shown["id"], shown["flags"], shown["is_noted"]) == (session.pk, {"too_fast": 12.5}, False)
    assert not {session.token, session.receipt} & set(map(str, shown.values()))
    notes = f"/api/review/{session.pk}/notes/"
    empty = client.post(notes, {"text": " "}, content_type=JSON)
    assert (empty.status_code, list(empty.json()["errors"])) == (400, ["text"])
    written = client.post(notes, {"text": "Looks fine", "is_settled": True}, content_type=JSON)
    assert (written.status_code, written.json()["by"]) == (201, "ada")
    assert [one["text"] for one in client.get(notes).json()] == ["Looks fine"]
    assert rows(client, queue) == []
    assert [one["is_settled"] for one in rows(client, "/api/review/?is_noted=true")] == [True]
    analyst = program_of(make_staff("ann", Role.ANALYST))
    assert analyst.get("/api/review/").status_code == analyst.post(notes, {}, content_type=JSON).status_code == 403


def test_review_is_of_the_tokens_study(study: Study, session: SurveySession) -> None:
    client = program_of(make_staff("ada"), study=make_study("s2"))
    make_alarm(study)
    for path in ("review", "alarms", "deviations", "imports"):
        assert rows(client, f"/api/{path}/") == [], path
    assert [one["study"] for one in rows(client, "/api/registrations/")] == ["s2"]
    assert client.post(f"/api/review/{session.pk}/notes/", {"text": "x"}, content_type=JSON).status_code == 404
    assert not SessionNote.objects.exists()
    assert {one["study"] for one in client.get("/api/comparison/").json()} == {"s2"}
    assert client.get("/api/comparison/result/?a=people:s1&b=people:s2").status_code == 404


def test_registration_is_given_with_what_differs(study: Study) -> None:
    client = program_of(make_staff("vera", Role.VIEWER))
    (listed,) = rows(client, "/api/registrations/?study=s1")
    one = client.get(f"/api/registrations/{listed['id']}/").json()
    assert hashlib.sha256(one["text"].encode()).hexdigest() == one["sha256"] == listed["sha256"]
    assert (one["content"]["study"], one["differs_now"]) == ("s1", [])
    Study.objects.update(stopping_rule="Three weeks.")
    differs = client.get(f"/api/registrations/{listed['id']}/").json()["differs_now"]
    assert [(each["path"], each["after"]) for each in differs] == [("stopping_rule", "Three weeks.")]


def test_deviations_are_listed(study: Study) -> None:
    report_deviation(study, what="models", before="two", after="three", reason="one more came out", by="ada")
    client = program_of(make_staff("vera", Role.VIEWER))
    (one,) = rows(client, "/api/deviations/?study=s1&is_found=false")
    assert (one["registration"], one["what"], one["reason"]) == (1, "models", "one more came out")
    assert rows(client, "/api/deviations/?is_found=true") == []


def test_import_tells_its_faults_by_row(study: Study) -> None:
    faults = [["a.csv", 3, "choice", "maybe", "is no choice", "Write A or B"]]
    made = Import.objects.create(kind="answers", name="a.csv", state="faulty", faults=faults, n_faults=1)
    client = program_of(make_staff("ann", Role.ANALYST))
    (listed,) = rows(client, "/api/imports/?state=faulty")
    assert (listed["id"], listed["study"], "faults" in listed) == (made.pk, None, False)
    one = client.get(f"/api/imports/{made.pk}/").json()
    names = ["file", "line", "column", "value", "what", "mend"]
    assert one["faults"] == [dict(zip(names, faults[0], strict=True))]


def test_two_groups_are_compared_once_shown(study: Study, session: SurveySession) -> None:
    Walker(make_session(study, "BR")).finish()
    count_answers()
    client = program_of(make_staff("ann", Role.ANALYST))
    assert [one["key"] for one in client.get("/api/comparison/").json()] == ["people:s1"]
    address = "/api/comparison/result/?a=people:s1&a_country=GB&b=people:s1&b_country=BR&items=all"
    refused = client.get(address)
    assert (refused.status_code, "Results page" in refused.json()["detail"]) == (403, True)
    unblind_study(study, by="pi", reason="tests")
    found = client.get(address).json()
    assert [one["n_people"] for one in found["sides"]] == [1, 1]
    assert [one["question"] for one in found["questions"]] == ["personal", "norm"]
    assert sum(one["first_n"] for one in found["by_item"]) == session.responses.count()
    for wrong in ("", "?a=people:s1", "?a=people:s1&b=people:s1&b_country=XX", "?a=people:s1&b=people:s1&items=x"):
        assert client.get(f"/api/comparison/result/{wrong}").status_code == 400, wrong
