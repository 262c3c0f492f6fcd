"""Every address of the API against every role and scope; a token of one study; blinding; problems; streams."""

import csv
import io
import json
import re
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import URLPattern

from pact_site import throttles
from pact_site.api import router
from pact_site.roles import MATRIX, Role, Scope, needed_for, scope_for
from survey import rates
from survey.api.base import OfStudies
from survey.domain.study_states import unblind_study
from survey.models import AuditEntry, Response, Study, SurveySession
from tests.factories import make_session, make_study
from tests.staff import make_staff, note_login, program_of
from tests.survey.test_flow_pages import Walker

pytestmark = pytest.mark.django_db
MIDST = 1_800_000_010.0
SAMPLES = {"study": "s1", "table": "funnel", "file": "long.csv", "key": "rates", "code": "s1", "tag": "x"}


def addresses() -> Iterator[tuple[str, str]]:
    """Give each name of the API with an address of it."""
    for route in router.urls:
        assert isinstance(route, URLPattern)
        path = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda m: SAMPLES.get(m[1], "1"), str(route.pattern))
        yield f"api:{route.name}", "/api/" + path.lstrip("^").rstrip("$")


ADDRESSES = dict(addresses())


@pytest.fixture
def in_a_minutes_midst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no minute end in between."""
    monkeypatch.setattr(rates, "clock", lambda: MIDST)


@pytest.fixture
def study() -> Study:
    return make_study()


@pytest.fixture
def answered(study: Study) -> Study:
    for country in ("GB", "BR"):
        Walker(make_session(study, country)).finish()
    unblind_study(study, by="pi", reason="tests")
    return study


def body_of(reply: object) -> bytes:
    return b"".join(reply.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(ADDRESSES))
@pytest.mark.parametrize("role", list(Role))
def test_every_address_holds_to_every_role(name: str, role: Role, study: Study) -> None:
    client = program_of(make_staff("one", role))
    needed = needed_for(name)
    assert needed is not None
    for method, right in (("get", needed.look), ("post", needed.change)):
        scope = scope_for(name, method.upper())
        status = getattr(client, method)(ADDRESSES[name]).status_code
        if right in MATRIX[role] and scope:
            assert status not in (401, 403), (method, status)
        else:
            assert status in (403, 405), (method, status)


@pytest.mark.parametrize("name", sorted(ADDRESSES))
def test_every_address_holds_to_the_scope(name: str, study: Study) -> None:
    scope = scope_for(name, "GET")
    others = [each for each in Scope if each is not scope]
    assert program_of(make_staff("pi"), *others).get(ADDRESSES[name]).status_code == 403
    assert Client().get(ADDRESSES[name]).status_code == 401


def test_every_list_can_be_limited_to_a_study() -> None:
    of_none = {prefix for prefix, viewset, _ in router.registry if not getattr(viewset, "study_path", "")}
    assert of_none == {"models", "log", "fieldwork", "summaries", "exports", "comparison", "planning"}
    assert all(issubclass(viewset, OfStudies) or prefix in of_none for prefix, viewset, _ in router.registry)


def test_token_of_one_study_sees_no_other(answered: Study) -> None:
    other = make_study("s2")
    client = program_of(make_staff("pi"), study=other)
    assert [each["code"] for each in client.get("/api/studies/").json()["results"]] == ["s2"]
    assert client.get("/api/studies/s1/").status_code == 404
    for path in ("responses", "sessions", "flags", "results", "releases", "runs", "completions"):
        assert client.get(f"/api/{path}/").json()["results"] == [], path
    assert {each["study"] for each in client.get("/api/quotas/").json()["results"]} <= {"s2"}
    one = Response.objects.values_list("pk", flat=True)[0]
    assert client.get(f"/api/responses/{one}/").status_code == 404
    for path in ("fieldwork/s1/", "summaries/s1/", "summaries/s1/funnel/", "exports/s1/", "exports/s1/long.csv/"):
        assert client.get(f"/api/{path}").status_code == 404, path
    started = client.post("/api/results/", {"study": "s1"}, content_type="application/json")
    assert started.status_code == 404
    assert client.get("/api/log/").status_code == 403


def test_live_outcomes_stay_hidden(answered: Study) -> None:
    SurveySession.objects.update(status="complete")
    Study.objects.update(unblinded_at=None)
    client = program_of(make_staff("pi"))
    assert client.get("/api/summaries/s1/outcomes/").json()["rows"] == []


def test_whoever_withdrew_is_in_no_answer(answered: Study) -> None:
    session = SurveySession.objects.filter(responses__isnull=False).first()
    assert session is not None
    client = program_of(make_staff("pi"))
    before = len(client.get("/api/responses/").json()["results"])
    SurveySession.objects.filter(pk=session.pk).update(status="withdrew")
    after = client.get("/api/responses/").json()["results"]
    assert before - len(after) == session.responses.count() > 0


def test_sessions_tell_nobodys_identifier(answered: Study) -> None:
    client = program_of(make_staff("pi"))
    shown = client.get("/api/sessions/", {"study": "s1", "country": "GB"}).json()["results"]
    assert [(each["country"], each["status"], each["is_simulated"]) for each in shown] == [("GB", "complete", False)]
    session = SurveySession.objects.get(arm__country="GB")
    assert not {session.token, session.receipt} & set(map(str, shown[0].values()))
    assert len(client.get("/api/sessions/").json()["results"]) == 2


@pytest.mark.parametrize("table", ["long", "participants", "pages", "texts"])
def test_streams_agree_and_say_where_they_end(answered: Study, table: str) -> None:
    client = program_of(make_staff("pi"))
    as_csv = client.get(f"/api/exports/s1/{table}.csv/")
    assert as_csv["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(body_of(as_csv).decode(), newline="")))
    as_lines = client.get(f"/api/exports/s1/{table}.ndjson/")
    assert as_lines["Content-Type"] == "application/x-ndjson"
    *lines, last = [json.loads(line) for line in body_of(as_lines).split(b"\n") if line]
    assert last == {"end": True, "rows": len(rows)}
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert list(line) == list(row)
        for name, value in line.items():
            told = {None: row[name] if row[name] in ("NA", "") else "?", True: "true", False: "false"}
            expected = told[value] if value is None or isinstance(value, bool) else row[name]
            assert expected == row[name], name
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert float(row[name]) == value


def test_streams_and_looks_at_answers_are_logged(answered: Study) -> None:
    body_of(program_of(make_staff("ada")).get("/api/exports/s1/long.csv/"))
    assert ("ada", "api:exports-file", {"study": "s1", "file": "long.csv"}) in list(
        AuditEntry.objects.values_list("by", "act", "subject")
    )


def test_what_is_already_there_is_not_sent_again(study: Study) -> None:
    client = program_of(make_staff("pi"))
    first = client.get("/api/studies/")
    again = client.get("/api/studies/", headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_analysis_is_started_and_followed(answered: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    monkeypatch.setattr("analysis.api.results.launch", started.append)
    client = program_of(make_staff("ada", Role.ANALYST))
    reply = client.post("/api/results/", {"study": "s1"}, content_type="application/json")
    assert (reply.status_code, reply.json()["state"], started) == (202, "queued", [reply.json()["id"]])
    assert client.get(f"/api/results/{started[0]}/families/").status_code == 404
    refused = client.post("/api/results/", {}, content_type="application/json")
    assert refused.json()["errors"] == {"study": ["This field is required."]}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/nowhere/", 404, "/api/docs/"),
        ("/api/studies/none/", 404, "Look the code or number up"),
        ("/api/exports/none/long.csv/", 404, "There is no study none"),
        ("/api/exports/s1/none.csv/", 404, "There is no table none; there are long"),
        ("/api/exports/s1/long.csv/?data=some", 400, "Choose all or real"),
        ("/api/summaries/s1/none/", 404, "there are recruitment"),
        ("/api/responses/?cursor=x", 404, "Invalid cursor. Follow `next` as it was given."),
        ("/api/quotas/?is_open=maybe&country=XX", 400, "XX is not one of the available choices"),
    ],
)
def test_problems_say_how_to_mend(study: Study, path: str, status: int, says: str) -> None:
    reply = program_of(make_staff("pi")).get(path)
    assert (reply.status_code, reply["Content-Type"]) == (status, "application/problem+json")
    told = reply.json()
    assert (told["status"], told["type"]) == (status, "about:blank")
    assert says in told["detail"]


@pytest.mark.usefixtures("in_a_minutes_midst")
def test_throttle_answers_with_a_time(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles, "TOKENS", throttles.TOKENS._replace(most=2))
    client, other = program_of(make_staff("pi")), program_of(make_staff("two"))
    statuses = [client.get("/api/studies/").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert client.get("/api/studies/")["Retry-After"] == "50"
    assert other.get("/api/studies/").status_code == 200


@pytest.mark.usefixtures("in_a_minutes_midst")
def test_tokens_of_one_person_count_together(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles, "PEOPLE", throttles.PEOPLE._replace(most=2))
    ada = make_staff("ada")
    statuses = [program_of(ada).get("/api/studies/").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    rates.counts.cache_clear()  # another web process counts on
    assert program_of(ada).get("/api/studies/").status_code == 429
    monkeypatch.setattr(rates, "clock", lambda: MIDST + 60)
    assert program_of(ada).get("/api/studies/").status_code == 200


def test_api_goes_on_uncounted_while_redis_is_away(
    study: Study, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(throttles, "TOKENS", throttles.TOKENS._replace(most=1))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    client = program_of(make_staff("pi"))
    assert [client.get("/api/studies/").status_code for _ in range(3)] == [200, 200, 200]


def test_session_at_the_api_needs_csrf_and_freshness(study: Study) -> None:
    ada = make_staff("ada")
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert client.get("/api/studies/").status_code == 200
    assert client.post("/api/results/", {"study": "s1"}, content_type="application/json").status_code == 403
    assert client.get("/api/releases/").status_code == 200
    note_login(client, ada, minutes_ago=16)
    stale = client.get("/api/releases/")
    assert (stale.status_code, "/account/confirm/" in stale.json()["detail"]) == (403, True)
    assert client.get("/api/studies/").status_code == 200


def test_page_describes_every_operation(client: Client) -> None:
    client.force_login(make_staff("viewer", Role.VIEWER))
    page = client.get("/api/docs/").content.decode()
    for path in ("/api/studies/{code}/", "/api/exports/{study}/{file}/", "/api/runs/{id}/pause/", "/api/log/"):
        assert path in page, path
    assert "read:answers" in page
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page) == []
