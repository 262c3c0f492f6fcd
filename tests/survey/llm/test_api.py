from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from survey.llm import domain, tasks
from survey.llm.enums import PersonaSetting
from survey.llm.models import ModelSpec, Run
from survey.models import Study

MakeSpec = Callable[..., ModelSpec]
JSON = "application/json"


@pytest.fixture
def run(study: Study, make_spec: MakeSpec, in_process: None) -> Run:
    """Give a done run of one simulated model."""
    run = domain.create_alignment_run(study, specs=[make_spec()])
    tasks.start_run.delay(run.pk)
    return run


@pytest.mark.parametrize("path", ["/api/runs/", "/api/models/", "/api/completions/"])
def test_api_is_for_staff_only(path: str, client: Client, visitor_client: Client, staff_client: Client) -> None:
    assert client.get(path).status_code == 401
    assert visitor_client.get(path).status_code == 403
    assert staff_client.get(path).status_code == 200


def test_run_is_started_by_a_post(
    study: Study, make_spec: MakeSpec, staff_client: Client, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    launched: list[int] = []
    monkeypatch.setattr("survey.llm.api.launch", launched.append)
    make_spec("one")
    body = {"study": "trial", "specs": ["one", "one"], "persona": ["no_persona"], "limit": 1}
    shown = staff_client.post("/api/runs/", body, JSON)
    assert (shown.status_code, shown.json()["n_calls"], Run.objects.count()) == (200, 4, 0)
    assert shown.json()["estimates"][0]["spec"] == "one"
    other = staff_client.post("/api/runs/", {**body, "limit": 2, "start": shown.json()["start"]}, JSON)
    assert (other.status_code, other.json()["n_calls"], Run.objects.count()) == (409, 8, 0)
    with django_capture_on_commit_callbacks(execute=True):
        response = staff_client.post("/api/runs/", {**body, "start": shown.json()["start"]}, JSON)
    run = Run.objects.get()
    assert response.status_code == 201
    assert response.json()["id"] == run.pk
    assert response.json()["progress"] == {"one": {"todo": 4}}
    assert (run.n_cells, run.created_by and run.created_by.username, launched) == (4, "rana", [run.pk])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"study": "absent"}, "study"),
        ({"specs": ["absent"]}, "specs"),
        ({"specs": []}, "detail"),
        ({"persona": ["wizard"]}, "persona"),
        ({"persona": []}, "detail"),
        ({"limit": 0}, "limit"),
    ],
)
def test_request_that_cannot_run_is_refused(
    change: dict[str, Any], field: str, study: Study, make_spec: MakeSpec, staff_client: Client
) -> None:
    make_spec("one")
    response = staff_client.post("/api/runs/", {"study": "trial", "specs": ["one"], **change}, JSON)
    problem = response.json()
    assert (response.status_code, list(problem.get("errors", ["detail"]))) == (400, [field])
    assert problem["detail"]
    assert not Run.objects.exists()


def test_runs_are_filtered(run: Run, make_spec: MakeSpec, study: Study, staff_client: Client) -> None:
    other = domain.create_alignment_run(study, specs=[make_spec("other")], persona=[PersonaSetting.NO_PERSONA])

    def ids(**filters: str) -> list[int]:
        return [each["id"] for each in staff_client.get("/api/runs/", filters).json()["results"]]

    assert ids(study="trial") == [run.pk, other.pk]
    assert ids(spec="other") == [other.pk]
    assert ids(state="done") == [run.pk]


def test_completions_are_filtered_and_name_their_cell(run: Run, staff_client: Client) -> None:
    filters = {
        "run": str(run.pk), "spec": "simulated", "item": "T02", "question": "norm", "persona_setting": "no_persona",
    }  # fmt: skip
    results = staff_client.get("/api/completions/", filters).json()["results"]
    assert [(r["item"], r["question"], r["persona_country"], r["is_simulated"]) for r in results] == [
        ("T02", "norm", "", True)
    ] * 2
    assert {r["option_order"] for r in results} == {"culture_first", "preference_first"}
    assert all(r["request"]["model"] == "simulated" for r in results)
    assert staff_client.get("/api/completions/", {"run": str(run.pk + 1)}).json()["results"] == []


def test_pages_of_completions_meet_without_gap_or_overlap(
    run: Run, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("survey.llm.api.ByKey.page_size", 50)
    seen: list[int] = []
    url: str | None = "/api/completions/"
    while url:
        page = staff_client.get(url).json()
        seen += [each["id"] for each in page["results"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == run.n_cells
    assert seen == sorted(seen)


def test_completions_take_the_same_queries_for_one_and_three(
    run: Run, staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for size in (1, 3):
        monkeypatch.setattr("survey.llm.api.ByKey.page_size", size)
        with CaptureQueriesContext(connection) as captured:
            assert len(staff_client.get("/api/completions/").json()["results"]) == size
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_api_changes_nothing_else(run: Run, staff_client: Client) -> None:
    assert staff_client.delete(f"/api/runs/{run.pk}/").status_code == 405
    assert staff_client.put(f"/api/runs/{run.pk}/", {}, JSON).status_code == 405
    assert staff_client.post("/api/models/", {}, JSON).status_code == 405
    assert staff_client.post("/api/completions/", {}, JSON).status_code == 405


def test_models_never_show_a_key(make_spec: MakeSpec, staff_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAL_API_KEY", "sk-trial")
    make_spec("one", api_key_env="TRIAL_API_KEY")
    response = staff_client.get("/api/models/one/")
    assert response.json()["tag"] == "one"
    assert "sk-trial" not in response.content.decode()


def test_priority_and_budget_are_changed(run: Run, staff_client: Client) -> None:
    address = f"/api/runs/{run.pk}/"
    changed = staff_client.patch(address, {"priority": 3}, JSON)
    assert (changed.status_code, changed.json()["priority"], changed.json()["budget"]) == (200, 3, None)
    refused = staff_client.patch(address, {"priority": 4, "budget": "1"}, JSON)
    assert (refused.status_code, "needs a price" in refused.json()["detail"]) == (400, True)
    assert staff_client.patch(address, {"priority": 101}, JSON).status_code == 400
    assert Run.objects.get().priority == 3


def test_refusals_are_asked_again_and_old_answers_found_apart(
    run: Run, staff_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    run.cells.filter(question="norm").update(state="refused")
    n = run.cells.filter(question="norm").count()
    address = f"/api/runs/{run.pk}/again/"
    offered = staff_client.get(address).json()
    assert offered["kinds"] == [{"kind": "refusals", "n_calls": n, "money": None}]
    assert staff_client.post(address, {"kinds": []}, JSON).status_code == 400
    assert staff_client.post(address, {"kinds": ["errors"]}, JSON).json()["detail"].startswith("The run has nothing")
    with django_capture_on_commit_callbacks(execute=True):
        response = staff_client.post(address, {"kinds": ["refusals"]}, JSON)
    assert (response.status_code, response.json()["progress"]["simulated"]) == (
        200,
        {"done": run.n_cells - n, "todo": n},
    )
    assert Run.objects.get().state == "done"  # the tasks ran in this process

    def found(**filters: str) -> list[tuple[int, bool]]:
        rows = staff_client.get("/api/completions/", {"question": "norm", **filters}).json()["results"]
        return [(row["asking"], row["is_set_aside"]) for row in rows]

    assert found() == [(1, False)] * n
    assert found(is_set_aside="true") == [(1, True)] * n
